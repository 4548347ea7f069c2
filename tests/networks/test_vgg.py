"""VGG-16, VGG-19 and the small random network: sizes, names, depth, borders, memory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import AvgPool2d, MaxPool2d
from nst.networks import Weights, random_weights, vgg, vgg_shapes
from nst.networks.vgg import BLOCKS


def count(shapes, prefix=""):
    return sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(prefix))


@pytest.mark.parametrize(
    "network, whole, convolutions",
    [("vgg19", 143_667_240, 20_024_384), ("vgg16", 138_357_544, 14_714_688)],
)
def test_parameter_counts_are_the_published_ones(network, whole, convolutions):
    """With and without the fully connected layers."""
    shapes = vgg_shapes(network)
    assert count(shapes) == whole
    assert count(shapes, "conv") == convolutions


def up_to(weights: Weights, last: str) -> Weights:
    """The same weights in a file that stops after the layer `last`."""
    names = list(weights.arrays)
    return replace(
        weights, arrays={name: weights.arrays[name] for name in names[: names.index(f"{last}.bias") + 1]}
    )


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_names_are_those_of_caffe(network):
    """input, conv1_1, relu1_1, ..., pool5 with the right number of convolutions in each block."""
    arrays = {
        name: np.zeros(shape, np.float32) for name, shape in vgg_shapes(network).items() if name[:4] == "conv"
    }
    names = vgg(Weights(arrays, network)).names
    expected = ["input"]
    for block, (convolutions, _) in enumerate(BLOCKS[network], 1):
        for index in range(1, convolutions + 1):
            expected += [f"conv{block}_{index}", f"relu{block}_{index}"]
        expected.append(f"pool{block}")
    assert names == expected
    assert sum(name.startswith("conv") for name in names) == {"vgg16": 13, "vgg19": 16}[network]


def test_keras_names_are_aliases(small):
    """In Keras a convolution includes its activation, so block1_conv2 is relu1_2; pools correspond."""
    assert small.resolve("block1_conv2") == "relu1_2"
    assert small.resolve("block3_pool") == "pool3"
    with pytest.raises(NstError, match="did you mean 'block1_conv2'"):
        small.resolve("block1_conv22")


@pytest.mark.parametrize("last, name", [("conv3_1", "relu3_1"), ("conv2_2", "pool2")])
def test_weights_that_end_early_give_a_network_that_ends_there(filters, last, name):
    """The shallow network gives the features of the deep one; a deeper layer is an error that names all layers."""
    short = vgg(up_to(filters, last))
    assert short.names[-1] == name
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
    deep, _ = vgg(filters).forward(image, [name])
    shallow, _ = short.forward(image, [name])
    np.testing.assert_array_equal(shallow[name], deep[name])
    with pytest.raises(NstError) as error:
        short.forward(image, ["relu4_1"])
    assert "no layer 'relu4_1'" in str(error.value) and f"there are {', '.join(short.names)}" in str(
        error.value
    )


def test_real_weights_end_at_conv4_1(real_weights):
    """The file that stops at conv4_1 gives relu4_1 last, and refuses relu4_2 by listing what there is."""
    network = vgg(real_weights)
    assert network.names[-2:] == ["conv4_1", "relu4_1"]
    with pytest.raises(
        NstError, match=r"no layer 'relu4_2'; did you mean 'relu4_1'.* there are input, conv1_1"
    ):
        network.resolve("relu4_2")


@pytest.mark.parametrize("height, width", [(33, 47), (32, 32), (17, 50), (31, 16)])
def test_shapes_of_odd_sizes(small, height, width):
    """Pooling halves and rounds down; what runs has the shape that output_shape foretold."""
    taps = ["relu1_2", "pool1", "relu2_2", "relu3_1", "pool3", "relu4_2", "pool4"]
    features, _ = small.forward(np.zeros((1, height, width, 3), np.float32), taps)
    for tap in taps:
        halvings = int(tap[4]) - (0 if tap.startswith("pool") else 1)
        channels = (32, 64, 128, 256, 256)[int(tap[4]) - 1]
        assert features[tap].shape == (1, height >> halvings, width >> halvings, channels), tap
    shape = (1, height, width, 3)
    for node in small.nodes.values():
        if node.name in small.needed(["pool4"]):
            shape = node.layer.output_shape(shape)
    assert shape == features["pool4"].shape


@pytest.mark.parametrize(
    "padding, layer", [("zero", "pool4"), ("reflect", "conv4_1"), ("replicate", "pool4")]
)
def test_a_picture_that_is_too_small_is_an_error_that_names_the_layer(filters, padding, layer):
    """Eight pixels are one after three poolings: the fourth has no window, and reflection nothing to reflect."""
    with pytest.raises(NstError, match=layer):
        vgg(filters, padding=padding).forward(np.ones((1, 8, 9, 3), np.float32), ["pool4"])


def test_a_frozen_tape_holds_no_activations(small):
    """Per ReLU one byte a number, per pooling one byte a number of its output: no float is kept."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    taps = [name for name in small.names if name[:4] in ("relu", "pool")]
    features, tape = small.forward(image, taps)
    assert tape.nbytes() <= sum(features[tap].size for tap in taps)
    floats = sum(features[tap].nbytes for tap in taps)
    assert tape.nbytes() < floats / 3


def test_pooling_is_chosen(filters):
    """ "max" and "avg" give their layers, and other features."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 3)).astype(np.float32)
    networks = {pooling: vgg(filters, pooling) for pooling in ("max", "avg")}
    assert isinstance(networks["max"].nodes["pool1"].layer, MaxPool2d)
    assert isinstance(networks["avg"].nodes["pool1"].layer, AvgPool2d)
    features, _ = networks["avg"].forward(image, ["relu1_2", "pool1"])
    blocks = features["relu1_2"].reshape(1, 4, 2, 4, 2, -1).mean(axis=(2, 4))
    np.testing.assert_allclose(features["pool1"], blocks, rtol=1e-5)


@pytest.mark.parametrize("padding", ["zero", "reflect", "replicate"])
def test_padding_matters_at_the_border_only(filters, padding):
    """Every padding gives the same inside; on a constant picture, only zeros leave a seam along the border."""
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 12, 12, 3)).astype(np.float32)
    inside = {p: vgg(filters, padding=p).forward(image, ["conv1_1"])[0]["conv1_1"] for p in ("zero", padding)}
    np.testing.assert_array_equal(inside[padding][:, 1:-1, 1:-1], inside["zero"][:, 1:-1, 1:-1])
    flat = np.full((1, 12, 12, 3), 200, np.float32)
    seen = vgg(filters, padding=padding).forward(flat, ["relu2_1"])[0]["relu2_1"]
    seam = np.abs(seen - seen[:, 3:4, 3:4]).max() / np.abs(seen).max()
    assert (seam > 0.05) if padding == "zero" else (seam < 1e-5)


def test_random_weights_are_the_same_bytes_for_a_seed(filters):
    """One seed, one network; another seed, another one."""
    again, other = random_weights(), random_weights(seed=1)
    assert list(filters.arrays) == list(vgg_shapes("random"))
    for name, array in filters.arrays.items():
        assert array.tobytes() == again.arrays[name].tobytes() and array.dtype == np.float32
        assert name.endswith(".bias") or not np.array_equal(array, other.arrays[name])


def test_random_filters_are_orthogonal(filters):
    """Columns of a tall kernel matrix are orthogonal, of length sqrt 2; all biases are zero."""
    for name, array in filters.arrays.items():
        if name.endswith(".bias"):
            assert not array.any()
            continue
        matrix = array.reshape(-1, array.shape[-1]).astype(np.float64)
        rows, columns = matrix.shape
        product = matrix.T @ matrix if rows >= columns else matrix @ matrix.T * rows / columns
        np.testing.assert_allclose(product, 2 * np.eye(min(rows, columns)), atol=1e-5)


def test_random_activations_keep_their_size(small):
    """From the first ReLU to the last the size of the activations stays within one order of magnitude."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    features, _ = small.forward(image, [name for name in small.names if name.startswith("relu")])
    sizes = [float(np.sqrt(np.mean(np.square(found)))) for found in features.values()]
    assert max(sizes) / min(sizes) < 10 and min(sizes) > 1
