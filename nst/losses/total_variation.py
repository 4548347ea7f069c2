"""Total variation."""

from __future__ import annotations

import numpy as np

from nst import kernels


def total_variation(
    x: np.ndarray, weight: float = 1.0, into: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
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
    weight : float
        Multiplies both results.
    into : ndarray, optional
        A gradient to which this one is added, in place; it is returned then.

    Returns
    -------
    value : float
        Summed in float64.
    gradient : ndarray
        In the shape and dtype of `x`.
    """
    return kernels.of(x).total_variation(x, weight, into)
