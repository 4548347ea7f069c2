"""The content loss."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.errors import NstError


def content_loss(features: np.ndarray, target: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
    r"""Return how far features are from those of the content picture, and the gradient.

    With F the features of the picture and P those of the content picture, n values each::

        L_content = 1/n sum_i (F_i - P_i)^2

    Gatys et al., *Image Style Transfer Using Convolutional Neural Networks*, 2016, write 1/2 in the place of
    1/n. The mean makes the weight mean the same at every size of picture.

    **Gradient.** F_i stands in one square::

        dF_i = 2/n (F_i - P_i)

    Parameters
    ----------
    features, target : ndarray
        F and P, of one shape.
    weight : float
        Multiplies both results.

    Returns
    -------
    value : float
        Summed in float64; 0 for empty features.
    gradient : ndarray
        In the shape and dtype of `features`.

    Raises
    ------
    NstError
        When the shapes differ.
    """
    if features.shape != target.shape:
        raise NstError(
            f"content features of shape {features.shape} do not fit a target of shape {target.shape}"
        )
    squared_error = kernels.of(features).squared_error  # sum (F - P)^2 and 2 (F - P), weighted
    target = target.astype(features.dtype, copy=False)
    return squared_error(features, target, weight / max(1, features.size))
