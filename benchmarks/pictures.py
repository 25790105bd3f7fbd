"""Draws the pictures of the documentation again, from trained runs.

    kgan train mnist --conditional --steps 4000 --run runs/mnist
    kgan evaluate runs/mnist && kgan directions runs/mnist
    kgan train gaussian --run runs/gaussian
    kgan train avatars --attributes all --steps 20000 --run runs/avatars && kgan directions runs/avatars
    python benchmarks/pictures.py --mnist runs/mnist --gaussian runs/gaussian --avatars runs/avatars

Each run gives its own pictures. The pages need npm, Playwright and a Chromium. Their settings are in the addresses
below, as the pages write them.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import click
import numpy as np

from keras_gan import data, sampling
from keras_gan.exports import web

KGAN = Path(sys.executable).with_name("kgan")
PICTURES = Path(__file__).parent.parent / "examples" / "pictures"
PAGE = "#seed=100&from=107&to=115&at=0&set=Smiling%3D1.5"
DEMO = "?seed=7&sliders=Smiling:1.5,Eyeglasses:0,Long_Hair:0,Brown_Hair:0"
HELD_OUT_FACE = 8
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
        for name, width, height in (("page.png", 1280, 840), ("page-360.png", 360, 780)):
            page = open_page(browser, f"http://{web.ADDRESS}:{server.server_port}/{PAGE}", width, height)
            page.wait_for_timeout(5 * SETTLE_MS)
            page.screenshot(path=PICTURES / name)
        server.shutdown()


def draw_demo(browser, run):
    process = subprocess.Popen([KGAN, "demo", run, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stdout if "http://" in line)
        address = re.search(r"http://\S+", line)[0].rstrip("/")
        for name, width, height in (("demo.png", 1280, 860), ("demo-360.png", 360, 780)):
            page = open_page(browser, f"{address}/{DEMO}", width, height)
            page.get_by_role("slider", name="Smiling").first.wait_for()
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


def draw_mnist(run):
    for picture in ("card.png", "curves.png", "directions.png"):
        shutil.copy(run / picture, PICTURES)
    kgan("sample", run, "--out", PICTURES / "mnist.png")
    for slider in ("slant", "thickness"):
        kgan("sample", run, "--sweep", slider, "-n", 20, "--out", PICTURES / f"{slider}.gif")


def draw_gaussian(run):
    shutil.copy(run / "gradients.png", PICTURES)
    shutil.copy(run / "progress.gif", PICTURES / "gaussian.gif")


def draw_avatars(run):
    from playwright.sync_api import sync_playwright

    kgan("sample", run, "-n", 36, "--out", PICTURES / "avatars.png")
    kgan("sample", run, "--sweep", "Smiling", "-n", 8, "--out", PICTURES / "smile.gif")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "me.png")
        held_out = data.open_source("avatars", split="test")
        sampling.to_picture(held_out.fetch(np.array([HELD_OUT_FACE]))[0]).save(picture)
        kgan("project", run, picture, "--out", folder)
        shutil.copy(Path(folder, "projection.png"), PICTURES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        draw_web_page(browser, run)
        draw_demo(browser, run)
        browser.close()


RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--mnist", type=RUN)
@click.option("--gaussian", type=RUN)
@click.option("--avatars", type=RUN)
def main(**runs):
    """Replace the pictures of the run folders that are given."""
    for name, draw in (("mnist", draw_mnist), ("gaussian", draw_gaussian), ("avatars", draw_avatars)):
        if runs[name]:
            draw(runs[name])


if __name__ == "__main__":
    main()
