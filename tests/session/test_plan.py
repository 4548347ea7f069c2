"""What is decided before the first iteration."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.errors import NstError
from nst.images import load
from nst.networks import Weights
from nst.session.arguments import parse
from nst.session.plan import make_plan
from nst.session.scales import Scale
from nst.session.sources import read_pictures, settled


@pytest.fixture
def plan(pictures, filters, monkeypatch):
    """`plan(*arguments)` plans a small run of the two pictures with the random network."""
    monkeypatch.setattr("nst.session.sources.random_weights", lambda: filters)

    def make(*arguments, size=32):
        words = [*pictures, "--network", "random", "--size", size, *arguments]
        return make_plan(parse([str(word) for word in words]))

    return make


def test_the_default_layers_are_those_that_exist(plan, filters):
    """relu4_2 for the content, relu1_1 to relu5_1 for the style, in a network that has them."""
    found = plan(size=64).transfer
    assert list(found.content_layers) == ["relu4_2"]
    assert list(found.style_layers) == [f"relu{n}_1" for n in range(1, 6)]


@pytest.mark.parametrize(
    "name, pooling, padding",
    [("random", "avg", "reflect"), ("vgg19", "max", "zero"), ("vgg16", "max", "zero")],
)
def test_each_network_has_its_own_habits(name, pooling, padding):
    """A trained network is used as it was trained; what is asked for comes first."""
    found = settled(parse([]), Weights({}, name), None)
    assert (found.network, found.pooling, found.padding) == (name, pooling, padding)
    asked = settled(parse(["--pooling", "max", "--padding", "replicate"]), Weights({}, name), Path("w.h5"))
    assert (asked.pooling, asked.padding, asked.weights) == ("max", "replicate", "w.h5")


def test_pictures_come_at_their_sizes(pictures):
    """The content's longest side is that of the scale, the style's is --style-scale times as long; float32."""
    found = read_pictures(parse([*map(str, pictures), "--style-scale", "1.5"]))
    for longest, size, style in ((20, (15, 20), (30, 22)), (40, (30, 40), (60, 45))):
        scale = Scale(longest, 1)
        content = found.content_at(scale)
        styles = found.styles_at(scale, content)
        assert content.shape == (1, *size, 3) and found.content_size(scale) == size
        assert [array.shape for array in styles] == [(1, *style, 3)] and found.style_sizes(scale) == [style]
        assert {array.dtype for array in (content, *styles)} == {np.dtype(np.float32)}
        np.testing.assert_array_equal(found.start_at(scale, np.random.default_rng()), content)
    assert set(found.hashes) == {"content", "style 1"} and found.alpha_at((3, 4)) is None


def test_what_is_kept_is_as_small_as_it_was_in_the_file(pictures, tmp_path):
    """A picture of eight bits is kept in bytes; one that is more than that, in floats, as it is."""
    deep = tmp_path / "deep.png"
    Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50).save(deep)
    kept = [
        read_pictures(parse([str(path), str(pictures[1])])).content.pixels for path in (pictures[0], deep)
    ]
    assert [array.dtype for array in kept] == [np.uint8, np.float32]
    for path, array in zip((pictures[0], deep), kept, strict=True):
        np.testing.assert_array_equal(array, load(path).pixels)


def test_a_random_start_is_grey_noise_within_range(pictures):
    """White noise about 128, inside 0..255, the same for a seed."""
    sources = read_pictures(parse([*map(str, pictures), "--init", "random"]))
    starts = [sources.start_at(Scale(512, 1), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert starts[0].min() >= 0 and starts[0].max() <= 255
    assert starts[0].mean() == pytest.approx(128, abs=1) and starts[0].std() == pytest.approx(32, rel=0.05)
    assert starts[0].tobytes() == starts[1].tobytes() != starts[2].tobytes()


def test_without_pictures_there_are_two_of_our_own():
    """The bundled landscape in the style of the bundled strokes."""
    found = read_pictures(parse([]))
    assert max(found.content_size(Scale(32, 1))) == 32 and len(found.styles) == 1


def test_a_picture_that_is_too_small_is_refused_before_the_work_begins(plan):
    """The message has the role, the size, and the layer that is left without pixels."""
    with pytest.raises(
        NstError, match=r"the style 1 at 3x4 is too small for pool2; use a larger --style-scale or --size$"
    ):
        plan(
            "--style-scale",
            0.125,
            "--padding",
            "zero",
            "--style-layers",
            "relu4_1",
            "--content-layers",
            "relu4_1",
        )


def test_the_settings_are_plain_and_whole(plan):
    """Every value that is recorded is one of JSON's, and no number is a NaN."""
    import json

    found = plan("--style-layers", "relu1_1:0.5", "--dry-run", "--quiet").settings()
    assert not {"dry_run", "check_gradients", "debug", "quiet", "resume"} & set(found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["style_layers"] == {"relu1_1": 0.5}
    assert all(not isinstance(value, float) or math.isfinite(value) for value in found.values())
