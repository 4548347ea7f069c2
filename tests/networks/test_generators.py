"""Generators: what they read and paint, their gradients, and which designs there are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import BatchNorm, ConditionalInstanceNorm, InstanceNorm
from nst.networks.generators import NOISE, Design, entering, fresh_generator, mixed, state

SMALL = {
    "residual": Design(width=2, depth=1, ends=9),
    "batch": Design(width=2, depth=1, norm="batch"),
    "plain": Design(width=2, depth=1, norm="none"),
    "styles": Design(width=2, depth=1, styles=3),
    "pyramid": Design("pyramid", width=2, depth=3),
    "plain pyramid": Design("pyramid", width=2, depth=2, norm="none"),
    "texture": Design("pyramid", width=2, depth=3, mode="texture"),
}
every = pytest.mark.parametrize("design", SMALL.values(), ids=SMALL)


def pictures(count: int = 2, height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (count, height, width, 3))


def painted(design: Design, network, x: np.ndarray) -> np.ndarray:
    return network.features(x, ["painting"])["painting"]


@every
def test_pictures_keep_their_size(design):
    """What comes out is as large as what went in, brought to whole steps, and within the range of colours."""
    network = fresh_generator(design, 0)
    for size in ((24, 32), (21, 30), (1, 3)):
        x = entering(design, pictures(2, *size).astype(np.float32), np.random.default_rng(0))
        found = painted(design, network, x)
        assert found.dtype == np.float32
        whole = (max(2, -(-side // design.step)) * design.step for side in size)
        assert found.shape == (2, *whole, 3)
        assert -22.5 <= found.min() <= found.max() <= 277.5


@every
def test_the_gradient_is_that_of_differences(design):
    """In float64 along a random direction of all parameters at once: to 1e-5 of the central difference."""
    network = fresh_generator(design, 3).astype(np.float64)
    rng = np.random.default_rng(2)
    # With biases of 0 a ReLU behind one that is silent stands at its kink.
    for node in network.nodes.values():
        if "bias" in node.layer.parameters():
            node.layer.bias += rng.standard_normal(node.layer.bias.shape)
    if design.styles > 1:
        network = mixed(network, np.array([[0.0, 1.0, 0.0], [0.4, 0.0, 0.6]]))
    x = entering(design, pictures(), rng)
    features, tape = network.forward(x, ["painting"], training=True)
    dy = rng.standard_normal(features["painting"].shape)
    _, gradients = network.gradients({"painting": dy}, tape, image=False)
    held = network.parameters()
    directions = {
        node: {name: rng.standard_normal(a.shape) for name, a in found.items()}
        for node, found in held.items()
    }
    assert gradients.keys() == held.keys()

    def value(step: float) -> float:
        for node, found in held.items():
            for name, array in found.items():
                array += step * directions[node][name]
        result = float((network.forward(x, ["painting"], training=True)[0]["painting"] * dy).sum())
        for node, found in held.items():
            for name, array in found.items():
                array -= step * directions[node][name]
        return result

    h = 1e-7
    slope = sum(
        float((gradients[node][name] * direction).sum())
        for node, found in directions.items()
        for name, direction in found.items()
    )
    assert (value(h) - value(-h)) / (2 * h) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("norm, layer", [("instance", InstanceNorm), ("batch", BatchNorm), ("none", None)])
def test_the_normalisation_is_the_one_that_was_chosen(norm, layer):
    """One kind of it and no other; without any, every convolution has a bias."""
    network = fresh_generator(Design(width=2, norm=norm), 0)
    layers = [type(node.layer) for node in network.nodes.values()]
    kinds = {kind for kind in layers if kind in (InstanceNorm, BatchNorm, ConditionalInstanceNorm)}
    assert kinds == ({layer} if layer else set())
    biases = [name for name in state(network) if name.endswith(".bias")]
    assert biases == (
        ["out.bias"] if layer else [f"{n}.bias" for n in network.names if f"{n}.weight" in state(network)]
    )


def test_styles_share_the_convolutions():
    """A mixture with one style alone is that style; the arrays are the network's own, so that it learns by them."""
    design = SMALL["styles"]
    network = fresh_generator(design, 0)
    rng = np.random.default_rng(4)
    for node in network.nodes.values():
        if isinstance(node.layer, ConditionalInstanceNorm):
            node.layer.gamma += rng.standard_normal(node.layer.gamma.shape).astype(np.float32)
    x = entering(design, pictures(2).astype(np.float32), rng)
    each = [painted(design, mixed(network, np.eye(3)[style]), x) for style in range(3)]
    assert np.abs(each[0] - each[1]).max() > 1
    both = painted(design, mixed(network, np.eye(3)[[2, 0]]), x)
    np.testing.assert_allclose(both[0], each[2][0], atol=1e-3)
    np.testing.assert_allclose(both[1], each[0][1], atol=1e-3)
    twin = mixed(network, np.eye(3)[1])
    assert all(np.shares_memory(array, state(twin)[name]) for name, array in state(network).items())


def test_noise_is_drawn_for_each_scale():
    """Each scale has squares of its own, which pooling makes single numbers; the seed alone says which."""
    design = SMALL["texture"]
    x = entering(design, np.zeros((1, 16, 16, 3), np.float32), np.random.default_rng(7))
    assert x.shape == (1, 16, 16, 3 * NOISE)
    for scale in range(3):
        squares = x[..., NOISE * scale : NOISE * (scale + 1)].reshape(
            16 >> scale, 2**scale, 16 >> scale, 2**scale, -1
        )
        assert np.ptp(squares, axis=(1, 3)).max() == 0
        assert squares[:, 0, :, 0].std() == pytest.approx(3**-0.5, rel=0.25)
    again = entering(design, np.zeros((1, 16, 16, 3), np.float32), np.random.default_rng(7))
    np.testing.assert_array_equal(x, again)


def test_a_texture_goes_round():
    """Rolled noise gives the rolled texture: there is no border."""
    design = SMALL["texture"]
    network = fresh_generator(design, 0)
    x = entering(design, np.zeros((1, 16, 24, 3), np.float32), np.random.default_rng(0))
    rolled = np.roll(x, (design.step, 2 * design.step), axis=(1, 2))
    expected = np.roll(painted(design, network, x), (design.step, 2 * design.step), axis=(1, 2))
    np.testing.assert_allclose(painted(design, network, rolled), expected, atol=1e-3)


def test_the_same_seed_gives_the_same_weights():
    """To the bit; another seed others."""
    one, same, other = (state(fresh_generator(SMALL["pyramid"], seed)) for seed in (5, 5, 6))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["out.weight"], other["out.weight"])


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"kind": "round"}, "kind"),
        ({"norm": ["batch"]}, "norm"),
        ({"width": 0}, "width"),
        ({"width": 2.0}, "width"),
        ({"depth": True}, "depth"),
        ({"ends": 4}, "odd"),
        ({"kind": "pyramid", "depth": 9}, "scales"),
        ({"mode": "texture"}, "pyramid"),
        ({"styles": 2, "norm": "batch"}, "instance"),
        ({"styles": 10**9}, "styles"),
    ],
)
def test_senseless_designs_are_refused(fields, says):
    """By name, whether they are typed or read from a file."""
    with pytest.raises(NstError, match=says):
        Design.from_plain({**dataclasses.asdict(Design()), **fields})
