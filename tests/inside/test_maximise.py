"""Activation maximisation: the pictures excite what they should."""

from __future__ import annotations

import argparse
import dataclasses
import os

import numpy as np
import pytest

from nst.errors import NstError
from nst.formats.known import find_weights
from nst.inside.maximise import maximise, mean_colour
from nst.inside.recipes import RECIPES, Recipe
from nst.inside.source import read_network
from nst.inside.target import term_of
from nst.layers import Conv2d, Preprocess, ReLU, Softmax
from nst.losses import Channel, Diversity, Unit
from nst.networks import Network, Node

QUICK = Recipe(iterations=12, jitter=2, turn=3, zoom=0.05)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_climbs(small: Network, name: str) -> None:
    """It excites the channel more than its own rules alone make of the noise of the start, and it is a picture."""
    short = dataclasses.replace(RECIPES[name], iterations=12)
    still = dataclasses.replace(short, rate=1e-9)
    found, unmoved = (maximise(small, [Channel("relu2_2", 7)], how, (40, 48)) for how in (short, still))
    assert found.activation > 1.02 * unmoved.activation
    assert found.before == unmoved.before
    assert found.pictures.shape == (1, 40, 48, 3) and found.pictures.dtype == np.float32
    assert found.pictures.min() >= 0 and found.pictures.max() <= 255


def test_the_same_seed_the_same_picture(small: Network) -> None:
    """To the byte; another seed makes another picture."""
    one, two, other = (
        maximise(small, [Channel("relu2_2", 7)], QUICK, (40, 40), seed=seed).pictures for seed in (0, 0, 1)
    )
    assert one.tobytes() == two.tobytes() != other.tobytes()


def test_the_activation_is_what_the_network_finds(small: Network) -> None:
    """What is reported is measured on the finished pictures, on average."""
    found = maximise(small, [Channel("relu2_2", 7)], QUICK, (40, 40), count=2)
    features = small.forward(found.pictures, ["relu2_2"])[0]["relu2_2"]
    assert found.activation == pytest.approx(features[..., 7].mean(), rel=1e-5)


def test_diversity_keeps_pictures_apart(small: Network) -> None:
    """With the term that compares them, the pictures of a channel are less alike."""

    def alike(terms) -> float:
        pictures = maximise(small, terms, QUICK, (32, 32), count=3).pictures
        return Diversity("relu1_2")(small.forward(pictures, ["relu1_2"])[0]["relu1_2"])[0]

    channel = Channel("relu2_2", 7)
    assert alike([channel, Diversity("relu1_2", 1000.0)]) < alike([channel])


def test_a_unit_changes_only_what_it_sees(small: Network) -> None:
    """The picture of one unit is left alone beyond its receptive field."""
    plain = Recipe("pixels", 5, 1e8, 2, 0, 0, 0, 10)
    wanted = Unit("conv1_2", 3, (10, 10))
    started = maximise(small, [wanted], dataclasses.replace(plain, iterations=1), (24, 24)).pictures
    changed = np.abs(maximise(small, [wanted], plain, (24, 24)).pictures - started).max(axis=(0, 3)) > 0
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 12, 8, 12)


def test_what_nothing_excites_is_said() -> None:
    """A unit that is off whatever it sees has no way up, and the message says so."""
    nodes = [
        Node("input", Preprocess((100.0, 100.0, 100.0))),
        Node("conv", Conv2d(np.zeros((1, 1, 3, 2), np.float32), np.array([-1, -1], np.float32))),
        Node("relu", ReLU()),
    ]
    with pytest.raises(NstError, match="nothing excites channel relu:1"):
        maximise(Network(nodes).freeze(), [Channel("relu", 1)], QUICK, (16, 16))


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_the_grey_of_a_network(order: str) -> None:
    """What it subtracts, in the order red, green, blue, whatever its own order and scale."""
    mean = (104.0, 117.0, 123.0) if order == "BGR" else (123.0, 117.0, 104.0)
    network = Network([Node("input", Preprocess(mean, 0.02, order))])
    np.testing.assert_allclose(mean_colour(network), (123, 117, 104), rtol=1e-5)


def test_googlenet_is_sure_of_what_it_has_painted() -> None:
    """The picture that its score of a class paints, looked at as it is, has that class with over 0.9 probability."""
    if not os.environ.get("NST_WEIGHTS") or not find_weights("googlenet"):
        pytest.skip("$NST_WEIGHTS has no weights of GoogLeNet")
    source = read_network(argparse.Namespace(network="googlenet", weights=None))
    term = term_of("class:flamingo", source)
    found = maximise(source.network, [term], Recipe(iterations=25), (224, 224))
    scores = source.network.forward(found.pictures, [source.scores])[0][source.scores]
    assert Softmax().forward(scores)[0][0, 130] > 0.9
