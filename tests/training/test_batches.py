"""Mini-batches: the same ones whatever prepares them and wherever one begins."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from nst.errors import NstError
from nst.images.dataset import Dataset
from nst.images.labelled_folder import class_folder
from nst.training.ahead import ahead
from nst.training.augment import Augment
from nst.training.batches import Batches

EVERYTHING = Augment(turn=10, zoom=0.1, elastic=1, crop=0.5, flip=True, shift=2, cutout=3, fill=(9, 8, 7))


def toys(count: int = 23) -> Dataset:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 8, 6, 3), dtype=np.uint8)
    return Dataset(pixels, np.arange(count) % 3, ("a", "b", "c"))


def drawn(batches: Batches, epoch: int, start: int = 0) -> list[bytes]:
    return [images.tobytes() + labels.tobytes() for images, labels in batches.epoch(epoch, start)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_change_nothing(workers):
    """Batches are the same to the byte, and in the same order, with any number of threads."""
    alone = Batches(toys(), 4, EVERYTHING, seed=1, workers=0)
    assert drawn(Batches(toys(), 4, EVERYTHING, seed=1, workers=workers), 3) == drawn(alone, 3)


def test_any_step_can_be_resumed_at():
    """From step s on an epoch goes on as it would have without the interruption."""
    whole = drawn(Batches(toys(), 4, EVERYTHING, seed=1), 2)
    for start in range(len(whole) + 1):
        assert drawn(Batches(toys(), 4, EVERYTHING, seed=1), 2, start) == whole[start:]


def test_workers_and_resuming_change_nothing_together():
    """For data sets, batches, seeds, epochs and beginnings drawn at random: always the end of the whole epoch."""
    rng = np.random.default_rng(0)
    for _ in range(25):
        data, batch = toys(int(rng.integers(9, 40))), int(rng.integers(1, 10))
        seed, epoch = (int(number) for number in rng.integers(0, 1000, 2))
        how = {"shuffle": bool(rng.integers(2)), "whole": bool(rng.integers(2))}
        augment = (None, EVERYTHING, Augment(flip=True, shift=1, border="reflect"))[rng.integers(3)]
        whole = drawn(Batches(data, batch, augment, seed, 0, **how), epoch)
        start = int(rng.integers(len(whole) + 1))
        workers = int(rng.integers(4))
        assert drawn(Batches(data, batch, augment, seed, workers, **how), epoch, start) == whole[start:]


def test_pictures_read_from_files(tmp_path):
    """Files decoded by any number of threads, kept or not, give the same batches; a damaged one is named in turn."""
    for number in range(12):
        folder = tmp_path / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (9 + number, 8), (20 * number, 0, 255 - 20 * number)).save(folder / f"{number}.png")
    results = []
    for workers, cache in ((0, 0), (3, 0), (3, 1 << 20)):
        train, _ = class_folder(tmp_path, 8, cache=cache)
        batches = Batches(train, 3, Augment(flip=True), 1, workers)
        results.append(drawn(batches, 0) + drawn(batches, 1))
    assert results[0] == results[1] == results[2]
    train.files[0].write_bytes(b"no picture any more")
    with pytest.raises(NstError, match=train.files[0].name):
        drawn(Batches(class_folder(tmp_path, 8)[0], 3, workers=2, whole=False), 0)


def test_epochs_and_seeds_differ():
    """Another epoch, or another seed, has another order and other augmentations."""
    batches = Batches(toys(), 4, EVERYTHING, seed=1)
    assert (
        len({*drawn(batches, 0), *drawn(batches, 1), *drawn(Batches(toys(), 4, EVERYTHING, seed=2), 0)}) == 15
    )
    plain = Batches(toys(), 4, seed=1)
    assert [one.tolist() for one in map(plain.order, (0, 1))] != [
        one.tolist() for one in map(plain.order, (0, 0))
    ]


def test_an_epoch_sees_each_picture_once():
    """In a shuffled epoch no picture comes twice, and what is left over is less than a batch."""
    data = toys()
    batches = Batches(data, 4, seed=5)
    seen = [image.tobytes() for images, _ in batches.epoch(0) for image in images]
    assert batches.steps_per_epoch == 5 and len(set(seen)) == len(seen) == 20
    assert set(seen) <= {image.astype(np.float32).tobytes() for image in data.pictures(np.arange(23))}


def test_in_order_and_to_the_last_one():
    """For testing, pictures keep their order and the last batch is as small as it must be."""
    data = toys()
    batches = Batches(data, 4, shuffle=False, whole=False)
    images, labels = (np.concatenate(parts) for parts in zip(*batches.epoch(0), strict=True))
    assert images.dtype == np.float32 and batches.steps_per_epoch == 6
    np.testing.assert_array_equal(images, data.pictures(np.arange(23)))
    np.testing.assert_array_equal(labels, data.labels)


@pytest.mark.parametrize("batch", [0, 24])
def test_a_batch_that_cannot_be_filled(batch):
    """Too few pictures, or none asked for: one line."""
    with pytest.raises(NstError, match="batch"):
        Batches(toys(), batch)


def still_there() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_errors_come_in_their_turn(workers):
    """What went well before an error is delivered first; then the error itself is raised, and the threads are gone."""

    def make(item: int) -> int:
        if item == 4:
            raise NstError("the fifth cannot be read")
        return item

    results = []
    with pytest.raises(NstError, match="fifth"):
        for one in ahead(make, _endless(), workers):
            results.append(one)
    assert results == [0, 1, 2, 3] and not still_there()


def _endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


@pytest.mark.parametrize("workers", [1, 3])
def test_little_is_made_ahead(workers):
    """A slow user holds the workers back: no more than two results each are ready; leaving ends the threads."""
    begun: list[int] = []
    results = ahead(lambda item: begun.append(item), _endless(), workers)
    for _ in range(10):
        next(results)
    assert len(begun) <= 10 + 2 * workers
    results.close()
    assert not still_there()
