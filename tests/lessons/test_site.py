"""The lessons as a site: built from the same files, complete, and readable without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.lessons.pages import FOLDER, LESSONS, PAGES, ROOT, fences

MISSING = [name for name in ("sphinx", "myst_parser", "furo") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {MISSING}; the extra 'docs' brings them"
)

LOADED = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """What a page loads by itself, what it links to, and how many formulas stand in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.formulas = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort a tag's addresses: an `a` waits to be clicked, everything else is fetched at once."""
        self.formulas += tag == "math"
        for name, value in attrs:
            if name in ("src", "href", "data", "poster", "srcset") and value:
                (self.links if tag == "a" else self.loads).add(value)
            if name == "style":
                self.loads.update(filter(None, sum(LOADED.findall(value or ""), ())))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `lessons/README.md` says, with each warning an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-d", str(folder / "trees"), "-b", "html"]
    built = subprocess.run(
        [*command, str(FOLDER), str(folder / "html")], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert built.returncode == 0, built.stderr
    return folder / "html"


def test_every_lesson_is_a_page_in_order(site: Path) -> None:
    """The first page is the contents; the side bar leads to each lesson, in the order of the numbers."""
    text = (site / "index.html").read_text("utf-8")
    bar = re.findall(r'<li class="toctree-l1"><a class="reference internal" href="([^"]+)"', text)
    assert bar == [f"{lesson.stem}.html" for lesson in LESSONS]


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """No script, style sheet, font or picture of the site has an address outside it."""
    loaded = {(page.name, at) for page in site.rglob("*.html") for at in Page(page.read_text("utf-8")).loads}
    for sheet in site.rglob("*.css"):
        loaded |= {(sheet.name, at) for pair in LOADED.findall(sheet.read_text("utf-8")) for at in pair}
    assert len(loaded) > 10
    assert {(name, at) for name, at in loaded if re.match(r"(\w+:)?//", at)} == set()


def test_links_and_pictures_are_there(site: Path) -> None:
    """Every relative address leads to a file of the site: lessons, sources, figures, style sheets."""
    for path in site.rglob("*.html"):
        page = Page(path.read_text("utf-8"))
        for target in page.links | page.loads:
            if not re.match(r"\w+:|#", target):
                assert (path.parent / re.split("[?#]", target)[0]).exists(), f"{path.name}: no {target}"


def test_formulas_are_drawn(site: Path) -> None:
    """Each display formula is MathML in its page, and no page shows the source of one."""
    for page in PAGES:
        text = (site / f"{page.stem}.html").read_text("utf-8")
        assert Page(text).formulas >= sum(
            fence.language == "math" for fence in fences(page.read_text("utf-8"))
        )
        assert not re.search(r"\\(frac|sum|sqrt|qquad)", text)


def test_files_that_lessons_link_to_are_shown(site: Path) -> None:
    """A link to a source file of the library leads to a page with its text."""
    assert 'href="source/nst/layers/relu.py.html"' in (site / "03-relu-and-pooling.html").read_text("utf-8")
    shown = (site / "source/nst/layers/relu.py.html").read_text("utf-8")
    assert "<h1>nst/layers/relu.py</h1>" in shown and "ReLU" in shown
