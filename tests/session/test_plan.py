"""What is decided before the first iteration."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from nst.errors import NstError
from nst.networks import Weights
from nst.session.arguments import parse
from nst.session.plan import make_plan
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


def test_memory_is_foretold(plan):
    """The bytes of activations are those of every layer that the taps need, at the content's size."""
    found = plan("--style-layers", "relu2_1", "--content-layers", "relu1_1")
    needed = [name for name in found.network.names if name in found.network.needed(["relu2_1"])]
    features, _ = found.network.forward(found.sources.content, needed)
    assert found.activation_bytes() == sum(array.nbytes for array in features.values())


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
    """The content's longest side is --size, the style's is --style-scale times as long; float32, one picture each."""
    options = parse([*map(str, pictures), "--size", "20", "--style-scale", "1.5"])
    found = read_pictures(options, np.random.default_rng(0))
    assert found.content.shape == found.start.shape == (1, 15, 20, 3)
    assert [style.shape for style in found.styles] == [(1, 30, 22, 3)]
    assert {array.dtype for array in (found.content, found.start, *found.styles)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found.start, found.content)
    assert not np.shares_memory(found.start, found.content)
    assert set(found.hashes) == {"content", "style 1"} and found.alpha is None


def test_a_random_start_is_grey_noise_within_range(pictures):
    """White noise about 128, inside 0..255, the same for a seed."""
    options = parse([*map(str, pictures), "--init", "random"])
    starts = [read_pictures(options, np.random.default_rng(seed)).start for seed in (1, 1, 2)]
    assert starts[0].min() >= 0 and starts[0].max() <= 255
    assert starts[0].mean() == pytest.approx(128, abs=1) and starts[0].std() == pytest.approx(32, rel=0.05)
    assert starts[0].tobytes() == starts[1].tobytes() != starts[2].tobytes()


def test_without_pictures_there_are_two_of_our_own():
    """The bundled landscape in the style of the bundled strokes."""
    found = read_pictures(parse(["--size", "32"]), np.random.default_rng(0))
    assert max(found.content.shape) == 32 and len(found.styles) == 1


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

    found = plan("--style-layers", "relu1_1:0.5").settings()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["style_layers"] == {"relu1_1": 0.5}
    assert all(not isinstance(value, float) or math.isfinite(value) for value in found.values())
