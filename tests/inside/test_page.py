"""`look page`, on a small random VGG: its links, what it fetches, and how it looks in a browser."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from nst.images.bundled import landscape_path, strokes_path
from nst.inside import gathering, patch_pass
from nst.inside.page import _face
from nst.look import main
from nst.networks import vgg_shapes
from tests.inside.chromium import CHROMIUM, Browser, asked_by_files
from tests.networks.test_architectures import random
from tests.test_prune import weights_of

PICTURES = [str(landscape_path()), str(strokes_path())]
BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of two layers and three units each, with regions, causes, and a wanted picture for each layer."""
    folder = tmp_path_factory.mktemp("page")
    table = {name: shape for name, shape in list(vgg_shapes("vgg19").items())[:8]}
    formats.write(folder / "small.h5", weights_of(table, "vgg19-cut", 8))
    arguments = ["page", *PICTURES, "-o", str(folder / "look.html"), "--weights", str(folder / "small.h5")]
    arguments += ["--layers", "relu1_1", "pool2", "--units", "3", "--size", "48", "--quiet"]
    arguments += ["--patches", *PICTURES, "--index", str(folder / "index.json"), "--rules", "plain"]
    assert main([*arguments, "--wanted", "1", "--iterations", "2", "--wanted-size", "32"]) == 0
    return folder / "look.html"


def test_every_link_leads_somewhere(page):
    """Each link is an anchor of the page, no anchor is there twice, and every layer and unit is led to."""
    text = page.read_text()
    targets, anchors = re.findall(r'href="#([^"]*)"', text), re.findall(r'id="([^"]*)"', text)
    assert text.count("href=") == len(targets)
    assert set(targets) == set(anchors) and len(anchors) == len(set(anchors)) == 1 + 2 * (1 + 3)


def test_the_page_fetches_nothing(page):
    """No address but data within the file, no script, and a policy that forbids both."""
    text = page.read_text()
    assert not re.findall(r'(?:src|url\()="?\(?"?(?!"?data:)[a-z]+:', text)
    assert set(re.findall(r'src="(data:image/jpeg;base64,|[^"]{0,20})', text)) == {"data:image/jpeg;base64,"}
    assert "<script" not in text and "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text and "script-src" not in text


def test_the_page_tells_of_each_unit(page):
    """Maps of both pictures, regions and their answers for all units, a wanted picture for one of each layer."""
    text = page.read_text()
    assert text.count("Where it answers") == text.count("What excites it most") == 6
    assert text.count("The picture that it wants") == 2
    assert text.count("landscape.jpg: at most") == text.count("strokes.jpg: at most") == 6
    assert "regions from</th><td>2 pictures" in text


def test_what_nothing_excites_makes_room_for_the_next(page, tmp_path, monkeypatch):
    """Where no noise excites the strongest unit of a layer, the picture of the next one is made in its place."""
    asked, maximise = [], gathering.maximise

    def deaf_at_first(network, terms, *rest, **named):
        asked.append(terms[0].label)
        if len(asked) == 1:
            raise NstError("nothing excites it")
        return maximise(network, terms, *rest, **named)

    monkeypatch.setattr(gathering, "maximise", deaf_at_first)
    arguments = ["page", PICTURES[0], "-o", str(tmp_path / "p.html"), "--layers", "relu1_2", "--units", "4"]
    arguments += ["--weights", str(page.parent / "small.h5"), "--size", "48", "--wanted-size", "32"]
    assert main([*arguments, "--wanted", "1", "--iterations", "1"]) == 0
    assert len(set(asked)) == 2
    assert (tmp_path / "p.html").read_text().count("The picture that it wants") == 1


def test_a_layer_is_shown_by_a_picture_that_a_unit_wants():
    """The first that there is; where there is none, by a map."""
    maps = [np.full((2, 2, 3), value, np.float32) for value in (0, 10, 20)]
    units = [gathering.Unit(number, [1.0], [one]) for number, one in enumerate(maps)]
    wanted = np.full((4, 4, 3), 99, np.float32)
    layer = gathering.LayerView("relu", 2, 2, 3, 0, units)
    assert _face(layer) is maps[0]
    units[1] = gathering.Unit(1, [1.0], [maps[1]], wanted=wanted)
    assert _face(layer) is wanted


def test_the_folder_is_looked_through_once_for_all_layers(page, tmp_path, monkeypatch):
    """Each picture is run once, as deep as the deepest layer of the page asks."""
    looked, features = [], patch_pass._features
    monkeypatch.setattr(patch_pass, "_features", lambda *given: looked.append(given[2]) or features(*given))
    arguments = [
        "page",
        PICTURES[0],
        "-o",
        str(tmp_path / "p.html"),
        "--size",
        "48",
        "--units",
        "1",
        "--quiet",
    ]
    arguments += ["--weights", str(page.parent / "small.h5"), "--layers", "relu1_1", "pool2", "--wanted", "0"]
    assert main([*arguments, "--patches", *PICTURES, "--index", str(tmp_path / "index.json")]) == 0
    assert [str(path) for path in looked] == PICTURES


def test_what_no_unit_can_want_is_told_before_the_page_is_made(tmp_path):
    """A layer of scores has no channels whose mean could be raised."""
    formats.write(tmp_path / "squeezenet.h5", random("squeezenet"))
    arguments = ["page", PICTURES[0], "-o", str(tmp_path / "p.html"), "--size", "48", "--units", "1"]
    arguments += ["--weights", str(tmp_path / "squeezenet.h5"), "--layers", "relu_conv1", "prob"]
    with pytest.raises(NstError, match="prob has no places and channels"):
        main([*arguments, "--wanted", "1", "--iterations", "100000"])


# What the page shows, and where each of its links stands and leads to.
SHOWN = (
    "[...document.querySelectorAll('section')].filter(one => one.checkVisibility()).map(one => one.id).join()"
)
LINKS = "[...document.links].map(one => [one.closest('section')?.id ?? '', one.hash.slice(1)])"
MIDDLE = """(link => { link.scrollIntoView({block: 'center'}); const it = link.getBoundingClientRect();
  return [it.x + it.width / 2, it.y + it.height / 2] })(document.links[%d])"""


@BROWSER
def test_each_link_clicked_shows_its_section_and_asks_the_network_for_nothing(page, tmp_path):
    """A click on any link shows the section that it names and no other, and the log of the network stays empty."""
    with Browser(tmp_path) as browser:
        browser.open(page.as_uri())
        assert browser.run(SHOWN) == "start"
        links = browser.run(LINKS)
        for number, (section, target) in enumerate(links):
            before = section or (
                "start" if target != "start" else "layer-0"
            )  # the menu is there in all of them
            browser.run(f"location.hash = {before!r}")
            browser.until(f"{SHOWN} == {before!r}")
            browser.click(*browser.run(MIDDLE % number))
            browser.until(f"{SHOWN} == {target!r}")
        found = [
            event["params"] for event in browser.events if event.get("method") == "Network.requestWillBeSent"
        ]
    assert len(links) == 3 + 2 + 2 * 3 + 6 * 3  # of the menu, of the start, of each layer, of each unit
    assert {one["request"]["url"].partition("#")[0].partition(":")[0] for one in found} <= {"file", "data"}
    assert asked_by_files(browser.log) == set()


@BROWSER
def test_the_log_of_the_network_tells_what_a_page_asks_for(tmp_path):
    """A picture, a font and a host that a page of another kind names are all found in the log."""
    path = tmp_path / "other.html"
    path.write_text(
        '<link rel="preconnect" href="http://host.example"><img src="http://picture.example/a.png">'
        "<style>@font-face { font-family: f; src: url(http://font.example/f) } p { font-family: f }</style><p>text"
    )
    with Browser(tmp_path) as browser:
        browser.open(path.as_uri())
    assert {"http://picture.example/a.png", "http://font.example/f"} < asked_by_files(browser.log)


@BROWSER
def test_the_page_in_a_browser(page, tmp_path):
    """Start, layer and unit each show pictures below their heading, and none of the three what another one shows."""
    unit, shots = re.findall(r'id="(layer-0-unit-\d+)"', page.read_text())[0], {}
    with Browser(tmp_path) as browser:
        browser.open(page.as_uri())
        for anchor in ("start", "layer-1", unit):
            browser.run(f"location.hash = {anchor!r}")
            browser.until(f"{SHOWN} == {anchor!r}")
            shots[anchor] = browser.screenshot()
    for anchor, pixels in shots.items():
        assert pixels[260:].std() > 20  # more than a heading on paper
        assert pixels[190:255, :600].min() < 100 or anchor == "start"
        assert all(np.abs(pixels - other).mean() > 5 for name, other in shots.items() if name != anchor)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "look.png"], "must end in .html"),
        (["--layers", "relu9_9"], "no layer 'relu9_9'"),
        (["--recipe", "wave"], "no recipe 'wave'"),
        (["--patches", "absent"], "absent does not exist"),
    ],
)
def test_a_wrong_argument_is_one_line(page, tmp_path, arguments, message):
    """What is wrong is said in one line, and no page is written."""
    output = ["-o", str(tmp_path / "p.html")] if "-o" not in arguments else []
    with pytest.raises(NstError, match=message):
        main(["page", *PICTURES, *output, "--weights", str(page.parent / "small.h5"), "--quiet", *arguments])
    assert not (tmp_path / "p.html").exists()
