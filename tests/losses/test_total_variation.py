"""Total variation: by hand, against CS231n's published value, and against the cropped form."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.losses import total_variation


def _cropped(x: np.ndarray) -> float:
    """The often seen form: both differences cut to (H-1) x (W-1)."""
    core = x[:, :-1, :-1]
    return float(((x[:, 1:, :-1] - core) ** 2).sum() + ((x[:, :-1, 1:] - core) ** 2).sum())


@pytest.fixture
def tubingen() -> np.ndarray:
    """CS231n's photograph as its assignment prepares it: 192 pixels on the shorter side, normalised."""
    folder = os.environ.get("NST_WEIGHTS")
    path = Path(folder or ".", "..", "images", "reference", "tubingen.jpg")
    if not folder or not path.is_file():
        pytest.skip("needs CS231n's tubingen.jpg in ../images/reference beside the folder NST_WEIGHTS")
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((256, 192), Image.Resampling.BILINEAR)
    return (np.asarray(small)[None] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


def test_by_hand():
    """The picture [[1, 2], [4, 8]] has pairs 3, 6 down and 1, 4 across; each pixel sums its two."""
    value, gradient = total_variation(np.array([[1.0, 2], [4, 8]]).reshape(1, 2, 2, 1))
    assert value == 9 + 36 + 1 + 16
    np.testing.assert_array_equal(gradient.reshape(2, 2), [[-8, -10], [-2, 20]])


def test_cs231n_published_value(tubingen):
    """With weight 2e-2 the published value is 303.47; the cropped form misses it."""
    assert 2e-2 * total_variation(tubingen)[0] == pytest.approx(303.47, rel=1e-4)
    assert 2e-2 * _cropped(tubingen) == pytest.approx(302.574, rel=1e-5)


def test_every_pair_counts_including_the_border():
    """A step seen only in the last row and one seen only in the last column count, which cropping forgets."""
    x = np.zeros((1, 4, 5, 1))
    x[0, -1, -1] = 1
    assert total_variation(x)[0] == 2
    assert _cropped(x) == 0


def test_gradient_is_the_slope():
    """The sum is quadratic, so the central difference along a random direction is exact."""
    x, v = np.random.default_rng(0).normal(size=(2, 2, 5, 4, 3))
    slope = (total_variation(x + v)[0] - total_variation(x - v)[0]) / 2
    assert (total_variation(x)[1] * v).sum() == pytest.approx(slope, rel=1e-12)


def test_inside_the_gradient_is_the_laplacian():
    """Away from the border the gradient is 2 (4 x - the four neighbours)."""
    x = np.random.default_rng(1).normal(size=(1, 5, 6, 3))
    neighbours = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    np.testing.assert_allclose(
        total_variation(x)[1][:, 1:-1, 1:-1], 2 * (4 * x[:, 1:-1, 1:-1] - neighbours), rtol=1e-12
    )


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 1, 5, 3), (1, 5, 1, 3), (0, 4, 4, 3)])
def test_thin_and_empty_pictures(shape):
    """A picture one pixel high or wide has only the pairs along it; float32 stays float32."""
    x = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    value, gradient = total_variation(x)
    pairs = np.diff(x.reshape(-1, 3), axis=0) if x.size else x
    assert value == pytest.approx(np.square(pairs).sum(), rel=1e-6)
    assert gradient.dtype == np.float32 and gradient.shape == shape
