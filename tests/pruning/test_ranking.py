"""Ranking filters."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import BatchNorm, Conv2d, ReLU
from nst.networks import Network, Node
from nst.pruning import (
    by_activation,
    by_duplicates,
    by_maximised,
    choose,
    correlations,
    kernel_cosines,
    mutual_answers,
)


def _network() -> Network:
    """Return four filters of a pixel: red, the same at half the strength, green, and one that never answers."""
    kernel = np.zeros((1, 1, 3, 4))
    kernel[0, 0, 0, :2], kernel[0, 0, 1, 2], kernel[0, 0, 2, 3] = (1.0, 0.5), 2.0, -1.0
    norm = BatchNorm(np.ones(4), np.zeros(4), np.zeros(4), np.ones(4), eps=0)
    return Network([Node("conv", Conv2d(kernel)), Node("norm", norm), Node("relu", ReLU())])


def _pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(0, 255, (1, 5, side, 3)) for side in (4, 6, 7)]


def test_activation_is_what_leaves_the_relu():
    """A filter's worth by activation is its mean answer behind normalisation and ReLU, over all pictures."""
    pictures = _pictures()
    (scores,) = by_activation(_network(), ["conv"], pictures).values()
    red = sum(picture[..., 0].mean() for picture in pictures)
    np.testing.assert_allclose(scores[:2], [red, red / 2])
    assert scores[3] == 0


def test_correlations_are_numpys():
    """Added up picture by picture, they are the correlations of all places at once; a dead filter has none."""
    network, pictures = _network(), _pictures()
    (found,) = correlations(network, ["conv"], pictures).values()
    rows = [network.forward(picture, ["relu"])[0]["relu"].reshape(-1, 4) for picture in pictures]
    np.testing.assert_allclose(found[:3, :3], np.corrcoef(np.concatenate(rows)[:, :3].T), atol=1e-12)
    assert not found[3].any()


@pytest.mark.parametrize(
    "measure", [lambda n: correlations(n, ["conv"], _pictures()), lambda n: kernel_cosines(n, ["conv"])]
)
def test_the_weaker_of_two_near_duplicates_goes_first(measure):
    """Filters 0 and 1 say the same: one of them goes before all others, and it is the weaker one."""
    network = _network()
    by_pictures = measure == "correlations"
    alike = correlations(network, ["conv"], _pictures()) if by_pictures else kernel_cosines(network, ["conv"])
    worth = {"conv": np.array([1.0, 0.5, 2.0, 1.0])}
    scores = by_duplicates(alike, worth)
    assert int(np.argmin(scores["conv"])) == 1
    assert choose(network, scores, 0.75)["conv"].tolist() == [0, 2, 3]


def test_of_a_bunch_of_duplicates_one_stays():
    """Three filters that are all alike lose two before the pair of strangers loses one."""
    similarity = np.eye(5)
    similarity[:3, :3] = 0.99
    similarity[3, 4] = similarity[4, 3] = 0.5
    scores = by_duplicates({"layer": similarity}, {"layer": np.array([5.0, 4, 3, 1, 2])})["layer"]
    assert scores[0] == 4 and sorted(scores[1:3]) == [0, 1]
    assert scores[3] < scores[4] < 4


def test_mutual_answers_find_the_same_pattern_at_another_place():
    """Filters that want the same are found though their pictures show it at different places."""
    network = _network()
    wanted = np.zeros((4, 1, 3, 3, 3))
    wanted[0, 0, 0, 0, 0] = wanted[1, 0, 2, 1, 0] = wanted[2, 0, 1, 1, 1] = 255
    found = mutual_answers(network, "conv", wanted)
    np.testing.assert_allclose(found[:3, :3], [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    with pytest.raises(NstError, match="4 filters, and 3 maximising"):
        mutual_answers(network, "conv", wanted[:3])


def test_by_maximised_asks_for_each_filters_picture_where_its_answer_is_ready():
    """Of filters 0 and 1, which answer alike to what either wants, the weaker one goes first."""
    asked = []

    def wanted(layer, number):
        asked.append((layer, number))
        picture = np.zeros((1, 3, 3, 3))
        picture[0, number % 3, 1, (0, 0, 1, 2)[number]] = 255
        return picture

    scores = by_maximised(_network(), ["conv"], wanted, {"conv": np.array([1.0, 0.5, 2.0, 1.0])})
    assert asked == [("relu", number) for number in range(4)]
    assert int(np.argmin(scores["conv"])) == 1


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_is_a_share(share):
    """Nothing, and more than everything, cannot be kept."""
    with pytest.raises(NstError, match="above 0 and at most 1"):
        choose(_network(), {"conv": np.arange(4.0)}, share)
