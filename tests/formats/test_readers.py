"""Each reader gives back the numbers that a file of its format was written from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from nst.formats.known import CAFFE_MEAN, TORCH_MEAN
from nst.networks.vgg import vgg_shapes
from tests.formats import miniature

REAL = Path(os.environ.get("NST_WEIGHTS", "")) / "vgg19_to_conv4_1.h5"


@pytest.mark.parametrize("kind", miniature.WRITERS)
def test_numbers_come_back_exactly(kind, tmp_path):
    """Kernels, biases and dense layers arrive in the canonical layout, bit for bit, ours and contiguous."""
    path = miniature.write(kind, tmp_path)
    found = formats.read(path, top=True, shapes=miniature.SHAPES)
    assert list(found.arrays) == list(miniature.SHAPES)
    for name, expected in miniature.arrays().items():
        assert found.arrays[name].dtype == np.float32
        assert found.arrays[name].flags.c_contiguous and found.arrays[name].flags.writeable
        np.testing.assert_array_equal(found.arrays[name], expected, err_msg=name)


@pytest.mark.parametrize("kind", miniature.WRITERS)
def test_format_is_told_by_content(kind, tmp_path):
    """The extension plays no part in recognising a file."""
    assert formats.identify(miniature.write(kind, tmp_path)) == kind.split(" ")[0]


@pytest.mark.parametrize("kind", miniature.WRITERS)
def test_dense_layers_are_left_out_by_default(kind, tmp_path):
    """Without `top` only convolutions are read, from files that have more."""
    found = formats.read(miniature.write(kind, tmp_path), shapes=miniature.SHAPES)
    assert list(found.arrays) == [name for name in miniature.SHAPES if name.startswith("conv")]


@pytest.mark.parametrize("kind", miniature.WRITERS)
def test_preprocessing_follows_the_format(kind, tmp_path):
    """Caffe's kin expects BGR, MatConvNet RGB with its mean; for torch's names torchvision is assumed."""
    found = formats.read(miniature.write(kind, tmp_path), shapes=miniature.SHAPES)
    expected = {"matconvnet-mat": ("RGB", CAFFE_MEAN[::-1])}
    expected |= dict.fromkeys(("torch-zip", "torch-legacy", "safetensors"), ("RGB", TORCH_MEAN))
    order, mean = expected.get(kind.split(" ")[0], ("BGR", CAFFE_MEAN))
    assert found.channel_order == order
    assert found.mean == pytest.approx(mean)
    assert len(found.sha256) == 64 and found.source.startswith("weights.bin") and found.licence


def test_torch_writes_what_we_read(tmp_path):
    """Files of the real PyTorch, zip and legacy, also with parameters and tensors that share a storage."""
    torch = pytest.importorskip("torch")
    values = miniature.renamed(miniature.oihw(miniature.arrays()), miniature.TORCH)
    state = {name: torch.from_numpy(array) for name, array in values.items()}
    state["features.0.weight"] = state["features.0.weight"].transpose(2, 3).contiguous().transpose(2, 3)
    state["features.2.weight"] = torch.nn.Parameter(state["features.2.weight"])
    both = torch.cat([state["features.0.bias"], state["features.2.bias"]])
    state["features.0.bias"], state["features.2.bias"] = both[:4], both[4:]
    state["classifier.3.weight"] = state["classifier.3.weight"].double()
    for zipped in (True, False):
        path = tmp_path / f"{zipped}.pth"
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
        assert formats.identify(path) == ("torch-zip" if zipped else "torch-legacy")
        found = formats.read(path, top=True, shapes=miniature.SHAPES)
        for name, expected in miniature.arrays().items():
            np.testing.assert_array_equal(found.arrays[name], expected, err_msg=name)


def test_half_and_double_precision_are_read_as_single(tmp_path):
    """A file of float16 or of big-endian float64 gives float32."""
    for code in ("<f2", ">f8"):
        values = {name: array.astype(code) for name, array in miniature.arrays().items()}
        np.savez(tmp_path / "w.npz", **values)
        found = formats.read(tmp_path / "w.npz", top=True, shapes=miniature.SHAPES)
        for name, array in values.items():
            assert found.arrays[name].dtype == np.float32 and found.arrays[name].dtype.isnative
            np.testing.assert_array_equal(found.arrays[name], array.astype(np.float32))


def vgg_like(network: str, last: str, folder: Path) -> Path:
    """Write an `.npz` with the first convolutions of a real VGG, zeros throughout."""
    values = {}
    for name, shape in vgg_shapes(network).items():
        values[name] = np.zeros(shape, np.float16)
        if name == f"{last}.bias":
            break
    np.savez_compressed(folder / "w.npz", **values)
    return folder / "w.npz"


@pytest.mark.parametrize(
    ("network", "last", "noted"),
    [("vgg16", "conv4_1", False), ("vgg19", "conv3_4", False), ("vgg19", "conv2_2", True)],
)
def test_network_follows_from_the_layers(network, last, noted, tmp_path):
    """VGG-16 is what goes on to conv4_1 without conv3_4; a file that ends before both part says so."""
    found = formats.read(vgg_like(network, last, tmp_path))
    assert found.network == network
    assert list(found.arrays)[-1] == f"{last}.bias"
    assert any("stops before" in note for note in found.notes) is noted


def test_network_asked_for_must_be_the_one_there(tmp_path):
    """A VGG-16 read as VGG-19 is refused, and so is a network that nobody knows."""
    path = vgg_like("vgg16", "conv4_1", tmp_path)
    assert formats.read(path, "vgg16").network == "vgg16"
    with pytest.raises(NstError, match="conv3_4"):
        formats.read(path, "vgg19")
    with pytest.raises(NstError, match="did you mean 'vgg19'"):
        formats.read(path, "vgg-19")


@pytest.mark.skipif(not REAL.is_file(), reason="NST_WEIGHTS does not name a folder with vgg19_to_conv4_1.h5")
def test_real_keras_file(tmp_path):
    """The Keras file of VGG-19 to conv4_1: 18 arrays of the published shapes and first number."""
    found = formats.read(REAL)
    assert (found.network, found.channel_order, found.mean) == ("vgg19", "BGR", CAFFE_MEAN)
    assert len(found.arrays) == 18 and found.arrays["conv4_1.weight"].shape == (3, 3, 256, 512)
    assert found.arrays["conv1_1.weight"][0, 0, 0, 0] == np.float32(0.34119523)
    # In torch's clothes, also with red first, Oxford's filters are recognised by what they respond to.
    first = {name: found.arrays[name] for name in ("conv1_1.weight", "conv1_1.bias")}
    for order in ("BGR", "RGB"):
        miniature.safetensors(tmp_path / "w.bin", miniature.renamed(miniature.oihw(first), miniature.TORCH))
        again = formats.read(tmp_path / "w.bin")
        assert again.channel_order == order and "Oxford" in again.notes[-1]
        np.testing.assert_array_equal(again.arrays["conv1_1.weight"], first["conv1_1.weight"])
        first["conv1_1.weight"] = np.ascontiguousarray(first["conv1_1.weight"][:, :, ::-1])
