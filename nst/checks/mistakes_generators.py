"""Deliberate mistakes in the layers that generators and critics are made of."""

from __future__ import annotations

import numpy as np

from nst.checks.cases import find
from nst.checks.mistakes_norms import BATCH, PIXELS
from nst.checks.mutations import At, altered, mistakes, pulled_back
from nst.layers import InstanceNorm

STYLES = find("ConditionalInstanceNorm", "a style for each picture")
RESPONSE = find("FilterResponseNorm", "2 pictures")
TRANSPOSED = find("TransposedConv2d", "3x3, stride 2, same")


def x_hat(at: At) -> np.ndarray:
    """Return the normalised input of a conditional instance normalisation."""
    return (at.x - at.x.mean(PIXELS, keepdims=True)) / np.sqrt(at.x.var(PIXELS, keepdims=True) + at.layer.eps)


def as_one_style(at: At) -> np.ndarray:
    """Pull back with the scale of the first picture's mixture."""
    return pulled_back(InstanceNorm(at.layer.mix[0] @ at.layer.gamma, None), at.x, at.dy)


def two_terms(at: At, *, square: float = 1.0, eps: float | None = None, axes: tuple = PIXELS) -> np.ndarray:
    """Return gamma r (dy - square x_hat <dy x_hat>), where r is 1 over the root mean square."""
    eps = at.layer.eps if eps is None else eps
    r = 1 / np.sqrt((at.x**2).mean(PIXELS, keepdims=True) + eps)
    hat, d = at.x * r, at.dy * at.layer.gamma
    return r * (d - square * hat * (d * hat).mean(axes, keepdims=True))


def bordered(dy: np.ndarray) -> np.ndarray:
    """Return the gradient with nothing in its last row and column."""
    return np.pad(dy[:, :-1, :-1], ((0, 0), (0, 1), (0, 1), (0, 0)))


GENERATOR_MISTAKES = [
    *mistakes(
        TRANSPOSED,
        {
            "the kernel is turned round": lambda at: pulled_back(
                altered(at.layer, weight=at.layer.weight[::-1, ::-1]), at.x, at.dy
            ),
            "the odd place is cut off before, not after": lambda at: pulled_back(
                at.layer, at.x, np.roll(at.dy, 1, axis=(1, 2))
            ),
            "every second place alone": lambda at: at.dy[:, ::2, ::2] @ at.layer.weight[0, 0],
            "divided by the stride's square": lambda at: at.dx / 4,
            "the bias is added to the gradient": lambda at: pulled_back(
                at.layer, at.x, at.dy + at.layer.bias
            ),
        },
    ),
    *mistakes(
        find("TransposedConv2d", "3x3, stride 2, valid"),
        {"the border is cut off as under same": lambda at: pulled_back(at.layer, at.x, bordered(at.dy))},
    ),
    *mistakes(
        TRANSPOSED,
        {
            "turned round": lambda at: at.grads["weight"][::-1, ::-1],
            "averaged over the batch": lambda at: at.grads["weight"] / len(at.x),
            "the two axes of channels are confused": lambda at: (
                at.grads["weight"].reshape(3, 3, 3, 2).swapaxes(2, 3)
            ),
        },
        of="weight",
    ),
    *mistakes(TRANSPOSED, {"averaged over the places": lambda at: at.dy.mean(BATCH)}, of="bias"),
    *mistakes(
        STYLES,
        {
            "all pictures have the style of the first": as_one_style,
            "the styles are added up, not mixed": lambda at: pulled_back(
                InstanceNorm(at.layer.gamma.sum(axis=0), None), at.x, at.dy
            ),
            "the scale is forgotten": lambda at: pulled_back(InstanceNorm(None, None), at.x, at.dy),
            "mean and variance are taken for constants": lambda at: (
                at.dy
                * (at.layer.mix @ at.layer.gamma)[:, None, None]
                / np.sqrt(at.x.var(PIXELS, keepdims=True) + at.layer.eps)
            ),
        },
    ),
    *mistakes(
        find("ConditionalInstanceNorm", "large eps"),
        {"eps is left out": lambda at: pulled_back(altered(at.layer, eps=0.0), at.x, at.dy)},
    ),
    *mistakes(
        STYLES,
        {
            "every style gets the whole sum": lambda at: np.broadcast_to(
                (at.dy * x_hat(at)).sum(BATCH), (3, 3)
            ).copy(),
            "the output stands in the place of x_hat": lambda at: at.layer.mix.T @ (at.dy * at.y).sum(PIXELS),
            "averaged over pixels": lambda at: at.grads["gamma"] / 20,
        },
        of="gamma",
    ),
    *mistakes(
        STYLES,
        {
            "the first picture alone": lambda at: np.outer(at.layer.mix[0], at.dy[0].sum((0, 1))),
            "the pictures are in reverse": lambda at: at.layer.mix[::-1].T @ at.dy.sum(PIXELS),
        },
        of="beta",
    ),
    *mistakes(
        RESPONSE,
        {
            "the root mean square is taken for a constant": lambda at: two_terms(at, square=0.0),
            "the 2 of the square is kept": lambda at: two_terms(at, square=2.0),
            "the sign of the second term is wrong": lambda at: two_terms(at, square=-1.0),
            "the sum is over the batch": lambda at: two_terms(at, axes=BATCH),
            "the mean is taken away, as in instance normalisation": lambda at: pulled_back(
                InstanceNorm(at.layer.gamma, None, eps=at.layer.eps), at.x, at.dy
            ),
            "gamma is forgotten": lambda at: at.dx / at.layer.gamma,
        },
    ),
    *mistakes(
        find("FilterResponseNorm", "large eps"), {"eps is left out": lambda at: two_terms(at, eps=0.0)}
    ),
    *mistakes(
        RESPONSE,
        {
            "the output stands in the place of x_hat": lambda at: (at.dy * at.y).sum(BATCH),
            "the first picture alone": lambda at: (
                (at.dy * (at.y - at.layer.beta))[0].sum((0, 1)) / at.layer.gamma
            ),
        },
        of="gamma",
    ),
    *mistakes(RESPONSE, {"averaged over places": lambda at: at.dy.mean(BATCH)}, of="beta"),
    *mistakes(
        find("TLU", "4 axes"),
        {
            "the threshold is taken for 0": lambda at: np.where(at.x > 0, at.dy, 0),
            "everything passes": lambda at: at.dy,
            "what is below passes": lambda at: at.dy - at.dx,
        },
    ),
    *mistakes(
        find("TLU", "4 axes"),
        {
            "summed over what is above": lambda at: at.dx.sum(BATCH),
            "summed over all": lambda at: at.dy.sum(BATCH),
            "the sign is wrong": lambda at: -at.grads["tau"],
        },
        of="tau",
    ),
    *mistakes(
        find("Tanh", "colours"),
        {
            "the reach is forgotten": lambda at: at.dx / 150,
            "the output stands in the place of t": lambda at: at.dy * 150 * (1 - at.y**2),
            "the sigmoid's slope, t (1 - t)": lambda at: at.dy * 150 * np.tanh(at.x) * (1 - np.tanh(at.x)),
            "1 - t, not 1 - t squared": lambda at: at.dy * 150 * (1 - np.tanh(at.x)),
        },
    ),
    *mistakes(
        find("LeakyReLU", "0.2"),
        {
            "nothing leaks": lambda at: np.where(at.x > 0, at.dy, 0),
            "it leaks where it is on": lambda at: np.where(at.x > 0, 0.2, 1.0) * at.dy,
            "the sign of dy decides": lambda at: np.where(at.dy > 0, 1.0, 0.2) * at.dy,
            "the slope is 1 in 100": lambda at: np.where(at.x > 0, 1.0, 0.01) * at.dy,
        },
    ),
    *mistakes(
        find("Add", "three branches"),
        {
            "averaged over the branches": lambda at: [part / 3 for part in at.dx],
            "the first branch alone": lambda at: [at.dy, 0 * at.dy, 0 * at.dy],
            "the last is taken away": lambda at: [at.dy, at.dy, -at.dy],
        },
    ),
    *mistakes(
        find("Channels", "the middle"),
        {
            "put back at the start": lambda at: np.roll(at.dx, -1, axis=3),
            "in reverse": lambda at: at.dx[..., ::-1],
            "the other channels get the mean": lambda at: np.where(
                at.dx == 0, at.dy.mean(axis=3, keepdims=True), at.dx
            ),
        },
    ),
]
