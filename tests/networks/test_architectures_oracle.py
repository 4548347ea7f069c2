"""GoogLeNet, SqueezeNet and AlexNet against PyTorch: scores with the same weights, and the gradient of the image.

PyTorch is written as its users would write these networks: no kernel or layer of ours is called.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nst import formats
from nst.images import load
from nst.networks import ARCHITECTURES, build
from tests.networks.test_architectures import picture, random

torch = pytest.importorskip("torch")
functional = torch.nn.functional

FILES = {
    "googlenet": "bvlc_googlenet.npz",
    "squeezenet": "squeezenet_v1.1.npz",
    "alexnet": "alexnet_conv1_to_conv5.npz",
}
TAPS = {"googlenet": "loss3/classifier", "squeezenet": "pool10", "alexnet": "relu5"}
PICTURES = Path(os.environ.get("NST_WEIGHTS", ""), "..", "data", "imagenet-val-200")


class Theirs:
    """The networks in PyTorch's own functions, over a dictionary of our arrays."""

    def __init__(self, weights, dtype):
        self.weights, self.dtype = weights, dtype

    def tensor(self, name):
        return torch.tensor(self.weights.arrays[name], dtype=self.dtype)

    def __call__(self, x):
        x = x.flip(-1) if self.weights.channel_order == "BGR" else x
        mean, scale = (torch.tensor(v, dtype=self.dtype) for v in (self.weights.mean, self.weights.scale))
        return getattr(self, self.weights.network)(((x - mean) * scale).permute(0, 3, 1, 2))

    def conv(self, name, x, **options):
        kernel = self.tensor(f"{name}.weight").permute(3, 2, 0, 1)
        return functional.conv2d(x, kernel, self.tensor(f"{name}.bias"), **options).relu()

    def pool(self, x, stride=2, padding=0):
        return functional.max_pool2d(x, 3, stride, padding, ceil_mode=True)

    def lrn(self, x):
        return functional.local_response_norm(x, 5, 1e-4, 0.75, 1.0)

    def googlenet(self, x):
        x = self.lrn(self.pool(self.conv("conv1/7x7_s2", x, stride=2, padding=3)))
        x = self.conv("conv2/3x3", self.conv("conv2/3x3_reduce", x), padding=1)
        x = self.pool(self.lrn(x))
        for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
            if module in ("4a", "5a"):
                x = self.pool(x)
            name = f"inception_{module}"
            x = torch.cat(
                [
                    self.conv(f"{name}/1x1", x),
                    self.conv(f"{name}/3x3", self.conv(f"{name}/3x3_reduce", x), padding=1),
                    self.conv(f"{name}/5x5", self.conv(f"{name}/5x5_reduce", x), padding=2),
                    self.conv(f"{name}/pool_proj", self.pool(x, stride=1, padding=1)),
                ],
                1,
            )
        return x.mean((2, 3)) @ self.tensor("loss3/classifier.weight") + self.tensor("loss3/classifier.bias")

    def squeezenet(self, x):
        x = self.pool(self.conv("conv1", x, stride=2))
        for number in range(2, 10):
            name = f"fire{number}"
            x = self.conv(f"{name}/squeeze1x1", x)
            wide = self.conv(f"{name}/expand3x3", x, padding=1)
            x = torch.cat([self.conv(f"{name}/expand1x1", x), wide], 1)
            x = self.pool(x) if number in (3, 5) else x
        return self.conv("conv10", x).mean((2, 3))

    def alexnet(self, x):
        x = self.pool(self.lrn(self.conv("conv1", x, stride=4)))
        x = self.pool(self.lrn(self.conv("conv2", x, padding=2, groups=2)))
        x = self.conv("conv4", self.conv("conv3", x, padding=1), padding=1, groups=2)
        return self.conv("conv5", x, padding=1, groups=2).permute(0, 2, 3, 1)


@pytest.mark.parametrize("name", FILES)
def test_the_backward_pass_is_autograds(name):
    """Through response normalisation, hanging windows, groups and joined branches: the same gradient in float64."""
    weights, tap = random(name), TAPS[name]
    image = picture(83, 97).astype(np.float64)
    network = build(weights).astype(np.float64)
    features, tape = network.forward(image, [tap])
    dy = np.random.default_rng(3).standard_normal(features[tap].shape)
    x = torch.tensor(image, requires_grad=True)
    expected = Theirs(weights, torch.float64)(x)
    np.testing.assert_allclose(features[tap], expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    expected.backward(torch.tensor(dy))
    error = network.backward({tap: dy}, tape) - x.grad.numpy()
    assert np.linalg.norm(error) < 1e-12 * np.linalg.norm(x.grad.numpy())


@pytest.mark.parametrize("name", FILES)
def test_real_weights_give_pytorchs_scores(name):
    """On a picture of ImageNet, in float32: scores within 1e-4 of the largest; GoogLeNet's best is 473 at 19.1636."""
    path = Path(os.environ.get("NST_WEIGHTS", ""), FILES[name])
    if not path.is_file() or not PICTURES.is_dir():
        pytest.skip(f"NST_WEIGHTS does not name a folder with {FILES[name]} and ../data/imagenet-val-200")
    weights, tap = formats.read(path), TAPS[name]
    assert weights.network == name
    crop, start = ARCHITECTURES[name].crop, 1 if name == "googlenet" else 0
    pixels = load(PICTURES / "ILSVRC2012_val101.jpeg").pixels[start : start + crop, start : start + crop]
    found = build(weights).forward(pixels[None], [tap])[0][tap]
    with torch.no_grad():
        expected = Theirs(weights, torch.float32)(torch.tensor(pixels[None])).numpy()
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    if name == "googlenet":
        assert found.argmax() == 473 and found.max() == pytest.approx(19.1636, abs=1e-3)
