"""How far networks look: against perturbed pixels, and against the figures that are published of VGG."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import (
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    InstanceNorm,
    Linear,
    LRNAcross,
    LRNWithin,
    MaxPool2d,
    Pad2d,
    ReLU,
    UpsampleNearest,
)
from nst.networks import Network, Node, Weights, fused, vgg
from nst.networks.extent import grid, reads, receptive_field, shapes, strides
from nst.networks.tiling import Tiling
from nst.networks.vgg import vgg_shapes

RNG = np.random.default_rng(7)


def conv(size, inputs=1, outputs=1, **options):
    """A convolution of positive weights, so that nothing cancels."""
    return Conv2d(RNG.uniform(1, 2, (*size, inputs, outputs)), None, **options)


def chain(*layers):
    return Network([Node(f"layer{number}", layer) for number, layer in enumerate(layers)])


def branches():
    """Two branches of different depth, joined."""
    return Network(
        [
            Node("first", conv((3, 3), padding=1)),
            Node("deep", conv((5, 3), padding=(2, 1))),
            Node("flat", conv((1, 1)), ("first",)),
            Node("last", Concat(), ("deep", "flat")),
        ]
    )


SAME = {"padding": 1}  # a convolution of 3 that keeps the size
NETWORKS = {
    "convolutions and pooling": chain(conv((3, 3), **SAME), ReLU(), AvgPool2d(2), conv((3, 3), **SAME), AvgPool2d(2)),
    "overlapping pools in ceil mode": chain(conv((3, 3)), AvgPool2d(3, 2, ceil_mode=True), conv((3, 3), **SAME)),
    "strides, no padding, unlike axes": chain(conv((5, 3), stride=(4, 2)), conv((3, 1), padding=(1, 0))),
    "normalised in a window": chain(LRNWithin(5), AvgPool2d(2), LRNAcross(1), LRNWithin(4)),
    "reflected": chain(Pad2d(((2, 1), (0, 3)), "reflect"), conv((3, 3)), conv((3, 3), **SAME, padding_mode="reflect")),
    "replicated": chain(Pad2d(2, "replicate"), conv((3, 3)), AvgPool2d(3, 2)),
    "padded far": chain(conv((3, 3), padding=2, padding_mode="reflect"), AvgPool2d(2)),
    "enlarged": chain(conv((3, 3), **SAME), AvgPool2d(2), UpsampleNearest(2), conv((3, 3), **SAME)),
    "branches": branches(),
    "fused": fused(chain(conv((3, 3), **SAME), ReLU(), AvgPool2d(2), conv((3, 3), **SAME)).freeze(), ["layer3"]),
}  # fmt: skip


def seen_by(network, tap, place, shape):
    """Return the first and the last pixel, along rows and columns, on which a feature depends."""
    image = RNG.uniform(1, 2, (1, *shape, 1))
    features, tape = network.forward(image, [tap])
    gradient = np.zeros_like(features[tap])
    gradient[0, place[0], place[1]] = 1
    touched = network.backward({tap: gradient}, tape)[0].any(axis=-1)
    return [np.flatnonzero(touched.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_read_is_what_is_seen(name):
    """`reads` holds every pixel on which a feature depends, and inside the picture no other at its ends."""
    network, shape = NETWORKS[name], (23, 26)
    tap = network.names[-1]
    found = shapes(network, (1, *shape, 1), [tap])
    lengths = [
        {key: one[1 + axis] for key, one in found.items()} | {network.IMAGE: shape[axis]} for axis in (0, 1)
    ]
    for row in range(found[tap][1]):
        place = row, row * found[tap][2] // found[tap][1]
        for axis, (first, last) in enumerate(seen_by(network, tap, place, shape)):
            start, stop = reads(network, {tap: (place[axis], place[axis] + 1)}, axis, lengths[axis])
            free = reads(network, {tap: (place[axis], place[axis] + 1)}, axis)
            assert start <= first and last < stop
            if free[0] >= 0 and free[1] <= shape[axis]:  # no border in sight
                assert (start, stop) == (first, last + 1) == free


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("counts", [(2, 3), (5, 1)])
def test_tiles_own_every_feature_once_and_have_it_right(name, counts):
    """Put together, what the tiles own are the features of the whole picture, exactly."""
    network, shape = NETWORKS[name], (1, 43, 52, 1)
    taps = [network.names[0], network.names[-1]]
    counts = tuple(np.minimum(counts, np.array(shape[1:3]) // grid(network, taps)))
    image = RNG.uniform(1, 2, shape)
    whole, _ = network.forward(image, taps)
    sums = dict.fromkeys(taps, 0)
    for tile in Tiling(network, taps, shape, counts):
        features, _ = network.forward(tile.of(image), tile.taps(taps))
        for tap, found in features.items():
            _, rows, columns = tile.own(tap)
            down, across = strides(network, taps)[tap]
            top, left = int(tile.rows.crop[0] / down), int(tile.columns.crop[0] / across)
            there = np.s_[:, top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
            np.testing.assert_allclose(found[tile.own(tap)], whole[tap][there], rtol=1e-12)
            sums[tap] += found[tile.own(tap)].size
    assert sums == {tap: whole[tap].size for tap in taps}


def test_vgg_looks_as_far_as_is_published():
    """VGG-16 sees 40, 92 and 196 pixels with relu3_3, relu4_3 and relu5_3; VGG-19's relu5_1 looks 70 beyond its 16."""
    networks = {
        name: vgg(
            Weights({key: np.broadcast_to(np.float32(0), one) for key, one in vgg_shapes(name).items()}, name)
        )
        for name in ("vgg16", "vgg19")
    }
    sizes = {
        "relu1_2": 5,
        "pool1": 6,
        "relu2_2": 14,
        "relu3_3": 40,
        "relu4_3": 92,
        "relu5_3": 196,
        "pool5": 212,
    }
    for tap, size in sizes.items():
        assert [field.size for field in receptive_field(networks["vgg16"], tap)] == [size, size], tap
    field, _ = receptive_field(networks["vgg19"], "relu5_1")
    assert (field.size, field.stride, field.before, field.after, field.radius) == (156, 16, 70, 70, 70)
    assert grid(networks["vgg19"], ["relu1_1", "relu5_1"]) == (16, 16)
    assert shapes(networks["vgg19"], (1, 333, 500, 3), ["relu5_1"])["relu5_1"] == (1, 20, 31, 512)


@pytest.mark.parametrize("layer", [InstanceNorm(None, None), Flatten(), Linear(np.ones((2, 2)), None)])
def test_layers_that_see_everything_say_so(layer):
    """No window is made up for a layer whose every output depends on the whole picture."""
    with pytest.raises(NstError, match="tile by tile"):
        layer.window()
    with pytest.raises(NstError, match="tile by tile"):
        receptive_field(chain(conv((3, 3)), layer), "layer1")


def test_the_window_of_two_layers():
    """A convolution of 3 and then a pooling of 2 see 4 pixels, 2 apart; and so the fused layer says."""
    both = conv((3, 5), padding=(1, 2)).window().then(MaxPool2d(2).window())
    assert both == ((4, 6), (2, 2), ((1, 1), (2, 2)))


def test_more_tiles_than_there_are_steps_of_the_grid():
    """A cut is possible only where all features move along."""
    with pytest.raises(ValueError, match="grid of 4"):
        Tiling(NETWORKS["convolutions and pooling"], ["layer4"], (1, 23, 40, 1), (6, 1))
