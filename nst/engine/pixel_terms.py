"""Terms of the pixels alone, band by band, so that no second picture of temporary values is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from nst.engine.objective import Term
from nst.losses import Range, TotalVariation

BAND = 1 << 20  # numbers of the picture that are worked on at once


def pixel_gradient(terms: Iterable[Term], image: np.ndarray, parts: dict[str, float]) -> np.ndarray:
    """Return the gradient of all terms without a tap, and put their weighted values into `parts`."""
    gradient = np.zeros_like(image)
    for term in terms:
        if term.tap is None:
            parts[term.label] = 0.0
            for rows, value, pull in _by_bands(term, image):
                parts[term.label] += value
                gradient[:, rows] += pull
    return gradient


def _by_bands(term: Term, image: np.ndarray) -> Iterator[tuple[slice, float, np.ndarray]]:
    """Yield rows, with values and gradients that add up to those of the whole picture."""
    height = image.shape[1]
    step = max(1, BAND * height // max(1, image.size))
    for start in range(0, height, step):
        stop = min(start + step, height)
        if isinstance(term, Range):  # a mean over pixels: each band has its share of it
            share = (stop - start) / height
            rows = slice(start, stop)
            yield rows, *dataclasses.replace(term, weight=term.weight * share)(image[:, rows])
        elif isinstance(
            term, TotalVariation
        ):  # a sum over pairs, of which those across the cut need the next row
            yield from _pairs(term, image, start, stop)
        else:
            raise ValueError(f"no way is known to take {term.label} band by band")


def _pairs(term, image, start, stop):
    rows = slice(start, stop + 1)
    yield rows, *term(image[:, rows])
    if stop < image.shape[1]:  # that row's own pairs are the next band's
        rows = slice(stop, stop + 1)
        value, pull = term(image[:, rows])
        yield rows, -value, -pull
