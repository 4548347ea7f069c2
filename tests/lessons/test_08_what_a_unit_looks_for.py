"""The answers to the exercises of lesson 08."""

from __future__ import annotations

import numpy as np
import pytest

from nst.images import load, resize_to
from nst.images.bundled import landscape_path
from nst.inside.patches import cause, patch
from nst.layers import Conv2d, MaxPool2d, ReLU
from nst.networks import Network, Node, random_weights, vgg
from nst.networks.extent import receptive_field


def chain(*layers: object) -> Network:
    return Network([Node(f"layer{number}", layer) for number, layer in enumerate(layers)]).freeze()


def conv(size: int, channels: int = 1) -> Conv2d:
    return Conv2d(np.ones((size, size, channels, channels)))


@pytest.fixture(scope="module")
def network() -> Network:
    """Random filters, no biases, and nothing subtracted from the picture; float64."""
    weights = random_weights()
    weights.mean = (0.0, 0.0, 0.0)
    return vgg(weights).astype(np.float64)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return resize_to(load(landscape_path()).pixels, (96, 136)).astype(np.float64)


def test_stacked_kernels_see_as_far_as_one_large_one() -> None:
    """Two see 5 and three 7; behind a pooling of 2 each adds 4 pixels instead of 2, and the pooling itself 1."""
    sizes = [receptive_field(chain(*[conv(3)] * n), f"layer{n - 1}")[0].size for n in (1, 2, 3)]
    assert sizes == [3, 5, 7]
    assert receptive_field(chain(conv(5)), "layer0")[0].size == sizes[1]
    behind = chain(MaxPool2d(2), conv(3), conv(3), conv(3))
    assert [receptive_field(behind, f"layer{n}")[0].size for n in range(4)] == [2, 6, 10, 14]


def test_the_best_region_moves_with_the_picture(network: Network, photo: np.ndarray) -> None:
    """By a stride of 4 the same region of the picture wins with the same value; by half of one the value is another."""
    tap, margin = "relu3_1", 8

    maps = {
        start: network.forward(photo[None, :, start : start + 120], [tap])[0][tap][0] for start in (0, 4, 2)
    }

    def best(start: int, channel: int) -> tuple[float, tuple[int, int]]:
        # away from the borders, which do not move along
        inner = maps[start][margin:-margin, margin:-margin, channel]
        row, column = np.unravel_index(inner.argmax(), inner.shape)
        return float(inner.max()), (int(row), 4 * int(column) + start)

    same = changed = 0
    for channel in range(40):
        (value, place), (moved, where), (half, _) = (best(start, channel) for start in (0, 4, 2))
        if 4 <= place[1] < 4 * (30 - 2 * margin):  # it is inside in both
            if where == place:
                same += 1
                assert moved == pytest.approx(value, rel=1e-9)
                changed += abs(half - value) > 1e-3 * abs(value)
    assert same >= 10 and changed > 0.9 * same


def test_without_negative_weights_the_rules_agree_where_units_are_on() -> None:
    """What comes back is never negative, so guided is the gradient; the deconvolutional picture too if all are on."""
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 1, (20, 20, 3))
    for bias, same in ((1.0, True), (-7.0, False)):
        first, *others = (Conv2d(rng.uniform(0, 1, (3, 3, 3, 3)), np.zeros(3), padding=1) for _ in range(3))
        first.bias += bias  # a pixel's sum is about 7: with -7 half of the units are off
        network = chain(first, ReLU(), others[0], ReLU(), others[1], ReLU())
        found = patch(network, "layer5", (10, 10), (20, 20))
        plain, guided, deconv = (
            cause(network, found, 1, image, rule) for rule in ("plain", "guided", "deconv")
        )
        np.testing.assert_array_equal(guided, plain)
        assert plain.any() and np.array_equal(deconv, plain) is same


def test_only_the_gradient_adds_up_to_the_activation(network: Network, photo: np.ndarray) -> None:
    """Gates that are fixed leave a linear map: activation = <gradient, pixels>; the other rules give other sums."""
    tap, place = "relu4_1", (6, 9)
    activations = network.forward(photo[None], [tap])[0][tap][(0, *place)]
    found = patch(network, tap, place, photo.shape[:2])
    for channel in np.argsort(-activations)[:5].tolist():
        sums = {
            rule: np.vdot(cause(network, found, channel, photo, rule), found.cut(photo))
            / activations[channel]
            for rule in ("plain", "guided", "deconv")
        }
        assert sums["plain"] == pytest.approx(1, abs=1e-9)
        assert abs(sums["guided"] - 1) > 0.5 and abs(sums["deconv"] - 1) > 0.5
