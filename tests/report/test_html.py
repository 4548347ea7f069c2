"""The report: well-formed, self-contained, escaped, and there whatever the run was like."""

from __future__ import annotations

import base64
import io
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from nst.errors import NstError
from nst.report import Trace, write_report
from nst.report.html import MOST_PICTURES
from nst.report.stylesheet import STYLE
from tests.report.markup import Markup

EVIL = "<script>alert(1)</script>\"'&.jpg"


def picture(height=40, width=60, seed=0) -> np.ndarray:
    """Return noise, uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def traced(count: int) -> Trace:
    """Return a falling loss of `count` iterations, with shares at every tenth."""
    trace = Trace()
    for i in range(1, count + 1):
        parts = {"content relu4_1": 10.0 / i, "style relu1_1": 100.0 / i, "tv": 0.0}
        shares = {"content relu4_1": 0.25, "style relu1_1": 0.75} if i % 10 == 1 else None
        trace.add(i, sum(parts.values()), parts, seconds=0.5, gradient_norm=1.0 / i, shares=shares)
    return trace


def report(path, **options) -> tuple[str, Markup]:
    """Write a report and return its text, and its elements once the tags are known to balance."""
    options = {"title": "a as b", "trace": traced(3), **options}
    write_report(path, **options)
    text = path.read_text("utf-8")
    return text, Markup(text)


@pytest.fixture
def full(tmp_path):
    """A report of everything there is."""
    return report(
        tmp_path / "out.html",
        trace=traced(1000),
        result=("out.png", picture(300, 1500)),
        inputs=[("content", picture()), ("style 1", picture()), ("style 2", picture())],
        pictures=[(f"iteration {i}", picture(600, 400, i)) for i in range(30)],
        settings={"content_weight": 5.0, "layers": {"relu4_1": 1.0}, "resume": None, "quiet": False},
        versions={"numpy": "2.0"},
        hashes={"content": "ab" * 32},
        timings={"forward": 3.0, "backward": 5.0},
        stopped="all iterations done",
    )


def test_everything_is_in_the_page(full):
    """Headings, figures, tables and the reason of the end are there; the size stays reasonable."""
    text, page = full
    told = [words for pieces in page.text.values() for words in pieces]
    for expected in ["Along the way", "Loss", "Gradient shares", "Seconds per iteration", "Gradient norm"]:
        assert expected in told
    for expected in [
        "all iterations done",
        "content_weight",
        "relu4_1 1",
        "no",
        "2.0",
        "ab" * 32,
        "5 s",
        "8 min 20 s",
    ]:
        assert expected in told
    assert len(text) < 6_000_000


def test_pictures_are_reduced_and_not_too_many(full):
    """At most 24 along the way, first and last among them, none above 480 pixels; the result above 480."""
    _, page = full
    images = [image for image in page.named("img")]
    frames = [image for image in images if image["alt"].startswith("iteration")]
    assert len(frames) == MOST_PICTURES == 24
    assert frames[0]["alt"] == "iteration 0" and frames[-1]["alt"] == "iteration 29"
    for image in images:
        head, data = image["src"].split(",")
        assert head == "data:image/jpeg;base64"
        decoded = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        assert decoded.size == (int(image["width"]), int(image["height"]))
        assert max(decoded.size) <= (480 if image in frames else 1280)
    assert (int(images[0]["width"]), int(images[0]["height"])) == (1280, 256)
    assert (int(frames[0]["width"]), int(frames[0]["height"])) == (320, 480)


def test_picture_keeps_its_colours(tmp_path):
    """Red is red: channels are not swapped on the way into the page."""
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    _, page = report(tmp_path / "r.html", result=("red", red))
    data = page.named("img")[0]["src"].split(",")[1]
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), dtype=int)
    assert np.abs(decoded - red).max() <= 3


def test_nothing_is_fetched(full):
    """No address of the net stands anywhere, sources are data, and the policy forbids the rest."""
    text, page = full
    assert not re.search(r"https?:|//[a-z]", re.sub(r"base64,[^\"]+", "", text))
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "a")
        for name in ("src", "href", "srcset", "action"):
            assert attributes.get(name, "data:").startswith("data:")
        assert not any(name.startswith("on") for name in attributes)
    (policy,) = [found["content"] for found in page.named("meta") if "http-equiv" in found]
    assert "default-src 'none'" in policy and "unsafe-inline'; script" in policy
    assert "url(" not in STYLE and "@import" not in STYLE


def test_names_from_outside_are_only_shown(tmp_path):
    """A file named like a script is text everywhere: one script element, ours, and no new attribute."""
    trace = Trace()
    trace.add(1, 1.0, {EVIL: 1.0}, seconds=1.0, gradient_norm=1.0, shares={EVIL: 1.0})
    text, page = report(
        tmp_path / "evil.html",
        title=EVIL,
        trace=trace,
        result=(EVIL, picture()),
        inputs=[(EVIL, picture())],
        pictures=[(EVIL, picture())],
        settings={EVIL: EVIL, "list": [EVIL], "nested": {EVIL: EVIL}},
        versions={EVIL: EVIL},
        hashes={EVIL: EVIL},
        timings={EVIL: 1.0},
        stopped=EVIL,
    )
    assert len(page.named("script")) == 1 and "<script>alert" not in text
    assert [image["alt"] for image in page.named("img")] == [EVIL] * 3
    assert page.text["h1"] == [EVIL] and "".join(page.text["td"]).count(EVIL) >= 5


def test_names_that_no_encoding_holds(tmp_path):
    """Halves of characters, nulls and reversed writing, as file names may hold them, do not stop the page."""
    text, page = report(tmp_path / "odd.html", title="a\udcff\x00\u202eb\n", settings={"x": "\ud800"})
    assert page.text["h1"] == ["a\ufffd\ufffd\ufffdb\ufffd"] and "\x00" not in text


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_any_number_of_iterations(tmp_path, count):
    """No, one, two or a thousand rows make a page, and only the empty trace makes one without charts."""
    _, page = report(tmp_path / "out.html", trace=traced(count))
    assert len(page.named("svg")) == (4 if count else 0)


def test_numbers_that_are_not_finite(tmp_path):
    """A run that blew up has a page too, which says so, and no drawing holds an undefined number."""
    trace = traced(5)
    for bad in (math.nan, math.inf, -math.inf):
        trace.add(9, bad, {"tv": bad}, seconds=bad, gradient_norm=bad, shares={"tv": bad})
    text, page = report(
        tmp_path / "out.html", trace=trace, timings={"a": math.nan, "b": 1.0}, settings={"x": bad}
    )
    assert "Left out: 3 iterations whose loss is not finite." in text
    for tag in ("path", "rect", "line", "text"):
        assert not any(re.search(r"nan|inf", value) for found in page.named(tag) for value in found.values())


def test_negative_losses_get_a_linear_axis(tmp_path):
    """An objective that is maximised, and so may be negative, is drawn whole."""
    trace = Trace()
    for i in range(5):
        trace.add(i, -float(i), {"unit": -float(i)}, seconds=1.0)
    text, page = report(tmp_path / "out.html", trace=trace)
    assert "logarithmic" not in text
    assert page.named("path", "curve")[0]["d"].count(",") == 5


def test_an_almost_empty_report(tmp_path):
    """With nothing but a title there is no empty heading."""
    _, page = report(tmp_path / "out.html", trace=Trace())
    assert not page.named("h2") and not page.named("img") and not page.named("dl")


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 4000)])
def test_extreme_pictures(tmp_path, shape):
    """A picture of one pixel, and one that is a line, keep at least one pixel each way."""
    _, page = report(tmp_path / "out.html", pictures=[("odd", picture(*shape))])
    (image,) = page.named("img")
    assert int(image["width"]) >= 1 and int(image["height"]) >= 1


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=lambda pixels: f"{pixels.shape} {pixels.dtype}",
)
def test_other_arrays_are_refused_and_the_old_file_stays(tmp_path, pixels):
    """A picture of another kind is a mistake of the caller; the report of before is not harmed."""
    target = tmp_path / "out.html"
    target.write_text("before")
    with pytest.raises(ValueError, match="uint8"):
        write_report(target, title="t", trace=Trace(), result=("r", pixels))
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_missing(tmp_path):
    """The user can mend it, so it is one line."""
    with pytest.raises(NstError, match="cannot write"):
        write_report(tmp_path / "absent" / "out.html", title="t", trace=Trace())


def test_pictures_of_the_caller_are_not_changed(tmp_path):
    """A read-only, mirrored view is as good as any array."""
    pixels = picture()[::-1, ::-1]
    pixels.setflags(write=False)
    before = pixels.copy()
    report(tmp_path / "out.html", result=("r", pixels))
    assert np.array_equal(pixels, before)


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page with")
def test_a_browser_opens_it_and_its_script_runs(tmp_path, full):
    """The policy lets our own script through: the slider is there, the last picture is up."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "out.html").as_uri()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        pytest.skip(f"the browser does not start here: {type(error).__name__}")
    assert 'type="range"' in done.stdout and 'class="film playing"' in done.stdout
    assert re.search(r'class="stage">.*?<figcaption>iteration 29</figcaption>', done.stdout, re.S)
