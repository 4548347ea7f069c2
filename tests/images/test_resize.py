"""Resizing: sizes, and what a good filter keeps."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.images import fit_size, resize, resize_to
from tests.images.makers import blob


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((600, 800), 512, (384, 512)),
        ((800, 600), 400, (400, 300)),
        ((10, 20), 40, (20, 40)),
        ((1, 1), 7, (7, 7)),
        ((1, 9000), 100, (1, 100)),
        ((9000, 2), 100, (100, 1)),
        ((5, 5), 1, (1, 1)),
    ],
)
def test_fit_size(size, longest, expected):
    """The longer side is as asked, the aspect is kept, and no side falls below one pixel."""
    assert fit_size(size, longest) == expected


@pytest.mark.parametrize(
    "function", [lambda: fit_size((4, 4), 0), lambda: resize_to(np.ones((4, 4, 3)), (0, 4))]
)
def test_no_size_at_all_is_refused(function):
    """A picture without pixels is an error of one line."""
    with pytest.raises(NstError):
        function()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(7, 5), (48, 72), (1, 36), (24, 1), (24, 36)])
def test_a_flat_picture_stays_flat(size, dtype):
    """Weights sum to one up to float32, in any direction, and the dtype is kept."""
    resized = resize_to(np.full((24, 36, 3), 77.7, dtype), size)
    assert resized.shape == (*size, 3) and resized.dtype == dtype
    np.testing.assert_allclose(resized, 77.7, rtol=1e-6)


def test_the_same_size_is_an_exact_copy():
    """Nothing is filtered when nothing changes, and the result is not the input."""
    pixels = blob().astype(np.float32)
    resized = resize(pixels, 36)
    np.testing.assert_array_equal(resized, pixels)
    assert not np.shares_memory(resized, pixels)


def test_reduction_does_not_alias():
    """Stripes finer than the new pixels average out instead of turning into coarse ones."""
    stripes = np.zeros((120, 120, 3), np.float32)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, 17)[2:-2, 2:-2] - 127.5).max() < 6


def test_no_rounding_to_eight_bits():
    """A ramp between two grey levels keeps its values between them."""
    ramp = np.linspace(100, 101, 64, dtype=np.float32)[None, :, None].repeat(3, axis=2)
    resized = resize_to(ramp, (1, 32))
    assert len(np.unique(resized)) == 32
    np.testing.assert_allclose(resized[0, 4:-4, 0], (ramp[0, ::2, 0] + ramp[0, 1::2, 0])[4:-4] / 2, atol=1e-4)


def test_no_overshoot():
    """An edge does not ring beyond the values that were there."""
    edge = np.zeros((8, 32), np.float32)
    edge[:, 16:] = 1
    resized = resize_to(edge, (8, 77))
    assert resized.shape == (8, 77) and resized.min() == 0 and resized.max() == 1


def test_channels_do_not_mix_and_layout_does_not_matter():
    """Each channel is resized alone, from any memory layout, and the input is not changed."""
    pixels = blob().astype(np.float32)
    before = pixels.copy()
    flipped = resize_to(pixels[::-1, :, ::-1], (10, 11))
    np.testing.assert_allclose(flipped[::-1, :, ::-1], resize_to(pixels, (10, 11)), atol=1e-3)
    np.testing.assert_allclose(flipped[..., 2], resize_to(pixels[::-1, :, 0], (10, 11)), atol=1e-3)
    np.testing.assert_array_equal(pixels, before)


def test_up_and_down_again():
    """A smooth picture survives doubling and halving to within a level or two inside."""
    pixels = blob().astype(np.float32)
    again = resize(resize(pixels, 72), 36)
    np.testing.assert_allclose(again[3:-3, 3:-3], pixels[3:-3, 3:-3], atol=2)
