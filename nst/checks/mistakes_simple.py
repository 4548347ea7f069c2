"""Deliberate mistakes where numbers are weighed, gated or moved about, without windows or statistics."""

from __future__ import annotations

import numpy as np

from nst.checks.cases import find
from nst.checks.mutations import At, mistakes


def other_mask(at: At) -> np.ndarray:
    """Draw a mask in the backward pass, not the one of the forward pass."""
    return at.layer.backward(at.dy, at.layer.forward(at.x, training=np.random.default_rng(99))[1])


def as_repeated_pictures(at: At) -> np.ndarray:
    """Take enlarged rows for the whole picture repeated, not for blocks."""
    n, height, width, c = at.x.shape
    return at.dy.reshape(n, 2, height, 2, width, c).sum(axis=(1, 3))


SIMPLE_MISTAKES = [
    *mistakes(
        find("Linear", "with bias"),
        {
            "the inputs are in reverse": lambda at: at.dx[:, ::-1],
            "averaged over the batch": lambda at: at.dx / len(at.x),
            "the last output is left out": lambda at: at.dy[:, :-1] @ at.layer.weight[:, :-1].T,
            "the weights are reshaped, not transposed": lambda at: at.dy @ at.layer.weight.reshape(3, 5),
            "the bias is added to the gradient": lambda at: (at.dy + at.layer.bias) @ at.layer.weight.T,
        },
    ),
    *mistakes(
        find("Linear", "with bias"),
        {
            "averaged over the batch": lambda at: at.grads["weight"] / len(at.x),
            "reshaped, not transposed": lambda at: (at.dy.T @ at.x).reshape(5, 3),
            "the last row of the batch is left out": lambda at: at.x[:-1].T @ at.dy[:-1],
        },
        of="weight",
    ),
    *mistakes(
        find("Linear", "with bias"),
        {
            "averaged over the batch": lambda at: at.dy.mean(axis=0),
            "the first row of the batch alone": lambda at: at.dy[0],
        },
        of="bias",
    ),
    *mistakes(
        find("ReLU", "4 axes"),
        {
            "everything passes": lambda at: at.dy,
            "what was off passes, what was on does not": lambda at: np.where(at.x < 0, at.dy, 0),
            "the sign of dy decides, as in a deconvolutional network": lambda at: np.maximum(at.dy, 0),
            "both signs decide, as in guided backpropagation": lambda at: np.maximum(at.dx, 0),
            "what was off leaks by 1 in 100": lambda at: np.where(at.x > 0, at.dy, 0.01 * at.dy),
            "the output multiplies, not the mask": lambda at: at.dy * at.y,
            "on means above 0.1": lambda at: np.where(at.x > 0.1, at.dy, 0),
        },
    ),
    *mistakes(
        find("Dropout", "training"),
        {
            "the mask is forgotten": lambda at: at.dy / (1 - at.layer.rate),
            "what is kept is not scaled up": lambda at: at.dx * (1 - at.layer.rate),
            "divided by the rate of dropping": lambda at: at.dx * (1 - at.layer.rate) / at.layer.rate,
            "the backward pass draws a mask of its own": other_mask,
        },
    ),
    *mistakes(
        find("Dropout", "inference"),
        {"scaled as in training": lambda at: at.dy / (1 - at.layer.rate)},
    ),
    *mistakes(
        find("Flatten", "4 axes"),
        {
            "channels are taken to come first": lambda at: at.dy.reshape(2, 2, 3, 4).transpose(0, 2, 3, 1),
            "rows and columns are swapped": lambda at: at.dy.reshape(2, 4, 3, 2).transpose(0, 2, 1, 3),
            "the batch is taken to come last": lambda at: at.dy.reshape(-1, 2).T.reshape(at.x.shape),
        },
    ),
    *mistakes(
        find("Unflatten", "3 rows, 4 columns"),
        {
            "channels are laid out first": lambda at: at.dy.transpose(0, 3, 1, 2).reshape(2, 24),
            "rows and columns are swapped": lambda at: at.dy.swapaxes(1, 2).reshape(2, 24),
            "the picture is turned by half a turn": lambda at: at.dy[:, ::-1, ::-1].reshape(2, 24),
        },
    ),
    *mistakes(
        find("GlobalAvgPool", "2 pictures"),
        {
            "the sum, not the mean": lambda at: at.dx * 12,
            "divided by the rows alone": lambda at: at.dx * 4,
            "divided by the channels too": lambda at: at.dx / 2,
            "the first place alone gets the gradient": lambda at: np.where(
                np.arange(12).reshape(1, 3, 4, 1) == 0, 12 * at.dx, 0
            ),
        },
    ),
    *mistakes(
        find("UpsampleNearest", "2"),
        {
            "the block is averaged": lambda at: at.dx / 4,
            "the first pixel of the block alone counts": lambda at: at.dy[:, ::2, ::2],
            "the block is summed along one axis only": lambda at: at.dy[:, ::2, ::2] + at.dy[:, 1::2, ::2],
            "blocks are taken for repeated pictures": as_repeated_pictures,
        },
    ),
    *mistakes(
        find("Concat", "three branches"),
        {
            "the slices are off by one channel": lambda at: np.split(
                np.roll(at.dy, 1, axis=3), [2, 5], axis=3
            ),
            "the second branch gets nothing": lambda at: [at.dx[0], np.zeros_like(at.dx[1]), at.dx[2]],
            "averaged over the branches": lambda at: [part / 3 for part in at.dx],
            "the channels of each branch are in reverse": lambda at: [part[..., ::-1] for part in at.dx],
        },
    ),
    *mistakes(
        find("Preprocess", "BGR, three scales"),
        {
            "the order of channels is not turned back": lambda at: at.dx[..., ::-1],
            "the scale is forgotten": lambda at: at.dy[..., ::-1],
            "the scale is taken in the order of the picture": lambda at: at.dy[..., ::-1] * at.layer.scale,
            "divided by the scale": lambda at: (at.dy / at.layer.scale)[..., ::-1],
            "the mean is subtracted from the gradient too": lambda at: at.dx - at.layer.mean,
        },
    ),
]
