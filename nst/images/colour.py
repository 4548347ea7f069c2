"""Keep the photograph's colours: after the run by luminance, or before it by matching the style's colours."""

from __future__ import annotations

import numpy as np

from nst.images.resize import resize_to

# ITU-R BT.601, the weights of Y in YUV and YCbCr.
LUMA = np.array([0.299, 0.587, 0.114])

# Below one grey level of standard deviation a direction of the style's colours is noise, not colour.
VARIANCE_FLOOR = 1.0


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Return Y = 0.299 R + 0.587 G + 0.114 B (BT.601) of (H, W, 3) pixels: (H, W), in their dtype."""
    return pixels @ LUMA.astype(pixels.dtype)


def keep_colours(result: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return the luminance of the result with the chroma of the content: jcjohnson's "original colours".

    In YUV the chroma are U = 0.492 (B − Y) and V = 0.877 (R − Y). Taking Y from the result and U, V from the
    content is therefore one addition, the same to each channel:

        out_c = content_c + (Y(result) − Y(content)),    c = R, G, B

    Parameters
    ----------
    result
        (H, W, 3), RGB, 0..255.
    content
        (h, w, 3), RGB, 0..255; resized to the result where the sizes differ.

    Returns
    -------
    ndarray
        (H, W, 3), clipped to 0..255, dtype of `result`.
    """
    content = resize_to(content, result.shape[:2])
    out = content + (luminance(result) - luminance(content))[..., None]
    return np.clip(out, 0, 255).astype(result.dtype, copy=False)


def match_colours(style: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Give the style the mean and the covariance of the content's colours, before the run.

    The linear transfer of Gatys et al., "Preserving Color in Neural Artistic Style Transfer" (2016), in the
    symmetric form. With mu the mean and S the 3×3 covariance of the pixels of the style (s) and content (c):

        out = A (x − mu_s) + mu_c,    A = S_c^(1/2) S_s^(−1/2),    so that A S_s A^T = S_c

    Roots are taken through the eigendecomposition S = Q diag(e) Q^T, S^p = Q diag(e^p) Q^T. Eigenvalues of
    S_s are raised to `VARIANCE_FLOOR` (a standard deviation of one grey level), so that a flat or
    single-coloured style is neither divided by zero nor its noise blown up; the match is exact, before
    clipping, when all of them are above it.

    Parameters
    ----------
    style, content
        (H, W, 3) and (h, w, 3), RGB, 0..255.

    Returns
    -------
    ndarray
        (H, W, 3), clipped to 0..255, dtype of `style`.
    """
    style_mean, style_covariance = _moments(style)
    content_mean, content_covariance = _moments(content)
    transfer = _power(content_covariance, 0.5, 0.0) @ _power(style_covariance, -0.5, VARIANCE_FLOOR)
    out = (style - style_mean) @ transfer.T + content_mean
    return np.clip(out, 0, 255).astype(style.dtype)


def _moments(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (3,) and the covariance (3, 3) of the colours in float64."""
    colours = pixels.reshape(-1, 3).astype(np.float64)
    mean = colours.mean(axis=0)
    centred = colours - mean
    return mean, centred.T @ centred / len(centred)


def _power(covariance: np.ndarray, exponent: float, floor: float) -> np.ndarray:
    """Return a power of a symmetric positive semidefinite matrix with its eigenvalues raised to `floor`."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, floor) ** exponent) @ vectors.T
