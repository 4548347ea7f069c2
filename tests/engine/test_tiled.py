"""The objective in tiles: the same value, parts and gradient as that of the whole picture."""

from __future__ import annotations

import numpy as np
import pytest

from nst.engine import Layout, StyleTransfer, TiledObjective
from nst.networks import Weights, vgg
from nst.networks.tiling import Tiling

LAYERS = {"relu2_2": 1.0, "relu3_1": 0.5}, {"relu1_1": 1.0, "relu2_1": 0.25, "relu3_1": 2.0}
TRANSFER = StyleTransfer(*LAYERS, 5.0, 100.0, 10.0, 1000.0, (3, 1))
BOUNDS = {np.float64: 1e-12, np.float32: 1e-5}


@pytest.fixture(scope="module")
def thin():
    """Weights of a VGG of three blocks with a few channels each: deep enough for tiles, quick in float64."""
    rng = np.random.default_rng(3)
    arrays, channels = {}, 3
    for name, width in (("1_1", 4), ("1_2", 6), ("2_1", 6), ("2_2", 8), ("3_1", 8)):
        arrays[f"conv{name}.weight"] = rng.normal(0, (2 / 9 / channels) ** 0.5, (3, 3, channels, width))
        arrays[f"conv{name}.bias"] = rng.normal(0, 1, width)
        channels = width
    return {
        dtype: Weights({name: array.astype(dtype) for name, array in arrays.items()}, "vgg19")
        for dtype in BOUNDS
    }


def pictures(shape, dtype, seed=0):
    """An image, a content of its size, and two styles of other sizes."""
    rng = np.random.default_rng(seed)
    sizes = [shape, shape, (37, 52), (61, 45)]
    return [rng.uniform(-20, 275, (1, *size, 3)).astype(dtype) for size in sizes]


def layout_of(network, transfer, content, styles, counts, keep="memory"):
    grids = [[length // 4 for length in picture.shape[1:3]] for picture in (content, *styles)]
    tilings = [
        Tiling(network, transfer.taps, picture.shape, tuple(map(min, counts, most)))
        for picture, most in zip((content, *styles), grids, strict=True)
    ]
    return Layout(tilings[0], tuple(tilings[1:]), keep)


def assert_same(tiled, whole, bound):
    assert tiled.value == pytest.approx(whole.value, rel=bound)
    assert list(tiled.parts) == list(whole.parts)
    for label, part in whole.parts.items():
        assert tiled.parts[label] == pytest.approx(part, rel=10 * bound), label
    assert tiled.gradient.dtype == whole.gradient.dtype
    error = np.linalg.norm(tiled.gradient - whole.gradient)
    assert error <= bound * np.linalg.norm(whole.gradient)


@pytest.mark.parametrize(
    "counts, pooling, dtype",
    [
        ((1, 2), "avg", np.float64),
        ((3, 1), "max", np.float64),
        ((4, 5), "avg", np.float64),
        ((11, 16), "max", np.float64),
        ((3, 2), "avg", np.float32),
    ],
)
@pytest.mark.parametrize("padding", ["zero", "reflect", "replicate"])
def test_tiles_never_show(thin, pooling, dtype, padding, counts):
    """Value, parts and gradient are the whole picture's, at an odd size, to the last tile that the grid allows."""
    network = vgg(thin[dtype], pooling, padding)
    image, content, *styles = pictures((47, 67), dtype)
    whole = TRANSFER.objective(network, content, styles)
    layout = layout_of(network, TRANSFER, content, styles, counts)
    tiled = TRANSFER.objective(network, content, styles, layout)
    assert isinstance(tiled, TiledObjective)
    assert_same(tiled(image), whole(image), BOUNDS[dtype])
    assert_same(tiled.fused()(image), whole(image), BOUNDS[dtype])
