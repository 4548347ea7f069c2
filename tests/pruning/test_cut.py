"""Cutting a network to a share of its width."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg

from nst.errors import NstError
from nst.layers import Conv2d, MaxPool2d, ReLU
from nst.losses import gram
from nst.networks import Network, Node, random_weights, vgg
from nst.pruning import cut
from nst.pruning.cut import most_telling


def _pictures(count: int = 6, side: int = 32) -> list[np.ndarray]:
    """Return pictures with some structure: sums of a few waves."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    waves = [
        np.sin(2 * np.pi * (rng.uniform(-4, 4) * x + rng.uniform(-4, 4) * y))[..., None]
        for _ in range(4 * count)
    ]
    return [
        (128 + sum(60 * wave * rng.uniform(-1, 1, 3) for wave in waves[4 * i : 4 * i + 4]))[None].clip(0, 255)
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [1, 7, 12])
def test_the_choice_is_that_of_pivoted_qr(count):
    """From the products alone the same columns are chosen as by SciPy's QR with pivots of the matrix itself."""
    matrix = np.random.default_rng(count).standard_normal((40, 12)) * np.linspace(1, 3, 12)
    _, pivots = scipy.linalg.qr(matrix, mode="r", pivoting=True)
    assert most_telling(matrix.T @ matrix, count).tolist() == sorted(pivots[:count].tolist())


def test_columns_that_say_nothing_new_are_left():
    """Copies of a column, and zeros, are the last to be taken."""
    matrix = np.random.default_rng(0).standard_normal((30, 4))
    matrix = np.concatenate([matrix, matrix[:, :2], np.zeros((30, 2))], axis=1)
    chosen = most_telling(matrix.T @ matrix, 4)
    assert np.linalg.matrix_rank(matrix[:, chosen]) == 4


def test_redundant_channels_cost_nothing():
    """A network whose every other channel is a mixture of the rest is cut to half its width without any error."""
    rng = np.random.default_rng(0)
    first = np.abs(rng.standard_normal((3, 3, 3, 4)))
    first = np.concatenate([first, 2 * first], axis=3)  # positive, and twice the same: ReLU keeps it so
    second = rng.standard_normal((3, 3, 8, 6))
    network = Network(
        [
            Node("conv1", Conv2d(first, np.full(8, 0.5), padding=1)),
            Node("relu1", ReLU()),
            Node("pool1", MaxPool2d(2)),
            Node("conv2", Conv2d(np.concatenate([second, second], 3), np.zeros(12), padding=1)),
            Node("relu2", ReLU()),
        ]
    )
    pictures = _pictures()
    small = cut(network, pictures, Fraction(1, 2))
    assert small.nodes["conv2"].layer.weight.shape == (3, 3, 4, 6)
    whole, narrow = (one.forward(pictures[0], ["relu2"])[0]["relu2"] for one in (network, small))
    inner = (
        slice(None),
        slice(1, -1),
        slice(1, -1),
    )  # the constant of the regression is not there beyond the border
    whole, narrow = (one[inner].reshape(-1, one.shape[-1]) for one in (whole, narrow))
    solved = np.linalg.lstsq(narrow, whole, rcond=None)[0]
    assert np.linalg.norm(narrow @ solved - whole) < 1e-4 * np.linalg.norm(whole)


def test_a_whole_width_is_the_network_itself():
    """With all channels kept the regression is the identity, and nothing changes but rounding."""
    network = vgg(random_weights()).astype(np.float64)
    pictures = _pictures()
    same = cut(network, pictures, 1)
    whole, found = (one.forward(pictures[0], ["relu3_1"])[0]["relu3_1"] for one in (network, same))
    assert np.linalg.norm(found - whole) < 1e-2 * np.linalg.norm(whole)


def test_gram_matrices_keep_their_size():
    """Each layer's Gram matrices are as large, entry by entry on average, as the whole network's."""
    network, pictures = vgg(random_weights()).astype(np.float64), _pictures()
    small = cut(network, pictures, 0.5)
    taps = ["relu1_2", "relu3_1", "relu4_1"]
    for tap in taps:
        size = [
            sum(np.square(gram(one.forward(picture, [tap])[0][tap])).mean() for picture in pictures)
            for one in (network, small)
        ]
        assert 0.7 < size[1] / size[0] < 1.4


def test_the_same_pictures_give_the_same_network():
    """Places and noise come from the seed."""
    network = Network(list(vgg(random_weights()).nodes.values())[:5]).freeze()
    pictures = [one.astype(np.float32) for one in _pictures(3)]
    one, two = (cut(network, pictures, 0.5).nodes["conv1_2"].layer.weight for _ in range(2))
    assert np.array_equal(one, two) and one.dtype == np.float32


def test_what_cannot_be_cut_is_refused():
    """No pictures, no share, groups and anything that is not a plain chain are said in one line."""
    network = vgg(random_weights())
    with pytest.raises(NstError, match="there are none"):
        cut(network, [], 0.5)
    with pytest.raises(NstError, match="above 0"):
        cut(network, _pictures(1), 0)
    grouped = Network([Node("conv", Conv2d(np.ones((1, 1, 1, 3)), groups=3)), Node("relu", ReLU())])
    with pytest.raises(NstError, match="groups"):
        cut(grouped, _pictures(1), 0.5)
