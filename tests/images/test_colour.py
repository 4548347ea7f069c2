"""Colours: luminance and chroma change hands, means and covariances match, and flat pictures do no harm."""

from __future__ import annotations

import numpy as np
import pytest

from nst.images import keep_colours, luminance, match_colours


def colours(seed: int, mean: list[float], spread: float) -> np.ndarray:
    """A picture with correlated colours well inside 0..255."""
    random = np.random.RandomState(seed)
    mix = random.uniform(-1, 1, (3, 3))
    noise = random.uniform(-1, 1, (40, 50, 3))
    return (np.array(mean) + spread * noise @ mix).astype(np.float64)


def moments(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = pixels.reshape(-1, 3)
    return flat.mean(axis=0), np.cov(flat.T, bias=True)


def chroma(pixels: np.ndarray) -> np.ndarray:
    """U and V of YUV by their definition."""
    y = luminance(pixels)
    return np.stack([0.492 * (pixels[..., 2] - y), 0.877 * (pixels[..., 0] - y)], axis=-1)


def test_luminance_is_bt_601():
    """White is 255, and the primaries weigh 0.299, 0.587, 0.114."""
    np.testing.assert_allclose(luminance(255 * np.eye(3)), [76.245, 149.685, 29.07])
    assert luminance(np.full((1, 3), 255.0))[0] == pytest.approx(255)
    assert luminance(np.ones((2, 2, 3), np.float32)).dtype == np.float32


def test_keep_colours_takes_light_and_colour_from_each():
    """The luminance is the result's, U and V are the content's."""
    result, content = colours(0, [120, 130, 140], 15), colours(1, [140, 110, 120], 15)
    out = keep_colours(result, content)
    np.testing.assert_allclose(luminance(out), luminance(result), atol=1e-9)
    np.testing.assert_allclose(chroma(out), chroma(content), atol=1e-9)


def test_keep_colours_resizes_the_content_and_stays_in_range():
    """The content may have another size; the sum is clipped; the dtype is the result's."""
    result = np.full((10, 12, 3), 250, np.float32)
    out = keep_colours(result, colours(2, [200, 60, 60], 20).astype(np.float32))
    assert out.shape == (10, 12, 3) and out.dtype == np.float32
    assert out.min() >= 0 and out.max() == 255


def test_keep_colours_of_grey_content_is_grey():
    """A grey photograph stays grey whatever the painting."""
    out = keep_colours(colours(3, [180, 90, 60], 15), np.full((40, 50, 3), 100.0))
    np.testing.assert_allclose(out[..., 0], out[..., 1], atol=1e-9)
    np.testing.assert_allclose(out[..., 2], out[..., 1], atol=1e-9)


def test_match_colours_matches_mean_and_covariance():
    """Afterwards the style has the content's mean and covariance, exactly."""
    style, content = colours(4, [150, 100, 110], 25), colours(5, [110, 130, 140], 18)
    mean, covariance = moments(match_colours(style, content))
    expected_mean, expected_covariance = moments(content)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-10)
    np.testing.assert_allclose(covariance, expected_covariance, rtol=1e-8, atol=1e-8)


def test_match_colours_to_itself_changes_nothing():
    """The transfer from a picture to itself is the identity."""
    style = colours(6, [120, 120, 120], 25)
    np.testing.assert_allclose(match_colours(style, style), style, atol=1e-9)


@pytest.mark.parametrize("content", ["flat", "grey", "colour", "pixel"])
@pytest.mark.parametrize("style", ["flat", "grey", "colour", "pixel"])
def test_flat_and_grey_pictures_do_no_harm(style, content):
    """One colour, grey, or one pixel on either side gives finite values in range, with the content's mean."""
    pictures = {
        "flat": np.full((8, 9, 3), 90.0, np.float32),
        "grey": np.repeat(np.linspace(60, 190, 72, dtype=np.float32).reshape(8, 9, 1), 3, axis=2),
        "colour": colours(7, [120, 130, 125], 20).astype(np.float32),
        "pixel": np.array([[[10, 200, 90]]], np.float32),
    }
    out = match_colours(pictures[style], pictures[content])
    assert out.dtype == np.float32 and out.shape == pictures[style].shape
    assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 255
    np.testing.assert_allclose(out.mean(axis=(0, 1)), pictures[content].mean(axis=(0, 1)), atol=0.5)


def test_noise_of_a_grey_style_is_not_blown_up():
    """Chroma noise below one grey level is amplified by no more than the content's own deviation."""
    random = np.random.RandomState(8)
    style = np.repeat(random.uniform(60, 190, (40, 50, 1)), 3, axis=2) + 1e-6 * random.normal(
        size=(40, 50, 3)
    )
    content = colours(9, [120, 130, 125], 20)
    noise = match_colours(style, content) - match_colours(
        style.mean(axis=2, keepdims=True).repeat(3, 2), content
    )
    assert np.abs(noise).max() < 1e-3
