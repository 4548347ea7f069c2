"""Instance normalisation in tiles: the whole picture's statistics, and no seams."""

from __future__ import annotations

import numpy as np
import pytest

from nst.feedforward.tiles import in_tiles, painted_in_tiles, with_statistics
from nst.layers import Conv2d, InstanceNorm, ReLU, Tanh, TransposedConv2d
from nst.networks import Network, Node
from nst.networks.blocks import residual
from nst.networks.fast_style import BLOCKS, STEP, fast_style, fast_style_shapes, room


def small(affine: bool = True) -> Network:
    """Return a generator of few channels that goes down, through a residual block, and up again."""
    rng = np.random.default_rng(0)

    def conv(c_in, c_out, **options):
        weight = 0.3 * rng.standard_normal((3, 3, c_in, c_out))
        return Conv2d(weight, **{"padding": 1, **options})

    def norm(channels):
        return InstanceNorm(*(rng.standard_normal((2, channels)) if affine else (None, None)), eps=1e-3)

    nodes = [Node("conv1", conv(3, 4)), Node("norm1", norm(4)), Node("relu1", ReLU())]
    nodes += [Node("conv2", conv(4, 5, stride=2, padding=((0, 1), (0, 1)))), Node("norm2", norm(5))]
    nodes += residual("block", "norm2", [("conv", conv(5, 5)), ("norm", norm(5))])
    nodes += [Node("up", TransposedConv2d(rng.standard_normal((3, 3, 3, 5)))), Node("norm3", norm(3))]
    return Network([*nodes, Node("tanh", Tanh(150.0, 127.5))]).freeze()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("side", [8, 15, 100])
def test_tiles_are_the_whole_picture(affine, side):
    """In float64 the same to 1e-12 at any size of the tiles, one alone included, on a picture that is not uniform."""
    network = small(affine)
    rows, columns = np.mgrid[0:34, 0:46]
    x = rng_picture(34, 46) + (rows * columns)[None, :, :, None] / 3
    expected = network.features(x, ["tanh"])["tanh"]
    np.testing.assert_allclose(in_tiles(network, x, "tanh", side), expected, rtol=1e-12, atol=1e-9)


def rng_picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (1, height, width, 3))


def test_a_network_with_its_statistics_looks_at_no_whole_picture():
    """Of another picture it makes what the first one's statistics make of it: so it can be cut anywhere."""
    network, x = small(), rng_picture(32, 32)
    fixed = with_statistics(network, x, 16)
    expected = fixed.features(x, ["tanh"])["tanh"]
    brighter = x.copy()
    brighter[:, 24:] += 100
    found = fixed.features(brighter, ["tanh"])["tanh"]
    np.testing.assert_array_equal(found[:, :8], expected[:, :8])
    assert np.abs(network.features(brighter, ["tanh"])["tanh"] - expected)[:, :8].max() > 1


def test_a_generator_in_tiles_paints_the_same():
    """Johnson's, of random weights, in float32: relative L2 below 1e-5 of the painting in one piece, at odd sizes."""
    rng = np.random.default_rng(2)
    arrays = {}
    for name, shape in fast_style_shapes().items():
        spread = np.sqrt(1 / np.prod(shape[:-1])) if len(shape) == 4 else 0.3
        arrays[name] = (spread * rng.standard_normal(shape) + name.endswith("gamma")).astype(np.float32)
    network, x = fast_style(arrays), room(rng_picture(53, 90)[0].astype(np.float32))
    expected = network.features(x, ["painting"])["painting"]
    found = painted_in_tiles(network, x, 24, ("conv3", f"block{BLOCKS}"), STEP)
    assert found.shape == x.shape
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)
