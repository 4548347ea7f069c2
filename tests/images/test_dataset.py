"""Labelled pictures: what every reader returns."""

from __future__ import annotations

import numpy as np
import pytest

from nst.images.dataset import Dataset, channel_statistics


def toys(count: int = 1500, shape: tuple[int, int, int] = (3, 5, 3)) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        rng.integers(0, 256, (count, *shape), dtype=np.uint8), rng.integers(0, 4, count), ("a", "b", "c", "d")
    )


def test_statistics_are_those_of_all_pixels():
    """Mean and deviation equal NumPy's over everything at once, though they are taken piece by piece."""
    data = toys()
    pixels = data.pictures(np.arange(len(data))).astype(np.float64)
    mean, deviation = channel_statistics(data)
    np.testing.assert_allclose(mean, pixels.mean(axis=(0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(deviation, pixels.std(axis=(0, 1, 2)), rtol=1e-12)


def test_pictures_come_in_the_order_asked_for():
    """Numbers may repeat, and what is returned is the caller's own."""
    data = toys(4)
    first = data.pictures(np.array([2, 0, 2]))
    np.testing.assert_array_equal(first[0], first[2])
    first[:] = 0
    assert data.pictures(np.array([2, 0, 2])).any()


def test_a_part_keeps_pictures_and_labels_together():
    """A part has the pictures and the labels of the numbers asked for, and every class."""
    data, chosen = toys(9), np.array([8, 1])
    part = data.part(chosen)
    np.testing.assert_array_equal(part.pictures(np.arange(2)), data.pictures(chosen))
    assert part.labels.tolist() == data.labels[chosen].tolist() and part.classes == data.classes


@pytest.mark.parametrize("labels", [[0, 2], [-1, 0], [0]])
def test_labels_fit_pictures_and_classes(labels):
    """A label without a class, or a picture without a label, is a mistake."""
    with pytest.raises(ValueError, match="label"):
        Dataset(np.zeros((2, 1, 1, 1), np.uint8), np.array(labels), ("a", "b"))
