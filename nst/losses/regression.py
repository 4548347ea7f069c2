"""How well one network's features tell another's: the two losses of distillation."""

from __future__ import annotations

import numpy as np

from nst import kernels
from nst.errors import NstError


def regression_loss(
    features: np.ndarray, readout: np.ndarray, target: np.ndarray, whole: float | None = None
) -> tuple[float, np.ndarray]:
    r"""Return how far features, read out linearly, are from their target, and the gradient by the features.

    With F a student's features, P places by w channels, R a readout that maps them to the teacher's v channels, and T
    what the teacher answers at the same places::

        E = F R - T
        L = |E|^2 / |T|^2                1 for a student that says nothing, 0 for one that knows all

        dF = 2 / |T|^2  E R^T

    R is held fixed. Where it is the best one for these features, dL/dR = 0, and dF is the gradient of the loss that
    is left when R always follows: Golub and Pereyra, *The Differentiation of Pseudo-Inverses and Nonlinear Least
    Squares Problems Whose Variables Separate*, 1973.

    Parameters
    ----------
    features : ndarray, shape (P, w)
    readout : ndarray, shape (w, v)
    target : ndarray, shape (P, v)
        Not zero everywhere.
    whole : float
        What stands for |T|^2, where T is a part of something.

    Returns
    -------
    value : float
        Summed in float64.
    gradient : ndarray, shape (P, w)
        In the dtype of `features`.

    Raises
    ------
    NstError
        When the shapes do not fit.
    """
    if features.shape != (len(target), len(readout)) or target.shape[1] != readout.shape[1]:
        raise NstError(
            f"features {features.shape} read out by {readout.shape} are no prediction of {target.shape}"
        )
    product = kernels.of(features).matrix_product
    error = product(features, readout)
    error -= target
    whole = energy(target) if whole is None else whole
    gradient = product(error, readout, transpose_b=True)
    gradient *= 2 / whole
    return energy(error) / whole, gradient


def rectified_regression_loss(
    answers: np.ndarray, target: np.ndarray, whole: float | None = None
) -> tuple[float, np.ndarray]:
    r"""Return how far answers z, before their ReLU, are from a target that is after one, and the gradient by z.

    With T >= 0 what the teacher says after its ReLU::

        E = z - T  where T > 0,        max(z, 0)  elsewhere
        L = |E|^2 / |T|^2              dz = 2 / |T|^2  E

    Where z > 0 or T = 0 this is the squared error of max(z, 0). Where a unit is silent and should not be, that error
    has no slope: the ReLU lets no gradient through, and units that have once been pushed below 0 everywhere stay
    there. Here the slope leads back, and L is convex in z.

    Parameters
    ----------
    answers : ndarray, shape (P, v)
        z.
    target : ndarray, shape (P, v)
    whole : float
        What stands for |T|^2, where T is a part of something.

    Raises
    ------
    NstError
        When the shapes differ.
    """
    if answers.shape != target.shape:
        raise NstError(f"answers {answers.shape} are no prediction of {target.shape}")
    error = np.where(target > 0, answers - target, np.maximum(answers, 0))
    whole = energy(target) if whole is None else whole
    value = energy(error) / whole
    error *= 2 / whole
    return value, error


def energy(array: np.ndarray) -> float:
    """Return the sum of squares, in float64."""
    return float(np.square(array, dtype=np.float64).sum())


def relative_gram_loss(
    features: np.ndarray, readout: np.ndarray | None, target_gram: np.ndarray
) -> tuple[float, np.ndarray]:
    r"""Return how far the Gram matrix of features, read out linearly, is from another, and the gradient.

    With F (P, w) one picture's features, R (w, v) a readout, held fixed, and A (v, v) the Gram matrix, a mean over
    places, of the teacher's::

        G = F^T F / P            D = R^T G R - A            L = |D| / |A|        (Frobenius norms)

        dL/dD = D / (|D| |A|)        dL/dG = R (dL/dD) R^T        dF = 2 / P  F (dL/dG)

    What every place costs is one product of w by w: v does not enter. The root makes a picture count by how far it is
    off in proportion, where squares would leave the training to a few pictures with loud Gram matrices; at D = 0 its
    slope has no direction, and the gradient is 0.

    Parameters
    ----------
    features : ndarray, shape (P, w)
    readout : ndarray, shape (w, v), or None
        None compares the features' own Gram matrix: R is the identity.
    target_gram : ndarray, shape (v, v)
        Symmetric, not zero.

    Returns
    -------
    value : float
    gradient : ndarray, shape (P, w)
        In the dtype of `features`.

    Raises
    ------
    NstError
        When the shapes do not fit.
    """
    wanted = features.shape[1] if readout is None else readout.shape[1]
    if (readout is not None and len(readout) != features.shape[1]) or target_gram.shape != (wanted, wanted):
        read = "" if readout is None else f" read out by {readout.shape}"
        raise NstError(f"features {features.shape}{read} have no Gram matrix like {target_gram.shape}")
    kernel, places = kernels.of(features), len(features)
    difference = kernel.gram_sum(features) / places
    if readout is not None:
        difference = readout.T @ difference @ readout
    difference -= target_gram
    size, whole = float(np.linalg.norm(difference)), float(np.linalg.norm(target_gram))
    slope = difference if readout is None else readout @ difference @ readout.T
    slope *= 2 / (places * max(size, 1e-30 * whole) * whole)
    return size / whole, kernel.matrix_product(features, np.ascontiguousarray(slope, features.dtype))
