"""Loading by name: what Keras' rule takes, what it leaves, and the table of both."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import Conv2d, Preprocess
from nst.networks import Weights, vgg_cifar
from nst.networks.transfer import transferable
from nst.training.by_name import load_by_name


def small(classes: int = 4):
    return vgg_cifar(1, width=8, hidden=16, classes=classes)


def arrays_of(network) -> dict[str, np.ndarray]:
    return {f"{n}.{k}": a.copy() for n, node in network.nodes.items() for k, a in node.layer.state().items()}


def test_same_name_and_same_shape_are_loaded_and_the_rest_stays():
    """With more classes all but the last layer is taken over; that one keeps its fresh weights to the bit."""
    source, target = arrays_of(vgg_cifar(2, width=8, hidden=16, classes=3)), small()
    source["norm1_1.running_mean"] += 5
    before = arrays_of(target)
    told = load_by_name(target, Weights(source, "vgg19-cifar", "RGB"))
    after = arrays_of(target)
    kept = {"fc8.weight", "norm8.gamma", "norm8.beta", "norm8.running_mean", "norm8.running_var"}
    assert told.mismatched.keys() == kept and told.loaded.keys() == after.keys() - kept
    assert told.mismatched["fc8.weight"] == ((16, 4), (16, 3))
    for label, array in after.items():
        np.testing.assert_array_equal(array, (before if label in kept else source)[label])
        assert array is not source[label]


def test_a_plain_vgg_gives_its_convolutions_to_one_with_batch_normalisation():
    """Biases that the network lacks are skipped, norms that the file lacks stay, as the seed's network has it."""
    shapes = {f"conv{b}_1.weight": (3, 3, c, o) for b, c, o in ((1, 3, 8), (2, 8, 16), (3, 16, 999))}
    rng = np.random.default_rng(0)
    source = {name: rng.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()}
    source["conv1_1.bias"] = np.ones(8, np.float16)
    network = small()
    told = load_by_name(network, Weights(source, "vgg19"))
    assert list(told.loaded) == ["conv1_1.weight", "conv2_1.weight"] and told.skipped == ("conv1_1.bias",)
    assert told.mismatched == {"conv3_1.weight": ((3, 3, 16, 32), (3, 3, 16, 999))}
    assert "norm1_1.gamma" in told.absent and "conv5_4.weight" in told.absent
    weight = network.nodes["conv2_1"].layer.weight
    assert weight.dtype == np.float32 and (weight == source["conv2_1.weight"]).all()


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_the_first_layer_goes_on_to_see_what_it_learned_from(order):
    """Kernels for another order and scale are rewritten for the network's own, and the file's mean comes along."""
    network, rng = small(), np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 3, 8)).astype(np.float32)
    mean, scale = (1.0, 2.0, 3.0), (0.5, 0.25, 0.125)
    load_by_name(network, Weights({"conv1_1.weight": kernel}, "vgg19", order, mean, scale))
    theirs = Preprocess(mean, scale, order).forward(image)[0]
    expected = Conv2d(kernel, padding=1).forward(theirs)[0]
    found = network.forward(image, ["conv1_1"])[0]["conv1_1"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert network.nodes["input"].layer.channel_order == "RGB"


def test_the_input_stays_where_its_layer_does():
    """Without the first layer's weights, the mean that the network subtracts is its own."""
    network = small()
    before = network.nodes["input"]
    source = {"conv1_2.weight": arrays_of(network)["conv1_2.weight"]}
    load_by_name(network, Weights(source, "vgg19", "BGR", (1.0, 2.0, 3.0)))
    assert network.nodes["input"] is before


def test_the_table_tells_each_kind():
    """Loaded, left out on either side, and of another shape: with names, and the middle of a long list left out."""
    source = arrays_of(vgg_cifar(2, width=8, hidden=16, classes=3))
    del source["fc6.weight"]
    source["extra/head.bias"] = np.zeros(3)
    lines = load_by_name(small(), Weights(source, "vgg19-cifar")).lines()
    assert lines[0].startswith("  loaded              89 arrays, ") and "conv1_1 (weight)" in lines[0]
    assert " more ..., norm7 (gamma, beta, running_mean, running_var)" in lines[0]
    assert lines[1] == "  not in the file     fc6 (weight)"
    assert lines[2] == "  not in the network  extra/head (bias)"
    assert lines[3] == "  another shape       fc8.weight: 16x4 here, 16x3 in the file"


def test_a_file_of_which_nothing_fits_is_refused():
    """Keras would go on in silence; here a misnamed file is an error, and nothing has changed."""
    network = small()
    before = arrays_of(network)
    source = {"conv1_l.weight": before["conv1_1.weight"] + 1, "fc8.weight": np.zeros((2, 2))}
    with pytest.raises(NstError, match=r"first is conv1_1\.weight, that of the file conv1_l\.weight"):
        load_by_name(network, Weights(source, "vgg19"))
    np.testing.assert_array_equal(arrays_of(network)["conv1_1.weight"], before["conv1_1.weight"])


def test_squeezenet_is_loaded_whole_below_its_new_head():
    """A SqueezeNet's own arrays all fit, its classifier is skipped, and the head alone is absent."""
    network, other = transferable("squeezenet", classes=5), transferable("squeezenet", 1, classes=5)
    source = {label: a for label, a in arrays_of(other).items() if not label.startswith("head/")}
    source |= {"conv10.weight": np.zeros((1, 1, 512, 1000)), "conv10.bias": np.zeros(1000)}
    told = load_by_name(network, Weights(source, "squeezenet"))
    assert len(told.loaded) == 50 and sum(told.loaded.values()) == 1235496 - 512 * 1000 - 1000
    assert told.skipped == ("conv10.weight", "conv10.bias") and not told.mismatched
    assert all(label.startswith("head/") for label in told.absent)
