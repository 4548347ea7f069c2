"""Random changes to pictures: each one does what its name says and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from nst.training.augment import Augment
from nst.training.resample import random_places, resample


@pytest.fixture
def images() -> np.ndarray:
    """Sixty pictures of random bytes from 1 on, 9 x 7, read-only: 0 can only come from outside."""
    pixels = np.random.default_rng(0).integers(1, 256, (60, 9, 7, 3), dtype=np.uint8)
    pixels.setflags(write=False)
    return pixels


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_nothing_asked_for_changes_nothing(images):
    """The plain augmentation turns bytes into floats."""
    changed = Augment()(images, rng())
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(changed, images)


def test_flips_mirror_some(images):
    """Each picture is itself or its mirror image, and both happen."""
    changed = Augment(flip=True)(images, rng())
    same = [np.array_equal(a, b) for a, b in zip(changed, images, strict=True)]
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(changed, images, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True)) and 15 < sum(same) < 45


@pytest.mark.parametrize("border", ["constant", "reflect"])
def test_shifts_move_the_whole_picture(images, border):
    """Every result is the padded picture seen through a window, and every window is found among sixty pictures."""
    changed = Augment(shift=1, border=border, fill=(5, 6, 7))(images, rng())
    found = set()
    for one, image in zip(changed, images, strict=True):
        if border == "reflect":
            large = np.pad(image, ((1, 1), (1, 1), (0, 0)), "reflect")
        else:
            large = np.broadcast_to(np.array([5, 6, 7], np.uint8), (11, 9, 3)).copy()
            large[1:-1, 1:-1] = image
        windows = [
            (y, x) for y in range(3) for x in range(3) if np.array_equal(large[y : y + 9, x : x + 7], one)
        ]
        assert len(windows) == 1
        found.update(windows)
    assert len(found) == 9


def test_cutout_fills_a_square(images):
    """What is not the picture any more is one block of the colour given, no larger than asked for."""
    changed = Augment(cutout=3, fill=(0.4,))(images, rng())
    sizes = set()
    for one, image in zip(changed, images, strict=True):
        rows, columns = np.nonzero((one != image).any(axis=-1))
        block = one[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert not block.any() and len(rows) == block.shape[0] * block.shape[1]
        sizes.add(block.shape[:2])
    assert (3, 3) in sizes and max(sizes) == (3, 3)


def test_resampling_in_place_changes_nothing(images):
    """Without any turn, zoom, distortion or crop every pixel is read at itself."""
    places = random_places(images.shape[:3], 0, 0, 0, 1, rng())
    np.testing.assert_allclose(resample(images, places, np.zeros(3)), images, atol=1e-3)


def test_a_quarter_turn_is_a_quarter_turn():
    """Read at places turned by 90 degrees, a square picture is NumPy's rot90."""
    image = np.random.default_rng(2).integers(0, 256, (1, 6, 6, 1), dtype=np.uint8)

    class Extreme:
        def uniform(self, low: float, high: float, size: int) -> np.ndarray:
            return np.full(size, high)

    places = random_places((1, 6, 6), 90, 0, 0, 1, Extreme())
    turned = resample(image, places, np.zeros(1))[0]
    assert np.allclose(turned, np.rot90(image[0]), atol=1e-2)


def test_resampling_is_linear_between_pixels():
    """A ramp stays a ramp: half-way between two pixels is their mean, and beyond the edge comes the fill."""
    ramp = np.arange(0, 80, 10, dtype=np.uint8).reshape(1, 1, 8, 1)
    places = np.stack([np.zeros((1, 1, 4)), np.array([[[0.5, 3.25, -0.5, 9.0]]])])
    np.testing.assert_allclose(resample(ramp, places, np.array([100]))[0, 0, :, 0], [5, 32.5, 50, 100])


def test_a_crop_reads_a_part_of_the_picture():
    """A random part lies inside the picture, and its share of the area is within the limits."""
    places = random_places((500, 16, 16), 0, 0, 0, 0.25, rng())
    assert places.min() >= -0.5 and places.max() <= 15.5
    height = (places[0, :, -1, 0] - places[0, :, 0, 0]) / 15
    width = (places[1, :, 0, -1] - places[1, :, 0, 0]) / 15
    assert 0.24 < (height * width).min() < 0.4 and (height * width).max() <= 1 + 1e-5
    assert 0.74 < (height / width).min() < 0.9 and 1.1 < (height / width).max() < 1.34


@pytest.mark.parametrize("change", [{"turn": 20}, {"zoom": 0.2}, {"elastic": 1}, {"crop": 0.5}])
def test_warps_change_pictures_and_stay_in_range(images, change):
    """Each kind of warp alone moves something; interpolation invents no value outside the bytes."""
    changed = Augment(**change)(images, rng())
    assert not np.array_equal(changed, images) and 0 <= changed.min() and changed.max() <= 255
    np.testing.assert_array_equal(changed, Augment(**change)(images, rng()))


@pytest.mark.parametrize("wrong", [{"border": "wrap"}, {"crop": 0}, {"crop": 2}, {"zoom": 1}, {"shift": -1}])
def test_senseless_settings_are_refused(wrong):
    """A value outside its range is a mistake of the caller."""
    with pytest.raises(ValueError):
        Augment(**wrong)
