"""Files of GoogLeNet, SqueezeNet and AlexNet, as Caffe and torchvision write them, come back as our own arrays."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from nst.formats.batch_norm import EPS
from nst.formats.known import find_weights
from nst.formats.verify import FAILED, OK, verify
from nst.layers import BatchNorm, Conv2d
from nst.networks import ARCHITECTURES, build
from nst.weights import main
from tests.formats import miniature
from tests.networks.test_architectures import random

# A few names of each file as the programs that made them have it, and what they are here.
TORCH = {
    "squeezenet": {
        "features.0.weight": "conv1.weight",
        "features.3.squeeze.bias": "fire2/squeeze1x1.bias",
        "features.9.expand3x3.weight": "fire6/expand3x3.weight",
        "features.12.expand1x1.weight": "fire9/expand1x1.weight",
        "classifier.1.weight": "conv10.weight",
    },
    "alexnet-torchvision": {
        "features.0.weight": "conv1.weight",
        "features.3.weight": "conv2.weight",
        "features.10.bias": "conv5.bias",
    },
}
SQUEEZENET = {
    f"fire{n}": f"features.{m}" for n, m in zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12), strict=True)
}


def torch_name(network: str, name: str) -> str:
    """What torchvision calls an array, by hand from its source."""
    layer, part = name.rsplit(".", 1)
    if network == "alexnet-torchvision":
        return f"features.{dict(conv1=0, conv2=3, conv3=6, conv4=8, conv5=10)[layer]}.{part}"
    fire, _, kind = layer.partition("/")
    known = {"conv1": "features.0", "conv10": "classifier.1"}
    return f"{known.get(layer) or SQUEEZENET[fire] + '.' + kind.replace('squeeze1x1', 'squeeze')}.{part}"


def channels_first(values: dict) -> dict:
    """Kernels (out, in, kh, kw), dense layers (out, in)."""
    turn = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
    return {name: np.ascontiguousarray(array.transpose(turn[array.ndim])) for name, array in values.items()}


def caffe(path: Path, values: dict, name: bytes) -> None:
    """Write a Caffe model with layers of version 2."""
    message = miniature.field(1, name)
    stored = channels_first(values)
    for layer in dict.fromkeys(key.rsplit(".", 1)[0] for key in stored):
        blobs = b""
        for part in ("weight", "bias"):
            array = stored[f"{layer}.{part}"]
            shape = miniature.field(1, b"".join(miniature.varint(n) for n in array.shape))
            blobs += miniature.field(7, miniature.field(7, shape) + miniature.field(5, array.tobytes()))
        message += miniature.field(
            100, miniature.field(1, layer.encode()) + miniature.field(2, b"Convolution") + blobs
        )
    path.write_bytes(message)


def same(found: dict, expected: dict) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("network, mean", [("googlenet", (104, 117, 123)), ("squeezenet", (104, 117, 123))])
def test_caffe_models_with_their_auxiliary_classifiers(network, mean, tmp_path):
    """Kernels are turned, the layers that only training needs are skipped, the mean is the one of this network."""
    weights = random(network, "nothing")
    extra = {"loss1/fc.weight": np.ones((4, 2), np.float32), "loss1/fc.bias": np.ones(2, np.float32)}
    caffe(tmp_path / "w.bin", weights.arrays | (extra if network == "googlenet" else {}), network.encode())
    found = formats.read(tmp_path / "w.bin")
    assert (found.network, found.channel_order, found.mean) == (network, "BGR", mean)
    same(found.arrays, weights.arrays)


def test_caffes_alexnet_keeps_its_head_only_when_asked(tmp_path):
    """fc6 reads flattened maps: its rows are sorted anew, and without `top` none of it is read."""
    weights = random("alexnet")
    rows = np.arange(9216, dtype=np.float32)[:, None]  # each row of fc6 says where it belongs
    weights.arrays |= {"fc6.weight": np.repeat(rows, 4096, axis=1), "fc6.bias": np.zeros(4096, np.float32)}
    maps = rows.reshape(6, 6, 256).transpose(2, 0, 1).reshape(9216, 1)
    stored = weights.arrays | {"fc6.weight": np.repeat(maps, 4096, axis=1)}
    caffe(tmp_path / "w.bin", stored, b"AlexNet")
    found = formats.read(tmp_path / "w.bin", top=True)
    assert found.network == "alexnet" and found.mean == pytest.approx((104, 117, 123), abs=1)
    same(found.arrays, weights.arrays)
    assert list(formats.read(tmp_path / "w.bin").arrays) == list(weights.arrays)[:10]


@pytest.mark.parametrize("network", TORCH)
def test_torchvisions_names(network, tmp_path):
    """`features.N` is told apart by shapes where names would fit several networks; the pixels are torchvision's."""
    weights = random(network)
    for theirs, ours in TORCH[network].items():
        assert torch_name(network, ours) == theirs
    stored = {torch_name(network, name): array for name, array in channels_first(weights.arrays).items()}
    miniature.torch_zip(tmp_path / "w.bin", stored)
    found = formats.read(tmp_path / "w.bin")
    assert (found.network, found.channel_order) == (network, "RGB")
    assert found.scale == pytest.approx((1 / 58.395, 1 / 57.12, 1 / 57.375))
    same(found.arrays, weights.arrays)


def googlenet_of_torchvision(rng: np.random.Generator) -> dict:
    """Its arrays under its own names: convolutions without bias, each with a batch normalisation."""
    short = {
        "conv1/7x7_s2": "conv1",
        "conv2/3x3_reduce": "conv2",
        "conv2/3x3": "conv3",
        "loss3/classifier": "fc",
    }
    branch = {
        "1x1": "1",
        "3x3_reduce": "2.0",
        "3x3": "2.1",
        "5x5_reduce": "3.0",
        "5x5": "3.1",
        "pool_proj": "4.1",
    }
    state = {}
    for name, shape in ARCHITECTURES["googlenet-torchvision"].shapes().items():
        layer, part = name.rsplit(".", 1)
        module, _, kind = layer.removeprefix("inception_").partition("/")
        layer = short.get(layer) or f"inception{module}.branch{branch[kind]}"
        if layer == "fc":
            state[f"fc.{part}"] = rng.standard_normal(shape[::-1]).astype(np.float32)
        elif part == "weight":
            kernel = rng.standard_normal((shape[3], shape[2], *shape[:2])) / np.sqrt(np.prod(shape[:3]))
            state[f"{layer}.conv.weight"] = kernel.astype(np.float32)
            for statistic in ("weight", "bias", "running_mean", "running_var"):
                state[f"{layer}.bn.{statistic}"] = rng.uniform(0.5, 2, shape[3]).astype(np.float32)
            state[f"{layer}.bn.num_batches_tracked"] = np.array([7])
    state["aux1.conv.conv.weight"] = np.ones((2, 3, 1, 1), np.float32)
    state |= {
        f"aux1.conv.bn.{s}": np.ones(2, np.float32) for s in ("weight", "bias", "running_mean", "running_var")
    }
    return state | {"aux2.fc1.bias": np.ones(3, np.float32)}


def test_torchvisions_googlenet_has_its_normalisation_folded(tmp_path):
    """Convolution and batch normalisation read as one convolution give what both gave; pixels go in as -1..1."""
    state = googlenet_of_torchvision(np.random.default_rng(4))
    miniature.torch_zip(tmp_path / "w.bin", state)
    found = formats.read(tmp_path / "w.bin")
    assert (found.network, found.channel_order, found.mean) == ("googlenet-torchvision", "RGB", (127.5,) * 3)
    network = build(found).astype(np.float64)
    x = np.random.default_rng(5).standard_normal((1, 9, 9, 192))
    for layer, theirs in (("inception_3a/5x5_reduce", "branch3.0"), ("inception_3a/1x1", "branch1")):
        kernel, *norm = (
            state[f"inception3a.{theirs}.{part}"].astype(np.float64)
            for part in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
        )
        y, _ = Conv2d(kernel.transpose(2, 3, 1, 0)).forward(x)
        expected, _ = BatchNorm(*norm, eps=EPS).forward(y)
        ours, _ = network.nodes[layer].layer.forward(x)
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert network.nodes["inception_4c/5x5"].layer.window().size == (3, 3)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"conv1.bn.running_var": -np.ones(64, np.float32)}, "variance of 'conv1.bn' is negative"),
        ({"conv1.bn.bias": np.ones(63, np.float32)}, "bias of 'conv1.bn' is not a number for each filter"),
        ({"conv1.bn.weight": None}, "batch normalisation of 'conv1' lacks its weight"),
    ],
)
def test_a_broken_normalisation_is_one_line(change, message, tmp_path):
    """What cannot be folded is refused with the layer's name."""
    state = googlenet_of_torchvision(np.random.default_rng(4)) | change
    miniature.torch_zip(
        tmp_path / "w.bin", {name: array for name, array in state.items() if array is not None}
    )
    with pytest.raises(NstError, match=message):
        formats.read(tmp_path / "w.bin")


@pytest.mark.parametrize("network", ["googlenet", "squeezenet"])
def test_our_own_file_of_any_network(network, tmp_path, capsys):
    """Names with a slash survive the canonical file, whose preprocessing is believed; info and verify know it."""
    weights = replace(random(network, "nothing"), source="drawn", sha256="ab" * 32)
    formats.write(tmp_path / "w.h5", weights)
    found = formats.read(tmp_path / "w.h5")
    assert (found.network, found.mean, found.channel_order) == (network, weights.mean, "RGB")
    same(found.arrays, weights.arrays)
    assert main(["info", str(tmp_path / "w.h5")]) == 0
    assert (
        f"{network}, deepest layer {list(weights.arrays)[-1].removesuffix('.bias')}"
        in capsys.readouterr().out
    )
    checks = {check.name: check for check in verify(found)}
    assert checks["shapes"].verdict == checks["values"].verdict == OK
    found.arrays.popitem()
    assert verify(found)[0].verdict == FAILED


def test_a_missing_branch_is_named(tmp_path):
    """A GoogLeNet without one array in the middle is refused, not built with a hole."""
    arrays = random("googlenet", "nothing").arrays
    del arrays["inception_4b/5x5.weight"]
    np.savez(tmp_path / "w.npz", **channels_first({k: v for k, v in arrays.items() if "5b" not in k}))
    with pytest.raises(NstError, match=r"'inception_4b/5x5\.weight' is missing"):
        formats.read(tmp_path / "w.npz")


def test_files_are_found_by_the_names_that_people_use(tmp_path, monkeypatch):
    """Caffe's own networks have BVLC before their name."""
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path))
    for name in ("bvlc_googlenet.npz", "squeezenet_v1.1.npz"):
        (tmp_path / name).touch()
    assert find_weights("googlenet").name == "bvlc_googlenet.npz"
    assert find_weights("squeezenet").name == "squeezenet_v1.1.npz"


def test_the_pruned_alexnet_is_known_by_its_checksum():
    """Its pixels are RGB divided by 57.375, which no number in the file tells."""
    path = Path(os.environ.get("NST_WEIGHTS", ""), "alexnet_conv1_to_conv5.npz")
    if not path.is_file():
        pytest.skip("NST_WEIGHTS does not name a folder with alexnet_conv1_to_conv5.npz")
    found = formats.read(path)
    assert (found.network, found.channel_order, found.mean[0], found.scale[0]) == (
        "alexnet",
        "RGB",
        122.68,
        1 / 57.375,
    )
    assert build(found).names[-1] == "pool5"
