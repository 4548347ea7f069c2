"""Which filters matter least: by their weights, by what they answer, and by whether another one says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

import numpy as np

from nst.errors import NstError
from nst.layers import BatchNorm, InstanceNorm, ReLU
from nst.networks import Network
from nst.networks.surgery import runs_of, with_filters

Scores = dict[str, np.ndarray]
"""By layer: a number for each filter, larger for those that are worth more."""


def by_kernel(network: Network, layers: Iterable[str]) -> Scores:
    r"""Rank filters by the sum of their weights' magnitudes.

    For filter o of a layer::

        s_o = sum_(i, j, c) |weight_ijco|

    Li et al., *Pruning Filters for Efficient ConvNets*, 2017: within a layer, a filter with small weights tends to
    answer weakly, whatever it is shown. No picture is needed.
    """
    kernels = {name: with_filters(network, name).weight for name in layers}
    return {name: np.abs(one).reshape(-1, one.shape[-1]).sum(0, np.float64) for name, one in kernels.items()}


def by_activation(network: Network, layers: Iterable[str], pictures: Iterable[np.ndarray]) -> Scores:
    """Rank filters by their mean answer, after normalisation and ReLU, over pictures and places.

    Parameters
    ----------
    pictures : iterable of ndarray, shape (1, H, W, 3)
        RGB in 0..255, of any sizes; each counts the same.
    """
    sums: dict[str, np.ndarray] = {}
    for answers in _answers(network, layers, pictures):
        for name, found in answers.items():
            sums[name] = sums.get(name, 0) + found.mean(axis=0)
    return sums


def by_duplicates(similarities: Mapping[str, np.ndarray], worth: Scores) -> Scores:
    r"""Rank filters by how little is lost with each, when others that stay say nearly the same.

    The closest two filters of a layer are found, and the one that is worth less goes; then the closest two of those
    that are left, and so on: a filter's score is the turn at which it goes. So of a bunch of near-duplicates one stays
    to the end. Qin et al., *Demystifying Neural Network Filter Pruning*, 2018, look for such bunches among the pictures
    that activation maximisation makes, where filters of one bunch look the same to the eye.

    Parameters
    ----------
    similarities : mapping of str to ndarray, shape (C, C)
        Symmetric, larger for filters that are more alike: from `correlations`, `kernel_cosines` or `mutual_answers`.
    worth
        Which of two goes: for instance from `by_kernel`.
    """
    return {name: _turns(similarity, worth[name]) for name, similarity in similarities.items()}


def _turns(similarity: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Return the turn at which each filter goes."""
    left = np.array(similarity, np.float64)
    np.fill_diagonal(left, -np.inf)
    turns = np.full(len(left), len(left) - 1.0)
    for turn in range(len(left) - 1):
        pair = np.unravel_index(np.argmax(left), left.shape)
        gone = min(pair, key=lambda one: (worth[one], one))
        turns[gone] = turn
        left[gone], left[:, gone] = -np.inf, -np.inf
    return turns


def correlations(network: Network, layers: Iterable[str], pictures: Iterable[np.ndarray]) -> Scores:
    r"""Return for each layer how the answers of its filters go together over pictures and places.

    With f_po the answer of filter o at place p, after normalisation and ReLU, and the means over all places::

        r_ab = cov(f_a, f_b) / sqrt(var(f_a) var(f_b))

    A filter that never answers is like no other: 0.
    """
    sums: dict[str, list] = {}
    for answers in _answers(network, layers, pictures):
        for name, found in answers.items():
            wide = np.asarray(found, np.float64)
            share = sums.setdefault(name, [0, 0.0, 0.0])
            share[0] += len(wide)
            share[1] = share[1] + wide.sum(0)
            share[2] = share[2] + wide.T @ wide
    return {name: _correlation(*share) for name, share in sums.items()}


def _correlation(count: int, total: np.ndarray, products: np.ndarray) -> np.ndarray:
    covariance = products / count - np.outer(total, total) / count**2
    deviation = np.sqrt(np.clip(np.diag(covariance), 0, None))
    alive = deviation > 1e-6 * max(deviation.max(), 1e-30)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=alive)
    return covariance * np.outer(scale, scale)


def kernel_cosines(network: Network, layers: Iterable[str]) -> Scores:
    """Return for each layer the cosines between its filters' kernels."""
    found = {}
    for name in layers:
        kernel = np.asarray(with_filters(network, name).weight, np.float64)
        flat = kernel.reshape(-1, kernel.shape[-1])
        flat = flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-30)
        found[name] = flat.T @ flat
    return found


def mutual_answers(network: Network, layer: str, wanted: Iterable[np.ndarray]) -> np.ndarray:
    r"""Return how well each filter likes the picture that another one wants most.

    With a_ij the mean answer of filter j to the maximising picture of filter i, and each filter's answers measured by
    that to its own::

        s_ij = min(a_ij / a_jj, a_ji / a_ii)

    It is 1 for filters to which both pictures are the same, wherever in them the pattern stands, which a comparison
    of pixels would not see. The mean is what was maximised, so hardly any answer exceeds that of its own filter; the
    largest answer tells less, for somewhere in a picture of strong contrasts nearly every filter is excited.

    Parameters
    ----------
    wanted : iterable of ndarray, shape (1, H, W, 3)
        For each filter in order its maximising picture, RGB in 0..255.
    """
    rows = [next(_answers(network, [layer], [picture]))[layer].mean(axis=0) for picture in wanted]
    answers = np.asarray(rows, np.float64)
    width = network.nodes[network.resolve(layer)].layer.weight.shape[-1]
    if answers.shape != (width, width):
        raise NstError(f"{layer} has {width} filters, and {len(rows)} maximising pictures were given")
    shares = answers / np.maximum(np.diag(answers), 1e-30)
    return np.minimum(shares, shares.T)


def by_maximised(
    network: Network, layers: Iterable[str], wanted: Callable[[str, int], np.ndarray], worth: Scores
) -> Scores:
    """Rank filters by `by_duplicates`, near-duplicates being those that answer to one another's maximising pictures.

    Parameters
    ----------
    wanted
        Given the node where the answers of a layer are ready, and a filter, makes its maximising picture,
        (1, H, W, 3), RGB in 0..255.
    worth
        Which of two goes, as for `by_duplicates`.
    """
    found = {}
    for name in layers:
        end, width = _end(network, network.resolve(name)), with_filters(network, name).weight.shape[-1]
        found[name] = mutual_answers(network, name, (wanted(end, one) for one in range(width)))
    return by_duplicates(found, worth)


def _answers(network: Network, layers: Iterable[str], pictures: Iterable[np.ndarray]):
    """Yield for each picture what the filters of each layer answer at all places, (places, filters)."""
    ends = {name: _end(network, name) for name in map(network.resolve, layers)}
    for picture in pictures:
        features, _ = network.forward(picture, list(dict.fromkeys(ends.values())))
        yield {name: features[end].reshape(-1, features[end].shape[-1]) for name, end in ends.items()}


def _end(network: Network, name: str) -> str:
    """Return the node where a filter's answer is ready: behind the normalisation and the ReLU that follow it."""
    following = {node.inputs[0]: node for node in reversed(network.nodes.values()) if len(node.inputs) == 1}
    while name in following and isinstance(following[name].layer, (BatchNorm, InstanceNorm, ReLU)):
        name = following[name].name
    return name


def choose(network: Network, scores: Scores, share: Fraction | float) -> dict[str, np.ndarray]:
    """Return the filters to keep: of each layer the best `share`, and as many of each run that groups need equal.

    Parameters
    ----------
    share
        Above 0, at most 1. At least one filter of every run stays.
    """
    if not 0 < share <= 1:
        raise NstError(f"the share of filters to keep is above 0 and at most 1, not {share}")
    kept = {}
    for name, worth in scores.items():
        runs = runs_of(network, name)
        runs = runs if len(worth) % runs == 0 else 1
        by_run = worth.reshape(runs, -1)
        count = max(1, round(by_run.shape[1] * share))
        best = np.argsort(-by_run, axis=1, kind="stable")[:, :count]
        kept[name] = np.sort((best + np.arange(runs)[:, None] * by_run.shape[1]).reshape(-1))
    return kept
