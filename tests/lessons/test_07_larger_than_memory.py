"""The answers to the exercises of lesson 07."""

from __future__ import annotations

import numpy as np
import pytest

from lessons.figures.tiles import error
from nst.errors import NstError
from nst.layers import Conv2d, InstanceNorm
from nst.losses import gram, gram_loss
from nst.networks import Network, Node, random_weights, vgg
from nst.networks.tiling import Tiling


@pytest.fixture(scope="module")
def network() -> Network:
    return vgg(random_weights(), pooling="avg", padding="reflect").astype(np.float64)


def test_tiles_that_miss_the_style_can_make_a_picture_that_has_it() -> None:
    """Half the picture with one feature, half with another: the style holds of the whole and of neither half."""
    left, right = np.zeros((1, 4, 4, 2)), np.zeros((1, 4, 4, 2))
    left[..., 0] = right[..., 1] = 1
    style = gram(np.concatenate([left, right], axis=2))
    assert gram_loss(np.concatenate([right, left], axis=2), style)[0] == 0
    assert min(gram_loss(half, style)[0] for half in (left, right)) > 0.01


def test_a_cut_through_a_window_spoils_the_features(network: Network) -> None:
    """Begin at an odd column and every place behind a pooling differs; at a multiple of the grid, none far inside."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 96, 3))
    whole = network.forward(image, ["relu2_1"])[0]["relu2_1"]
    on, off = (network.forward(image[:, :, start:], ["relu2_1"])[0]["relu2_1"] for start in (32, 33))
    inside = np.s_[:, :, 8:24]
    assert np.allclose(on[inside], whole[:, :, 16:][inside], rtol=0, atol=1e-9)
    assert np.abs(off[inside] - whole[:, :, 16:][inside]).mean() > 0.01 * np.abs(whole).mean()


def test_a_quarter_of_a_halo_shows_along_the_cut(network: Network) -> None:
    """The error is along the cuts only, smaller with a quarter of the halo than with none, and gone with all of it."""
    none, quarter, full = (np.abs(error(share, network, (64, 96))) for share in (0.0, 0.25, 1.0))
    assert none.max() > quarter.max() > 1e-4 > 1e-9 > full.max()
    # In a corner, far from both cuts, only the Gram matrices' own error is left.
    assert quarter[:8, :16].max() < 0.01 * quarter.max()


def test_instance_normalisation_sees_the_whole_picture() -> None:
    """Its mean is over all pixels, so no tile can have it; batch normalisation at rest divides by constants."""
    nodes = [Node("conv", Conv2d(np.ones((3, 3, 3, 2)), padding=1)), Node("norm", InstanceNorm(None, None))]
    with pytest.raises(NstError, match="InstanceNorm looks at the whole picture"):
        Tiling(Network(nodes), ["norm"], (1, 32, 32, 3), (2, 2))
