"""The answers to the exercises of lesson 16."""

from __future__ import annotations

import numpy as np

from nst.feedforward.painters import Painter, painter_of
from nst.formats.generators import Generator
from nst.layers import ConditionalInstanceNorm, InstanceNorm
from nst.networks import Network, Node
from nst.networks.generators import Design, entering, fresh_generator


def untrained(design: Design) -> Painter:
    return painter_of(Generator(design, ("none",), fresh_generator(design, 0).freeze()))


def photograph() -> np.ndarray:
    rows, columns = np.mgrid[0:32, 0:40]
    noise = np.random.default_rng(0).uniform(0, 60, (32, 40, 3))
    return (noise + 3 * rows[..., None] + columns[..., None]).astype(np.float32)


def test_contrast_is_forgotten() -> None:
    """a x + b goes through a convolution as a y + c, with one c a channel, and both cancel in x_hat."""
    x = photograph()
    for norm, forgotten in (("instance", True), ("none", False), ("batch", False)):
        it = untrained(Design(width=3, depth=1, norm=norm))
        change = np.abs(it.paint(0.5 * x + 60) - it.paint(x)).max()
        assert (change < 0.1) == forgotten


def test_a_batch_of_one_is_an_instance_until_it_is_applied() -> None:
    """In training the two agree; applied, batch normalisation takes running statistics, those of no picture at all."""
    x = entering(Design(), photograph()[None], np.random.default_rng(0))
    instance, batch = (
        fresh_generator(Design(width=3, depth=1, norm=norm), 0) for norm in ("instance", "batch")
    )
    trained = [one.forward(x, ["painting"], training=True)[0]["painting"] for one in (instance, batch)]
    np.testing.assert_allclose(*trained, atol=1e-2)
    _, tape = batch.forward(x, ["painting"], training=True)
    for _ in range(100):  # until the running statistics are those of this very picture
        batch.update(tape)
    applied = [one.features(x, ["painting"])["painting"] for one in (instance, batch)]
    assert np.abs(applied[0] - applied[1]).max() < 5  # but for m - 1 in the place of m
    other = 0.3 * x + 20
    applied = [one.features(other, ["painting"])["painting"] for one in (instance, batch)]
    assert np.abs(applied[0] - applied[1]).max() > 10


def test_between_two_styles_lies_neither_painting() -> None:
    """Half of each is one net, with the mean of the scales and of the shifts, and not the mean of two paintings."""
    design = Design(width=3, depth=1, styles=2)
    network, rng = fresh_generator(design, 0), np.random.default_rng(1)
    for node in network.nodes.values():
        if isinstance(node.layer, ConditionalInstanceNorm):
            for array in (node.layer.gamma, node.layer.beta):
                array += rng.standard_normal(array.shape).astype(np.float32)
    found = Generator(design, ("one", "other"), network.freeze())
    one, other, between = (
        painter_of(found, blend=blend).paint(photograph()) for blend in ([1, 0], [0, 1], [1, 1])
    )
    nodes = [
        Node(
            node.name, InstanceNorm(node.layer.gamma.mean(axis=0), node.layer.beta.mean(axis=0)), node.inputs
        )
        if isinstance(node.layer, ConditionalInstanceNorm)
        else node
        for node in network.nodes.values()
    ]
    x = entering(design, photograph()[None], rng)
    np.testing.assert_allclose(between, Network(nodes).features(x, ["painting"])["painting"][0], atol=0.02)
    assert np.abs(between - (one + other) / 2).max() > 10
