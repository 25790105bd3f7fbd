"""Draws the pictures of the documentation again, from trained runs.

    kgan train mnist --conditional --steps 4000 --run runs/mnist
    kgan evaluate runs/mnist && kgan directions runs/mnist
    kgan train gaussian --run runs/gaussian
    python benchmarks/pictures.py runs/mnist runs/gaussian

It needs npm, Playwright and a Chromium. The demo's settings are in the addresses below, as the pages write them.
"""

import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import click

from keras_gan.exports import web

KGAN = Path(sys.executable).with_name("kgan")
PICTURES = Path(__file__).parent.parent / "examples" / "pictures"
PAGE = "#seed=100&from=107&to=115&as=7&at=0&set=thickness%3D0.9&set=slant%3D-0.6"
DEMO = "?seed=7&class=4&sliders=thickness:1,slant:-1,width:0.5"
GAME_STEP = 600
WAIT_MS = 180_000  # TensorFlow is imported for the first visitor
SETTLE_MS = 2_000  # for the last pictures to be drawn


def kgan(*words):
    subprocess.run([KGAN, *map(str, words)], check=True)


def open_page(browser, address, width, height):
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    return page


def draw_web_page(browser, run):
    kgan("export", run, "--web")
    with web.server(run / "export" / "web") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = open_page(browser, f"http://{web.ADDRESS}:{server.server_port}/{PAGE}", 1280, 840)
        page.wait_for_timeout(5 * SETTLE_MS)
        page.screenshot(path=PICTURES / "page.png")
        server.shutdown()


def draw_demo(browser, run):
    process = subprocess.Popen([KGAN, "demo", run, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stdout if "http://" in line)
        address = re.search(r"http://\S+", line)[0].rstrip("/")
        for name, width, height in (("demo.png", 1280, 860), ("demo-360.png", 360, 780)):
            page = open_page(browser, f"{address}/{DEMO}", width, height)
            page.get_by_role("slider", name="thickness").first.wait_for()
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=PICTURES / name)
        page = open_page(browser, f"{address}/game", 1280, 900)
        page.get_by_role("button", name="Start", exact=True).click()
        page.get_by_text(f"Step {GAME_STEP} of").first.wait_for()
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Continue").wait_for()
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=PICTURES / "game.png")
    finally:
        process.terminate()


@click.command()
@click.argument("mnist", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("gaussian", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(mnist, gaussian):
    """Replace the pictures by those of MNIST and GAUSSIAN, two run folders."""
    from playwright.sync_api import sync_playwright

    for picture in ("card.png", "curves.png", "directions.png"):
        shutil.copy(mnist / picture, PICTURES)
    shutil.copy(gaussian / "gradients.png", PICTURES)
    kgan("sample", mnist, "--out", PICTURES / "mnist.png")
    for slider in ("slant", "thickness"):
        kgan("sample", mnist, "--sweep", slider, "-n", 20, "--out", PICTURES / f"{slider}.gif")
    shutil.copy(gaussian / "progress.gif", PICTURES / "gaussian.gif")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        draw_web_page(browser, mnist)
        draw_demo(browser, mnist)
        browser.close()


if __name__ == "__main__":
    main()
