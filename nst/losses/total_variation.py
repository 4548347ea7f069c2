"""Total variation."""

from __future__ import annotations

import numpy as np

# The first and the second pixel of every vertical pair, then of every horizontal one.
PAIRS = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:, :, :-1], np.s_[:, :, 1:]))


def total_variation(x: np.ndarray) -> tuple[float, np.ndarray]:
    r"""Return the sum of squared differences of neighbouring pixels, and the gradient.

    For pixels x_hwc, over every pair of neighbours, vertical and horizontal::

        L_tv =   sum_(h < H-1, w, c) (x_(h+1)wc - x_hwc)^2
               + sum_(h, w < W-1, c) (x_h(w+1)c - x_hwc)^2

    This is the form that CS231n checks. Crop both differences to (H-1) x (W-1), as is often seen, and the
    neighbours along the last row and the last column are forgotten: noise survives there.

    **Gradient.** A pair with difference d = b - a adds 2d at b and -2d at a, and a pixel collects from up to
    four pairs. Inside the picture that is 2 (4 x - its four neighbours), minus twice the Laplacian: to
    descend is to diffuse.

    Parameters
    ----------
    x : ndarray, shape (N, H, W, C)
        The pictures.

    Returns
    -------
    value : float
        Summed in float64.
    gradient : ndarray
        In the shape and dtype of `x`.
    """
    value = 0.0
    gradient = np.zeros_like(x)
    for first, second in PAIRS:
        d = x[second] - x[first]
        value += np.square(d).sum(dtype=np.float64)
        d *= 2
        gradient[second] += d
        gradient[first] -= d
    return float(value), gradient
