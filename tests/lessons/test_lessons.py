"""What keeps the lessons true: excerpts, experiments, exercises, links, figures and math."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lessons.figures.make import FIGURES, HERE, encode
from tests.lessons import math_rules
from tests.lessons.excerpts import EXCERPT, main, module_of, source, without_docstrings
from tests.lessons.pages import FOLDER, LESSONS, PAGES, ROOT, anchors, fences, prose

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
NUMBER = re.compile(rb"(?<![#\w])-?\d+(?:\.\d+)?")
LARGEST = 150 * 1024
"""Bytes of a figure: a page with five of them still opens at once."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
every_lesson = pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.name)


@every_page
def test_excerpts_are_the_source_of_the_library(page: Path) -> None:
    """What a lesson shows is what runs; `python -m tests.lessons.excerpts --update` mends a difference."""
    for excerpt in EXCERPT.finditer(page.read_text("utf-8")):
        assert excerpt["code"] == source(excerpt), f"{excerpt['module']}:{excerpt['name']} has changed"


@every_page
def test_code_is_an_excerpt_that_links_to_its_file(page: Path) -> None:
    """No Python stands in a lesson that nothing compares or runs, and its reader can open the whole file."""
    text = page.read_text("utf-8")
    for fence in fences(text):
        if fence.language == "python":
            assert fence.before.startswith("<!-- excerpt: "), f"line {fence.line}: Python of unknown origin"
    for excerpt in EXCERPT.finditer(text):
        path = Path(module_of(excerpt).__file__).relative_to(ROOT).as_posix()
        assert f"(../{path})" in text, f"no link to {path}, which is quoted"


@every_page
def test_experiments_end_with_a_blank_line(page: Path) -> None:
    """Doctest takes what follows a result, up to a blank line, for the result: the closing fence too."""
    for fence in fences(page.read_text("utf-8")):
        if ">>> " in fence.body:
            assert fence.language == "pycon", f"line {fence.line}: an experiment is a pycon fence"
            assert fence.body.endswith("\n\n"), f"line {fence.line}: no blank line before the closing fence"


def test_experiments_are_part_of_the_suite(pytestconfig: pytest.Config) -> None:
    """A plain `pytest` runs every lesson as a doctest."""
    assert "lessons" in pytestconfig.getini("testpaths")
    assert "*.md" in pytestconfig.getoption("doctestglob")


@every_lesson
def test_a_lesson_asks_tries_and_sets_exercises(page: Path) -> None:
    """A lesson opens with its question, experiments, and ends with exercises that tests answer."""
    text = page.read_text("utf-8")
    title, exercises = text.partition("\n")[0], text.partition("\n## Exercises\n")[2]
    assert re.fullmatch(rf"# {int(page.name[:2])}\. .*\?", title), "the title is `# N. ...?`"
    assert any(fence.language == "pycon" for fence in fences(text))
    numbered = re.split(r"^\d+\. ", exercises, flags=re.MULTILINE)[1:]
    assert len(numbered) >= 3
    for exercise in numbered:
        answers = [(name, target) for _, name, target in LINK.findall(exercise) if name.startswith("`test_")]
        assert answers, f"no test answers: {exercise[:60]}..."
        for name, target in answers:
            assert f"def {name.strip('`')}(" in (page.parent / target).read_text("utf-8"), f"no {name}"


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link is a file, every anchor a heading of its page; pictures have words."""
    for picture, words, target in LINK.findall(prose(page.read_text("utf-8"))):
        assert words or not picture, f"{target} has no text for who cannot see it"
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(linked.read_text("utf-8")), f"no heading for {target}"


def test_the_contents_name_every_lesson() -> None:
    """`lessons/README.md` links to each lesson."""
    contents = (FOLDER / "README.md").read_text("utf-8")
    assert [page.name for page in LESSONS if f"({page.name})" not in contents] == []


@every_page
def test_math_renders(page: Path) -> None:
    """Formulas keep to what code hosts render."""
    assert math_rules.faults(page.read_text("utf-8")) == []


def test_figures_files_and_lessons_agree() -> None:
    """Each figure is drawn by the script, kept beside it, and shown by a page."""
    files = {path.name for path in HERE.iterdir() if path.suffix in (".png", ".svg")}
    shown = {
        Path(target).name
        for page in PAGES
        for picture, _, target in LINK.findall(page.read_text("utf-8"))
        if picture and target.startswith("figures/")
    }
    assert files == set(FIGURES)
    assert shown == set(FIGURES)
    assert {name for name in files if (HERE / name).stat().st_size > LARGEST} == set()


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if not figure.slow])
def test_figures_are_what_the_library_draws_today(name: str) -> None:
    """A figure drawn now looks like the one that is kept; rounding and fonts may move it a little."""
    kept, drawn = (HERE / name).read_bytes(), encode(FIGURES[name].draw())
    if name.endswith(".svg"):
        assert NUMBER.sub(b"#", kept) == NUMBER.sub(b"#", drawn)
        old, new = (np.array(NUMBER.findall(data), float) for data in (kept, drawn))
    else:
        old, new = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float) for data in (kept, drawn))
    assert old.shape == new.shape
    assert np.abs(old - new).mean() < 4


def test_an_excerpt_can_leave_out_docstrings() -> None:
    """`body` drops the docstrings and the blank line below them, nothing else."""
    code = 'def f(x):\n    """Twice.\n\n    Yes.\n    """\n\n    # why\n    return "x" * 2\n'
    assert without_docstrings(code) == 'def f(x):\n    # why\n    return "x" * 2\n'


def test_update_mends_what_the_check_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stale excerpt gives status 1; `--update` rewrites it, and then all is well."""
    page = tmp_path / "page.md"
    page.write_text(
        "Text.\n\n<!-- excerpt: nst.kernels.reference_norms:relu_backward body -->\n```python\nold\n```\nMore.\n"
    )
    assert main([], [page]) == 1
    assert main(["--update"], [page]) == 0
    assert main([], [page]) == 0
    assert "    return dy * mask\n```\nMore.\n" in page.read_text()
    assert capsys.readouterr().out.splitlines() == ["page.md: out of date", "page.md: updated"]


@pytest.mark.parametrize(
    "text",
    ["a $x", "$ x$", r"$\{x\}$", "$a * b$", r"$\hat{x}_i$", "2$x$", "$x <b$", r"$\frac{1}{2$"]
    + ["```math\n\n```\n", "```math\n\\left( x\n```\n", "```math\n\\operatorname{a}\n```\n"],
)
def test_the_math_rules_object(text: str) -> None:
    """Each kind of formula that a host would garble is noticed."""
    assert math_rules.faults(text)
