"""The objective in tiles: the same value, parts and gradient as that of the whole picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nst.engine import Layout, Objective, StyleTransfer, TiledObjective
from nst.errors import NstError
from nst.layers import (
    AvgPool2d,
    Concat,
    Conv2d,
    InstanceNorm,
    LRNAcross,
    LRNWithin,
    MaxPool2d,
    Pad2d,
    ReLU,
    UpsampleNearest,
)
from nst.losses import HISTOGRAM, Channel, Content, Direction, Energy, Guide, Style
from nst.networks import Network, Node, Weights, vgg
from nst.networks.extent import grid
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
        ((6, 16), "max", np.float64),
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


@pytest.mark.parametrize("counts", [(1, 3), (2, 1), (4, 5), (12, 16)])
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_tiles_go_round_where_the_picture_does(thin, pooling, counts):
    """Where borders are circular the tiles' halos are taken from the other side, or once around the whole picture."""
    network, flat = (vgg(thin[np.float64], pooling, padding) for padding in ("circular", "reflect"))
    image, content, *styles = pictures((48, 64), np.float64)
    whole = TRANSFER.objective(network, content, styles, styles_by=flat)
    tiling = Tiling(network, TRANSFER.taps, content.shape, counts)
    assert len(tiling) == np.prod(counts) and tiling.circular
    tiled = TRANSFER.objective(network, content, styles, Layout(tiling, (None, None)), flat)
    assert_same(tiled(image), whole(image), 1e-12)
    assert_same(tiled.fused()(image), whole(image), 1e-12)


def test_what_cannot_go_round_is_refused(thin):
    """A picture that is no whole number of steps, and a network with one border of another kind."""
    network = vgg(thin[np.float64], "avg", "circular")
    with pytest.raises(NstError, match="whole steps"):
        Tiling(network, ["relu3_1"], (1, 46, 64, 3), (2, 2))
    mixed = Network([Node("pad", Pad2d(1, "circular")), Node("blur", AvgPool2d(3, 1, padding=1))])
    with pytest.raises(NstError, match="all borders"):
        Tiling(mixed, ["blur"], (1, 48, 64, 3), (2, 2))


@pytest.mark.parametrize("keep", ["file", "nothing"])
def test_content_features_may_be_elsewhere(thin, keep):
    """From a file, or computed anew each time: bit by bit what memory would have kept."""
    network = vgg(thin[np.float32])
    image, content, *styles = pictures((47, 67), np.float32)
    found = [
        TRANSFER.objective(
            network, content, styles, layout_of(network, TRANSFER, content, styles, (3, 2), way)
        )(image)
        for way in ("memory", keep)
    ]
    assert found[0].parts == found[1].parts
    np.testing.assert_array_equal(found[0].gradient, found[1].gradient)


def test_a_full_disk_is_said_in_a_sentence(thin, monkeypatch):
    """A file that cannot take the features is an error that says what to do."""

    class Full:
        def tell(self):
            return 0

        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("nst.engine.tile_features.tempfile.TemporaryFile", lambda **options: Full())
    network = vgg(thin[np.float32])
    _, content, *styles = pictures((47, 67), np.float32)
    with pytest.raises(NstError, match=r"No space left.*TMPDIR"):
        TRANSFER.objective(
            network, content, styles, layout_of(network, TRANSFER, content, styles, (3, 2), "file")
        )


def others():
    """Networks of every layer that looks at neighbours, or at none."""
    rng = np.random.default_rng(4)

    def conv(size, inputs, outputs, **options):
        return Conv2d(rng.normal(0, 0.3, (*size, inputs, outputs)), rng.normal(0, 1, outputs), **options)

    def network(*layers, branch=()):
        return Network(
            [Node(f"layer{number}", layer) for number, layer in enumerate(layers)] + list(branch)
        ).freeze()

    join = [Node("flat", conv((1, 1), 4, 5), ("layer1",)), Node("both", Concat(), ("layer2", "flat"))]
    five = conv((5, 5), 2, 6, padding=2, groups=2)
    return {
        "AlexNet's beginning": network(
            conv((11, 11), 3, 4, stride=4), ReLU(), MaxPool2d(3, 2), LRNAcross(3), five
        ),
        "ceil mode and windows": network(
            conv((3, 3), 3, 4), AvgPool2d(3, 2, ceil_mode=True), LRNWithin(3), ReLU()
        ),
        "padding": network(
            Pad2d(2), conv((3, 3), 3, 4), AvgPool2d(3, 2, padding=1), Pad2d((0, 3), "replicate"), ReLU()
        ),
        "branches": network(conv((3, 3), 3, 4), ReLU(), conv((5, 3), 4, 2, padding=(2, 1)), branch=join),
        "enlarging": network(
            conv((3, 3), 3, 4, padding=1), MaxPool2d(3), UpsampleNearest(2), conv((3, 3), 4, 3)
        ),
    }


@pytest.mark.parametrize("name", others())
def test_any_network_of_windows(name):
    """Strides, groups, overlapping and hanging windows, padding of its own, branches, enlarging."""
    network = others()[name]
    names = network.names
    transfer = StyleTransfer({names[-1]: 1.0}, {names[0]: 1.0, names[-1]: 2.0}, 3.0, 10.0, 1.0, 1.0)
    image, content, *styles = pictures((75, 90), np.float64)
    whole = transfer.objective(network, content, styles)(image)
    for counts in ((2, 3), (4, 1)):
        most = np.array([75, 90]) // grid(network, transfer.taps)
        tiling = Tiling(network, transfer.taps, content.shape, tuple(np.minimum(counts, most)))
        layout = Layout(tiling, (None, None))
        assert_same(transfer.objective(network, content, styles, layout)(image), whole, 1e-12)


@pytest.mark.parametrize(
    "transfer",
    [
        StyleTransfer({"relu2_2": 1.0}, {}, 1.0, 0.0),
        StyleTransfer({}, {"relu1_1": 1.0, "relu3_1": 1.0}, 0.0, 1.0),
        StyleTransfer({"relu1_1": 1.0}, {"relu1_1": 1.0}, 1.0, 1.0, 1.0),
    ],
)
def test_content_or_style_alone(thin, transfer):
    """Either pass by itself, and two terms at one tap."""
    network = vgg(thin[np.float64])
    image, content, *styles = pictures((40, 51), np.float64)
    tiled = transfer.objective(
        network, content, styles, layout_of(network, transfer, content, styles, (3, 3))
    )
    assert_same(tiled(image), transfer.objective(network, content, styles)(image), 1e-12)


def test_the_terms_one_by_one(thin):
    """Each term's own gradient and its norm are those of the whole picture's, and add up."""
    network = vgg(thin[np.float64])
    image, content, *styles = pictures((33, 48), np.float64)
    tiled = TRANSFER.objective(
        network, content, styles, layout_of(network, TRANSFER, content, styles, (2, 3))
    )
    norms = TRANSFER.objective(network, content, styles).gradient_norms(image)
    assert tiled.gradient_norms(image) == pytest.approx(norms, rel=1e-11)
    total = tiled(image).gradient
    assert np.linalg.norm(sum(tiled.term_gradients(image).values()) - total) <= 1e-12 * np.linalg.norm(total)


def test_the_image_stays_as_it_is(thin):
    """An evaluation changes neither its image nor the next evaluation."""
    network = vgg(thin[np.float32])
    image, content, *styles = pictures((33, 48), np.float32)
    image.flags.writeable = False
    tiled = TRANSFER.objective(
        network, content, styles, layout_of(network, TRANSFER, content, styles, (2, 2))
    )
    first, second = tiled(image), tiled(image)
    np.testing.assert_array_equal(first.gradient, second.gradient)
    assert first.value == second.value and not np.shares_memory(first.gradient, second.gradient)


def test_what_cannot_be_cut_says_so(thin):
    """A layer that sees the whole picture, and a term of which no tiled form is known, are refused at once."""
    network = Network(
        [Node("conv", Conv2d(np.ones((3, 3, 3, 4)), None)), Node("norm", InstanceNorm(None, None))]
    )
    with pytest.raises(NstError, match="tile by tile"):
        Tiling(network, ["norm"], (1, 20, 20, 3), (2, 2))
    network = vgg(thin[np.float64])
    tiling = Tiling(network, ["relu1_1"], (1, 20, 20, 3), (2, 2))
    with pytest.raises(ValueError, match="content relu1_1"):
        TiledObjective(network, [Content("relu1_1", np.zeros((1, 20, 20, 4)))], tiling)


@pytest.mark.parametrize("dtype", BOUNDS)
def test_every_additive_statistic_is_the_same_in_tiles(thin, dtype):
    """Means, deviations and covariances add up over tiles, but for the digits that centring costs in float32."""
    network, (image, content, *styles) = vgg(thin[dtype]), pictures((45, 61), dtype)
    chosen = {"gram": 0.5, "moments": 1.0, "covariance": 2.0}
    transfer = dataclasses.replace(TRANSFER, statistics=chosen)
    layout = layout_of(network, transfer, content, styles, (3, 4))
    tiled = transfer.objective(network, content, styles, layout)
    assert isinstance(tiled, TiledObjective)
    assert_same(tiled(image), transfer.objective(network, content, styles)(image), 10 * BOUNDS[dtype])


def test_no_histogram_in_tiles(thin):
    """Its ranks are of the whole picture: a tiled objective refuses the term by name."""
    network, (_, content, *_) = vgg(thin[np.float64]), pictures((45, 61), np.float64)
    term = Style("relu1_1", HISTOGRAM.measure(np.zeros((1, 4, 4, 4))), 1.0, HISTOGRAM)
    with pytest.raises(ValueError, match="histogram relu1_1 tile by tile"):
        TiledObjective(network, [term], Tiling(network, ["relu1_1"], content.shape, (2, 2)))


@pytest.mark.parametrize("dtype", BOUNDS)
def test_means_over_places(thin, dtype):
    """What is rewarded as a mean over places, at several taps together, has the whole picture's value and gradient."""
    network, (image, *_) = vgg(thin[dtype]), pictures((45, 61), dtype)
    rng = np.random.default_rng(4)
    terms = [
        Energy("relu3_1", 2.0),
        Channel("relu3_1", 3),
        Direction("relu2_2", rng.standard_normal(8), 2.0),
        Guide("relu2_2", rng.standard_normal((5, 8))),
    ]
    tiling = Tiling(network, ["relu2_2", "relu3_1"], image.shape, (3, 2))
    assert_same(
        TiledObjective(network, terms, tiling)(image), Objective(network, terms)(image), BOUNDS[dtype]
    )
