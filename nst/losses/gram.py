"""Gram matrices and the style loss on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst import kernels
from nst.errors import NstError


def gram(features: np.ndarray) -> np.ndarray:
    r"""Return which channels respond together, wherever in the picture they do.

    With F the features as a matrix of M = H W pixels by N = C channels::

        G_ij = 1/(H W C) sum_p F_pi F_pj            G = F^T F / (H W C)

    Gatys et al., *Image Style Transfer Using Convolutional Neural Networks*, 2016, keep the plain sum and put
    1/(4 N^2 M^2) into the loss. Divided here by the number of values, G does not grow with the picture, so
    that a style picture of another size can be its target.

    Parameters
    ----------
    features : ndarray, shape (1, H, W, C)
        One picture's features: those of a batch would mix in one matrix.

    Returns
    -------
    ndarray, shape (C, C), float64
        Float32 features are multiplied in chunks of pixels whose products are summed in float64, so that the
        error is that of one chunk and no float64 copy of the features is made.

    Raises
    ------
    NstError
        When there is not exactly one picture.
    """
    f = _as_matrix(features)
    total = kernels.select(f.dtype).gram_sum(f)
    total /= max(1, f.size)
    return total


def gram_loss(features: np.ndarray, target_gram: np.ndarray, weight: float = 1.0) -> tuple[float, np.ndarray]:
    r"""Return how far the features' Gram matrix is from the style's, and the gradient by the features.

    With A the Gram matrix of the style picture::

        L_style = 1/C^2 sum_ij (G_ij - A_ij)^2            G = F^T F / (H W C)

    **Gradient.** Write D = G - A. F_pk stands in row k and in column k of G::

        d G_ij / d F_pk = 1/(H W C) (delta_ik F_pj + delta_jk F_pi)

        dF_pk = sum_ij 2/C^2 D_ij d G_ij / d F_pk
              = 2/(C^2 H W C) (sum_j F_pj D_kj + sum_i F_pi D_ik)

    D is symmetric, since G and A are, so both sums are one::

        dF = 4/(C^2 H W C) F D

    Each pixel's gradient is one linear map of its own features: style has no idea of place.

    Parameters
    ----------
    features : ndarray, shape (1, H, W, C)
        F before it is made a matrix.
    target_gram : ndarray, shape (C, C)
        A, symmetric, as `gram` or `blend_grams` returns it.
    weight : float
        Multiplies both results.

    Returns
    -------
    value : float
        From float64 matrices.
    gradient : ndarray, shape (1, H, W, C)
        In the dtype of `features`.

    Raises
    ------
    NstError
        When there is not exactly one picture, or the target has another number of channels.
    """
    channels = features.shape[-1]
    if target_gram.shape != (channels, channels):
        raise NstError(
            f"a Gram target of shape {target_gram.shape} does not fit {channels} channels of features"
        )
    difference = gram(features)
    difference -= target_gram
    value = weight * float(np.einsum("ij,ij", difference, difference)) / max(1, channels**2)
    return value, gram_gradient(features, difference, features.size, weight)


def gram_gradient(
    features: np.ndarray, difference: np.ndarray, count: int, weight: float = 1.0
) -> np.ndarray:
    r"""Return the gradient of the style loss by the features, or by some of the pixels, once D is known.

    Parameters
    ----------
    features : ndarray, shape (1, H, W, C)
        Any of the picture's pixels: each has its gradient from its own features and D alone.
    difference : ndarray, shape (C, C)
        D = G - A of the whole picture.
    count : int
        H W C of the whole picture.
    weight : float
        Multiplies the result.

    Returns
    -------
    ndarray, shape (1, H, W, C)
        4 weight / (C^2 count) F D, in the dtype of `features`.
    """
    scale = 4 * weight / (features.shape[-1] ** 2 * max(1, count))
    scaled = np.multiply(
        scale, difference, out=np.empty(difference.shape, features.dtype), casting="same_kind"
    )
    return kernels.select(features.dtype).matrix_product(_as_matrix(features), scaled).reshape(features.shape)


def blend_grams(grams: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    r"""Return the one target that several styles with blend weights amount to.

    With weights w_k scaled to sum to 1 and the blend B = sum_k w_k A_k::

        sum_k w_k |G - A_k|^2 = |G - B|^2 + sum_k w_k |A_k - B|^2

    The last sum does not depend on G, so the blend has the gradients of all the styles at the cost of one.

    Parameters
    ----------
    grams : sequence of ndarray, shape (C, C)
        The Gram matrices A_k of the styles, all of one tap.
    weights : sequence of float
        One for each style, none negative, not all zero.

    Raises
    ------
    NstError
        When the weights do not fit.
    """
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(grams),) or not (
        np.isfinite(shares).all() and (shares >= 0).all() and shares.sum()
    ):
        raise NstError(
            f"blend weights {list(weights)} do not fit {len(grams)} styles: "
            "give one each, none below 0, not all 0"
        )
    return sum(share * a for share, a in zip(shares / shares.sum(), grams, strict=True))


def _as_matrix(features: np.ndarray) -> np.ndarray:
    """Return (H W, C): the pixels as rows."""
    if features.ndim != 4 or len(features) != 1:
        raise NstError(
            f"a Gram matrix needs the features (1, H, W, C) of one picture, not shape {features.shape}"
        )
    return features.reshape(-1, features.shape[-1])
