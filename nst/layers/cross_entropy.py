"""Softmax and cross-entropy in one, from the scores."""

from __future__ import annotations

import numpy as np

from nst.errors import NstError


def softmax_cross_entropy(
    logits: np.ndarray, labels: np.ndarray, smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    r"""Return the mean cross-entropy of softmax(z) against the labels, and its gradient by z.

    For N examples with scores z (N, C) and target probabilities t (one-hot when `labels` are class numbers)::

        L = -1/N sum_n sum_i t_ni log p_ni          p_n = softmax(z_n)
        log p_i = z_i - log sum_j exp(z_j) = (z_i - m) - log sum_j exp(z_j - m),    m = max_j z_j

    The logarithm of softmax is taken as one expression: p may underflow to 0, log p never overflows. A fresh
    network that knows nothing has L = log C.

    **Backward.** d log p_i / d z_k = delta_ik - p_k (the sum's derivative is softmax itself), so for one
    example, with T = sum_i t_i (1 for probabilities)::

        dz_k = -1/N sum_i t_i (delta_ik - p_k) = 1/N (T p_k - t_k)

    which for a class number y is p, less 1 at y, over N. Backward through softmax and logarithm one after
    the other would divide by p and then multiply by it; joined, nothing is divided.

    **Label smoothing** (Szegedy et al., *Rethinking the Inception architecture*, 2016). With e the smoothing, the
    loss is that against ``t' = (1 - e) t + T e / C``: a share e of each example's probability is spread over all
    classes. L is least where z differs between the right class and the others by a finite amount, and no score has a
    reason to grow for ever. Scores that are all alike still have L = log C.

    Parameters
    ----------
    logits : ndarray, shape (N, C)
        The scores z.
    labels : ndarray
        Class numbers (N,) of an integer dtype, or target probabilities (N, C).
    smoothing : float
        e, 0 <= e < 1.

    Returns
    -------
    value : float
        Summed in float64; 0 for an empty batch.
    dlogits : ndarray, shape (N, C)
        In the dtype of `logits`.

    Raises
    ------
    NstError
        When the labels do not fit the scores in shape, or a class number is outside 0..C-1.
    """
    target = _one_hot(logits, labels) if np.issubdtype(labels.dtype, np.integer) else labels
    if target.shape != logits.shape:
        raise NstError(f"labels of shape {labels.shape} do not fit scores of shape {logits.shape}")
    target = target.astype(logits.dtype, copy=False)
    if smoothing:
        target = (1 - smoothing) * target + smoothing * target.mean(axis=1, keepdims=True)
    n = max(1, len(logits))

    z = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
    p = np.exp(z)
    total = p.sum(axis=1, keepdims=True)
    log_p = z - np.log(total)
    p /= total

    wanted = target != 0  # a class that nobody wants may have log p = -inf, and 0 times that is NaN
    value = -np.sum(target[wanted] * log_p[wanted], dtype=np.float64) / n
    dlogits = p * target.sum(axis=1, keepdims=True)
    dlogits -= target
    dlogits /= n
    return float(value), dlogits


def _one_hot(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    count, classes = logits.shape
    if labels.shape != (count,):
        raise NstError(f"{labels.shape} class numbers do not fit {count} rows of scores: give one per row")
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size:
        raise NstError(
            f"class number {outside[0]} is outside 0..{classes - 1}: the scores have {classes} classes"
        )
    one_hot = np.zeros_like(logits, shape=(count, classes))
    one_hot[np.arange(count), labels] = 1
    return one_hot
