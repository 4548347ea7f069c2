"""The image gradient of style transfer against PyTorch's autograd: same weights, same pictures, other code.

PyTorch is written here as its users would write the objective: no kernel, layer or loss of ours is called.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nst.engine.style_transfer import StyleTransfer
from nst.images import load, resize
from nst.images.bundled import landscape_path, strokes_path
from nst.networks import Weights, vgg, vgg_shapes
from tests.conftest import REAL_WEIGHTS

torch = pytest.importorskip("torch")

CONTENT_LAYERS = {"relu3_2": 1.0}
STYLE_LAYERS = {"relu1_1": 1.0, "relu2_1": 0.5, "relu3_1": 1.0, "relu4_1": 2.0}
WEIGHTS = {"content_weight": 50.0, "style_weight": 1000.0, "tv_weight": 1.0, "range_weight": 10.0}
FEATURES_ONLY = {"tv_weight": 0.0, "range_weight": 0.0}


@pytest.fixture(scope="module")
def weights() -> Weights:
    """VGG-19 up to conv4_1: as it was trained where its file is present, else random filters of the same shapes."""
    path = Path(os.environ.get("NST_WEIGHTS", ""), REAL_WEIGHTS)
    if path.is_file():
        from nst import formats

        return formats.read(path)
    rng = np.random.default_rng(0)
    names = list(vgg_shapes("vgg19"))
    names = names[: names.index("conv4_1.bias") + 1]
    arrays = {}
    for name in names:
        shape = vgg_shapes("vgg19")[name]
        spread = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) == 4 else 1
        arrays[name] = (spread * rng.standard_normal(shape)).astype(np.float32)
    return Weights(arrays, "vgg19")


def pictures(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return content, style, and an image in between with noise that also leaves 0..255; (1, H, W, 3) float64.

    All numbers are float32's, so that casting a picture to it moves no ReLU and no error but the network's is measured.
    """
    content, style = (
        resize(load(path()).pixels, size)[None].astype(np.float64) for path in (landscape_path, strokes_path)
    )
    noise = np.random.default_rng(6).normal(0, 40, content.shape)
    return content, style, (content + noise).astype(np.float32).astype(np.float64)


def ours(weights, dtype, content, style, image, pooling, padding, **how):
    """Return value and gradient as nst computes them."""
    network = vgg(weights, pooling, padding).astype(dtype)
    transfer = StyleTransfer(CONTENT_LAYERS, STYLE_LAYERS, **{**WEIGHTS, **how})
    found = transfer.objective(network, content.astype(dtype), [style.astype(dtype)])(image.astype(dtype))
    assert found.gradient.dtype == dtype
    return found.value, found.gradient


def torch_features(weights, x, pooling, padding):
    """Return the taps of VGG-19 for `x` (1, H, W, 3), by torch's own functions."""
    functional = torch.nn.functional
    mean = torch.tensor(weights.mean, dtype=x.dtype)
    scale = torch.tensor(weights.scale, dtype=x.dtype)
    x = x.flip(-1) if weights.channel_order == "BGR" else x
    x = ((x - mean) * scale).permute(0, 3, 1, 2)
    taps, block = {}, "1"
    for name in [name.removesuffix(".weight") for name in weights.arrays if name.endswith(".weight")]:
        if name[4] != block:
            block = name[4]
            x = functional.max_pool2d(x, 2) if pooling == "max" else functional.avg_pool2d(x, 2)
        mode = {"zero": "constant", "reflect": "reflect", "replicate": "replicate"}[padding]
        kernel, bias = (
            torch.tensor(weights.arrays[f"{name}.{part}"], dtype=x.dtype) for part in ("weight", "bias")
        )
        x = functional.conv2d(
            functional.pad(x, (1, 1, 1, 1), mode=mode), kernel.permute(3, 2, 0, 1), bias
        ).relu()
        taps[name.replace("conv", "relu")] = x
    return taps


def theirs(weights, dtype, content, style, image, pooling, padding, **how):
    """Return value and gradient as PyTorch finds them by itself."""
    how = {**WEIGHTS, **how}
    kind = {np.float32: torch.float32, np.float64: torch.float64}[dtype]
    content, style, x = (torch.tensor(array, dtype=kind) for array in (content, style, image))
    x.requires_grad_()

    def gram(features):
        flat = features.reshape(features.shape[1], -1)
        return flat @ flat.T / flat.numel()

    with torch.no_grad():
        wanted = torch_features(weights, content, pooling, padding)
        painted = torch_features(weights, style, pooling, padding)
    seen = torch_features(weights, x, pooling, padding)
    total = sum(
        how["content_weight"] * w * (seen[tap] - wanted[tap]).square().mean()
        for tap, w in CONTENT_LAYERS.items()
    )
    for tap, w in STYLE_LAYERS.items():
        total = total + how["style_weight"] * w * (gram(seen[tap]) - gram(painted[tap])).square().mean()
    variation = x.diff(dim=1).square().sum() + x.diff(dim=2).square().sum()
    total = total + how["tv_weight"] * variation / x.numel()
    total = total + how["range_weight"] * ((-x).relu().square() + (x - 255).relu().square()).mean()
    total.backward()
    return total.item(), x.grad.numpy()


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the relative L2 distance."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@pytest.mark.parametrize(
    "pooling, padding, size",
    [
        ("max", "zero", 128),
        ("avg", "reflect", 128),
        ("max", "reflect", 48),
        ("max", "replicate", 48),
        ("avg", "zero", 49),
        ("avg", "replicate", 47),
    ],
)
def test_the_image_gradient_is_autograds(weights, pooling, padding, size):
    """In float64, with every term on: the same value and the same gradient to ten digits."""
    case = *pictures(size), pooling, padding
    value, gradient = ours(weights, np.float64, *case)
    expected, autograd = theirs(weights, np.float64, *case)
    assert value == pytest.approx(expected, rel=1e-11)
    assert distance(gradient, autograd) < 1e-10


@pytest.mark.parametrize("padding", ["zero", "reflect"])
def test_in_float32_it_is_as_precise_as_autograd(weights, padding, monkeypatch):
    """Where only features count (average pooling, neither total variation nor range), and without Winograd, ours
    strays from the float64 gradient below three times as far as PyTorch's own float32 gradient (measured: 1.8)."""
    monkeypatch.setenv("NST_WINOGRAD", "none")
    case = *pictures(128), "avg", padding
    _, exact = theirs(weights, np.float64, *case, **FEATURES_ONLY)
    _, single = theirs(weights, np.float32, *case, **FEATURES_ONLY)
    _, gradient = ours(weights, np.float32, *case, **FEATURES_ONLY)
    assert distance(gradient, exact) < 3 * distance(single, exact)
    assert distance(gradient, exact) < 1e-6


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_winograd_changes_the_loss_in_the_seventh_digit(weights, pooling):
    """With F(4x4, 3x3) the loss is within 1e-6. The gradient jumps where a unit lies so near to 0 that rounding
    decides its sign: a few in a million, but each wholly on or off, which is some 1e-3 of the gradient's norm."""
    case = *pictures(128), pooling, "zero"
    value, exact = theirs(weights, np.float64, *case, **FEATURES_ONLY)
    loss, gradient = ours(weights, np.float32, *case, **FEATURES_ONLY)
    assert loss == pytest.approx(value, rel=1e-6)
    assert distance(gradient, exact) < 1e-2
