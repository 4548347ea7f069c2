"""How steep a critic is: measured where pictures are, and the most that its weights allow."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nst.errors import NstError
from nst.layers import (
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Preprocess,
    ReLU,
)
from nst.networks import Network


def slopes(critic: Network, x: np.ndarray) -> np.ndarray:
    r"""Return \|df/dx\|, the Euclidean norm of the critic's gradient, at each of N inputs: (N,).

    No Lipschitz constant is smaller than the largest of them. The score of an input must depend on no other.
    """
    top = critic.names[-1]
    features, tape = critic.forward(x, [top])
    dx = critic.backward({top: np.ones_like(features[top])}, tape)
    return np.linalg.norm(dx.reshape(len(x), -1).astype(np.float64), axis=1)


def between(rng: np.random.Generator, real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Return a place on the line between each real one and a fake one, drawn evenly.

    The optimal critic has the slope 1 there (Gulrajani et al., 2017, proposition 1).
    """
    share = rng.random((len(real), *[1] * (real.ndim - 1))).astype(real.dtype)
    return share * real + (1 - share) * fake


def measured(critic: Network, rng: np.random.Generator, real: np.ndarray, fake: np.ndarray) -> float:
    """Return the largest slope that is found at real pictures, at fakes, and between them."""
    return max(float(slopes(critic, x).max()) for x in (real, fake, between(rng, real, fake)))


def bound(critic: Network, shape: tuple[int, ...]) -> float:
    r"""Return a number than which the critic is nowhere steeper: the product of what each layer can do at most.

    A linear map A is no steeper than its largest singular value, for which there is a bound that needs no
    iteration (Golub and Van Loan, *Matrix Computations*, corollary 2.3.2)::

        |A|_2 <= sqrt(|A|_1 |A|_inf)        |A|_1: the largest column sum of |a_ij|;  |A|_inf: the largest row sum

    ReLUs and max pooling whose windows do not overlap change a difference by no more than it is; a mean over P places
    changes it by 1 / sqrt(P) at most. All the layers at their most, in one direction: a critic hardly comes near it.

    Parameters
    ----------
    critic : Network
        A sequence of the layers that critics are made of.
    shape : tuple of int
        Of its input, (N, H, W, C) or (N, D).

    Raises
    ------
    NstError
        When there is a layer of which nothing is known.
    """
    total = 1.0
    for node in critic.nodes.values():
        known = [find for kind, find in _BOUNDS if isinstance(node.layer, kind)]
        if not known:
            raise NstError(f"how steep {node.name} ({type(node.layer).__name__}) can be is not known")
        total *= known[0](node.layer, shape)
        shape = node.layer.output_shape(shape)
    return total


def _matrix(layer: Linear, shape: tuple[int, ...]) -> float:
    size = np.abs(layer.weight.astype(np.float64))
    return math.sqrt(size.sum(axis=0).max() * size.sum(axis=1).max())


def _convolution(layer: Conv2d, shape: tuple[int, ...]) -> float:
    """Return the bound of a convolution: a row of A has a filter's taps, a column those that meet one input."""
    if layer.groups != 1 or layer.padding_mode != "zero":
        raise NstError("how steep a convolution with groups or a drawn border can be is not known")
    size = np.abs(layer.weight.astype(np.float64))
    down, across = layer.stride
    columns = [size[i::down, j::across].sum(axis=(0, 1, 3)).max() for i in range(down) for j in range(across)]
    return math.sqrt(size.sum(axis=(0, 1, 2)).max() * max(columns))


def _pooling(layer: MaxPool2d, shape: tuple[int, ...]) -> float:
    if any(step < window for step, window in zip(layer.window().stride, layer.window().size, strict=True)):
        raise NstError("how steep a pooling with overlapping windows can be is not known")
    return 1.0


_BOUNDS: list[tuple[type[Layer] | tuple[type[Layer], ...], Callable[..., float]]] = [
    (Linear, _matrix),
    (Conv2d, _convolution),
    (MaxPool2d, _pooling),
    (Preprocess, lambda layer, shape: float(np.abs(layer.scale).max())),
    (GlobalAvgPool, lambda layer, shape: 1 / math.sqrt(shape[1] * shape[2])),
    ((ReLU, LeakyReLU, Flatten), lambda layer, shape: 1.0),
]
