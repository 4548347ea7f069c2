"""Cutting a chain of convolutions to a share of its width in seconds, without training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from nst.errors import NstError
from nst.layers import AvgPool2d, Conv2d, MaxPool2d, Preprocess, ReLU
from nst.losses import gram
from nst.networks import Network, Node

PLACES = 2048  # of each picture that a layer is fitted to
RIDGE = 1e-6  # of the mean square of what is kept: it decides only where two kept channels are all but one
NOISE = 20.0  # standard deviation, on the scale 0..255: added to every third picture


def cut(network: Network, pictures: Sequence[np.ndarray], share: Fraction | float, seed: int = 0) -> Network:
    r"""Return a chain of convolutions that does with a share of the channels nearly what the whole one does.

    Layer by layer from the pixels up. Let T (places x C) be what the whole network's layer reads and S (places x c)
    what the narrow one's reads, both from the pictures.

    1. **Regression.** The whole input is predicted from what is kept, by ridge regression with a constant::

           R, r = argmin |S R + 1 r - T|^2 + lambda |R|^2

    2. **Choice.** Of the layer's outputs Y = relu(conv(T)), those are kept from which the others can best be
       predicted: the first in the order of a column-pivoted QR of Y (`most_telling`).
    3. **Folding.** The kept filters read S R + r in place of T. That is linear, so it goes into the kernel::

           weight'_ijso = sum_c R_sc weight_ijco        bias'_o = bias_o + sum_ijc r_c weight_ijco

    4. **Scale.** ReLU lets a positive factor through, so each layer can have any size; the next regression undoes it.
       Each is scaled so that its Gram matrices are as large, entry by entry on average, as the whole layer's: then the
       weights of style transfer mean the same for both networks.

    Parameters
    ----------
    network
        `Preprocess`, then convolutions without groups, each followed by a ReLU, and poolings.
    pictures : sequence of ndarray, shape (1, H, W, 3)
        RGB in 0..255. To every third noise is added, so that the fit holds for what is not a photograph as well.
    share
        Of each layer's filters: 3/4 or 1/2.
    seed
        Of the noise and of the places that a fit looks at.

    Raises
    ------
    NstError
        For a share outside of 0 to 1, without pictures, and for a network of another kind.
    """
    if not 0 < share <= 1:
        raise NstError(f"the share of filters to keep is above 0 and at most 1, not {share}")
    if not pictures:
        raise NstError("a network is cut by what it answers to pictures, and there are none")
    rng = np.random.default_rng(seed)
    whole = [_noisy(picture, rng) if index % 3 == 2 else picture for index, picture in enumerate(pictures)]
    narrow, nodes = whole, []
    for node in network.nodes.values():
        layer = slim = node.layer
        if len(node.inputs) > 1 or type(layer) not in (Preprocess, Conv2d, ReLU, MaxPool2d, AvgPool2d):
            raise NstError(
                f"at {node.name}: only a plain chain of convolutions, ReLUs and poolings can be cut"
            )
        if isinstance(layer, Conv2d):
            slim = _narrowed(layer, whole, narrow, share, rng)
        whole, narrow = _through(layer, whole), _through(slim, narrow)
        if isinstance(layer, ReLU):
            scale = _scale(whole, narrow)
            _rescale(nodes[-1].layer, scale)
            narrow = [scale * one for one in narrow]
        nodes.append(Node(node.name, slim, node.inputs))
    return Network(nodes, network.aliases).freeze()


def most_telling(products: np.ndarray, count: int) -> np.ndarray:
    r"""Return the columns that a column-pivoted QR takes first, given the products of all columns with one another.

    At each turn the column is taken of which most is left when those taken before have been subtracted as well as they
    can be. With G = Y^T Y that needs no Y: the diagonal of what is left of G has the squares of these lengths, and
    taking column p leaves::

        G <- G - G_:p G_p: / G_pp

    It is Cholesky's algorithm with pivots, and R^T R = G is the same R as that of Y's QR.

    Returns
    -------
    ndarray of int, shape (count,)
        Ascending.
    """
    left = np.array(products, np.float64)
    taken = np.zeros(len(left), bool)
    for _ in range(count):
        pivot = int(np.argmax(np.where(taken, -np.inf, np.diag(left))))
        taken[pivot] = True
        if left[pivot, pivot] > 0:
            left -= np.outer(left[:, pivot], left[pivot]) / left[pivot, pivot]
    return np.flatnonzero(taken)


def _narrowed(layer: Conv2d, whole, narrow, share, rng) -> Conv2d:
    """Return the kept filters of a layer, reading the narrow input in place of the whole one."""
    if layer.groups != 1:
        raise NstError("a convolution with groups cannot be cut by regression")
    places = [places_of(one, rng) for one in whole]
    teacher, student = rows_at(whole, places), rows_at(narrow, places)
    matrix, constant = regression(student, teacher)
    answers = [np.maximum(_through_one(layer, one), 0) for one in whole]
    answers = rows_at(answers, [places_of(one, rng) for one in answers])
    kept = most_telling(answers.T @ answers, max(1, round(layer.weight.shape[3] * share)))
    kernel = layer.weight[..., kept].astype(np.float64)
    weight = np.einsum("ijco,sc->ijso", kernel, matrix)
    bias = np.einsum("ijco,c->o", kernel, constant) + (0 if layer.bias is None else layer.bias[kept])
    dtype = layer.weight.dtype
    return Conv2d(
        np.ascontiguousarray(weight, dtype),
        bias.astype(dtype),
        stride=layer.stride,
        padding=layer.padding,
        padding_mode=layer.padding_mode,
    )


def regression(student: np.ndarray, teacher: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return R and r of the ridge regression of `teacher` on `student`, rows of both being places.

    It is made with centred columns, so that the constant is not held back.
    """
    means = student.mean(0), teacher.mean(0)
    s, t = student - means[0], teacher - means[1]
    products = s.T @ s
    products[np.diag_indices_from(products)] += RIDGE * max(np.trace(products) / len(products), 1e-30)
    matrix = np.linalg.solve(products, s.T @ t)
    return matrix, means[1] - means[0] @ matrix


def _scale(whole, narrow) -> float:
    """Return what makes the narrow layer's Gram matrices as large as the whole one's."""
    sizes = [math.sqrt(sum(np.square(gram(one)).mean() for one in side)) for side in (whole, narrow)]
    return math.sqrt(sizes[0] / sizes[1]) if sizes[1] else 1.0


def _rescale(layer: Conv2d, scale: float) -> None:
    layer.weight, layer.bias = (np.asarray(scale * one, one.dtype) for one in (layer.weight, layer.bias))


def _through(layer, pictures) -> list[np.ndarray]:
    return [_through_one(layer, one) for one in pictures]


def _through_one(layer, x) -> np.ndarray:
    return layer.forward(x)[0]


def _noisy(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = NOISE * rng.standard_normal(picture.shape, np.float32)
    return np.clip(picture + noise, 0, 255).astype(picture.dtype)


def places_of(maps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw places of a map."""
    count = maps.shape[1] * maps.shape[2]
    return rng.permutation(count)[:PLACES]


def rows_at(maps: Sequence[np.ndarray], places: Sequence[np.ndarray]) -> np.ndarray:
    """Return the features at some places of all maps as rows, float64."""
    rows = [one.reshape(-1, one.shape[-1])[where] for one, where in zip(maps, places, strict=True)]
    return np.concatenate(rows).astype(np.float64)
