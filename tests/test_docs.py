"""The documentation site: built once with warnings as errors, then read as a browser and a reader would."""

import importlib
import inspect
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

import keras_gan
from keras_gan.cli.main import VERBS, kgan
from keras_gan.doctor import symptoms

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
AT_THE_ROOT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PHONE, DESK = 360, 1280  # px
LOADING = {"img", "script", "iframe", "source", "video", "audio", "embed", "object", "link", "image", "use", "input"}


class Page(HTMLParser):
    """What a page links to, what it loads, what can be linked to in it, and its text."""

    def __init__(self, html):
        super().__init__()
        self.links, self.loads, self.ids, self.text, self.titles = [], [], [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        addresses = [given[name] for name in ("src", "href", "data", "poster", "xlink:href") if given.get(name)]
        if tag == "a":
            self.links += addresses
        elif tag in LOADING:
            self.loads += addresses + re.findall(r"([^\s,]+)(?:\s[^,]*)?", given.get("srcset") or "")
        self.titles += [""] if re.fullmatch("h[1-6]", tag) else []
        self.loads += re.findall(r"url\(['\"]?([^)'\"]+)", given.get("style") or "")

    def handle_data(self, data):
        self.text += data
        if self.titles and self.lasttag in ("h1", "h2", "h3", "h4", "h5", "h6", "code"):
            self.titles[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the built site."""
    out = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--doctree-dir", out / "trees"]
    command = [sys.executable, "-m", "sphinx", *options, DOCS, out / "html"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def pages(site):
    """Path of each page -> `Page`."""
    return {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}


def is_external(address):
    return bool(urlsplit(address).scheme or urlsplit(address).netloc)


@pytest.mark.long
def test_every_link_inside_the_site_leads_somewhere(pages):
    followed = 0
    for path, page in pages.items():
        for link in filter(lambda link: not is_external(link), page.links):
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path.name, link)
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in pages[target].ids, (path.name, link)
            followed += 1
    assert followed > 1000


@pytest.mark.long
def test_no_address_is_given_to_two_places_of_a_page(pages):
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), path.name


@pytest.mark.long
def test_pages_load_only_what_lies_beside_them(site, pages):
    for path, page in pages.items():
        assert page.loads
        for address in page.loads:
            assert not is_external(address) or address.startswith("data:"), (path.name, address)
            assert address.startswith("data:") or (path.parent / unquote(urlsplit(address).path)).exists(), address
    for sheet in site.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        assert not re.search(r"@import|url\(\s*['\"]?(?!data:)(\w+:)?//", text), sheet.name


def is_well_formed(address):
    parts = urlsplit(address)
    return parts.scheme == "https" and re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc) and " " not in address


@pytest.mark.long
def test_external_links_are_https(pages):
    external = {link for page in pages.values() for link in page.links if is_external(link)}
    assert "https://arxiv.org/abs/1406.2661" in external  # from a docstring's reference
    assert not [link for link in external if not is_well_formed(link)]


@pytest.mark.long
@pytest.mark.parametrize("name", keras_gan.__all__)
def test_a_public_name_has_its_place(site, pages, name):
    if name in keras_gan._HOME:
        assert f"keras_gan.{name}" in pages[site / "api/keras_gan.html"].ids
        return
    page = pages[site / f"api/{name}.html"]
    assert f"module-keras_gan.{name}" in page.ids
    assert f"{name}.html" in pages[site / "api/index.html"].links
    room = importlib.import_module(f"keras_gan.{name}")
    members = {member: getattr(room, member) for member in getattr(room, "__all__", ())}
    documented = {member for member, value in members.items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert {f"keras_gan.{name}.{member}" for member in documented} <= set(page.ids)


@pytest.mark.long
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_its_help(site, pages, verb):
    page = pages[site / "commands.html"]
    assert f"kgan-{verb}" in page.ids
    printed = CliRunner().invoke(kgan, [verb, "--help"], prog_name="kgan", terminal_width=80)
    assert printed.exit_code == 0
    assert printed.output.strip() in page.text


def commands():
    for page in sorted(DOCS.glob("*.md")):
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            yield from (line.split("#")[0].split()[1:] for line in block.splitlines() if line.startswith("kgan "))


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_a_command_on_a_page_can_be_given(words):
    verb = kgan.get_command(None, words[0])
    assert verb.make_context(words[0], words[1:], resilient_parsing=False).command is verb


@pytest.mark.long
def test_every_verdict_of_the_doctor_is_explained(site, pages):
    text = pages[site / "curves.html"].text
    assert not [each.name for each in (*symptoms.SYMPTOMS, symptoms.AT_CHANCE_NOTE) if each.name not in text]
    assert all(f"{chance:.3f}" in text for chance in symptoms.CHANCE_LOSS.values())


def slug(title):
    """The address of a title in a Markdown file, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", AT_THE_ROOT)
def test_a_file_at_the_root_links_to_what_is_there(name):
    page = Page(MarkdownIt().enable("table").render((ROOT / name).read_text()))
    for address in page.links + page.loads:
        parts = urlsplit(address)
        if is_external(address):
            assert is_well_formed(address), address
        elif parts.path:
            assert (ROOT / unquote(parts.path)).exists(), address
        else:
            assert parts.fragment in map(slug, page.titles), address


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_a_page_links_to_files_that_are_there(page):
    for address in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        parts = urlsplit(address)
        made = parts.path.startswith("api/")  # with the site
        assert made or is_external(address) or (page.parent / unquote(parts.path)).exists(), address


@pytest.fixture(scope="module")
def shown(site, browser):
    """A function that opens a page from the disk; what it asks another host for, or complains of, is an error."""
    context = browser.new_context()
    tab, complaints = context.new_page(), []
    tab.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
    # From the disk a search finds pages, but may not fetch them for its summaries.
    tab.on("pageerror", lambda error: "Failed to fetch" in str(error) or complaints.append(str(error)))

    def show(address):
        tab.goto(f"{site.as_uri()}/{address}")
        return tab

    yield show
    context.close()
    assert not complaints


@pytest.mark.long
def test_pages_fit_the_screen(site, pages, shown):
    for path in pages:
        tab = shown(path.relative_to(site))
        assert tab.evaluate("[...document.images].every(image => image.naturalWidth)"), path.name
        for width in (PHONE, DESK):
            tab.set_viewport_size({"width": width, "height": 800})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, (path.name, width)


@pytest.mark.long
def test_formulas_are_drawn_by_the_browser(shown):
    tab = shown("theory.html")
    # How high a letter is depends on the reader's font: an "a" of 16 pixels has 8 in Liberation Serif, 9 in DejaVu.
    formulas = tab.eval_on_selector_all(
        "math",
        """all => all.map(math => {
            const {fontFamily, fontSize} = getComputedStyle(math)
            const pen = document.createElement("canvas").getContext("2d")
            pen.font = `${fontSize} ${fontFamily}`
            return [math.getBoundingClientRect().height, pen.measureText("a").actualBoundingBoxAscent]
        })""",
    )
    assert len(formulas) > 4 and min(height for height, _ in formulas) > 8
    assert all(height >= letter > 0 for height, letter in formulas)
    fractions = tab.eval_on_selector_all(
        "mfrac", "all => all.map(one => [...one.children].map(part => part.getBoundingClientRect().toJSON()))"
    )
    assert len(fractions) == 2
    for above, below in fractions:
        assert above["bottom"] < below["top"]  # a line is between them
        assert abs(above["left"] + above["right"] - below["left"] - below["right"]) < 4  # twice the centers
    assert "$" not in tab.inner_text("article") and "\\" not in tab.inner_text("article")


@pytest.mark.long
def test_search_works_from_the_disk(shown):
    tab = shown("search.html?q=mode+collapse")
    tab.wait_for_selector("#search-results li a")
    assert "How to read the curves" in tab.inner_text("#search-results")
