"""Between the iterations: when a run saves, what it keeps along the way, how Ctrl-C asks."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
from PIL import Image

from nst.engine.checkpoint import load_checkpoint
from nst.errors import NstError
from nst.run import main
from nst.session.interrupt import interruptible
from nst.session.outputs import MOST, THUMBNAIL, Outputs, checkpoint_path, thin, thumbnail

QUICK = (
    "--network",
    "random",
    "--style-layers",
    "relu1_1",
    "--content-layers",
    "relu1_1",
    "--size",
    16,
    "--quiet",
)


def test_it_saves_every_so_often_and_at_the_end(door, pictures, monkeypatch):
    """All four files, after every N-th iteration and after the last."""
    saved = []
    monkeypatch.setattr(
        "nst.session.paint.save_checkpoint", lambda path, checkpoint: saved.append(checkpoint.iteration)
    )
    assert door(main, *pictures, *QUICK, "--iterations", 7, "--save-every", 3).status == 0
    assert saved == [3, 6, 7]


def test_pictures_along_the_way_are_kept(door, pictures):
    """The start, the early iterations and the last are in the checkpoint as thumbnails."""
    assert door(main, *pictures, *QUICK, "--iterations", 6).status == 0
    found = load_checkpoint("out.checkpoint.npz").thumbnails
    assert sorted(found) == [0, 1, 2, 5, 6]
    assert all(picture.shape == (12, 16, 3) for picture in found.values())


def test_thinning_keeps_the_ends():
    """Beyond the limit every second picture goes, the first and the last never; below it all stay."""
    few = {n: np.zeros((1, 1, 3), np.uint8) for n in range(MOST)}
    thin(few)
    assert len(few) == MOST
    many = {n * 10: np.zeros((1, 1, 3), np.uint8) for n in range(MOST + 1)}
    thin(many)
    assert MOST // 2 <= len(many) <= MOST // 2 + 2
    assert min(many) == 0 and max(many) == MOST * 10


def test_thumbnails_are_bounded_and_never_enlarged():
    """At most THUMBNAIL pixels on the longer side; a smaller picture keeps its size."""
    assert thumbnail(np.zeros((1, 1000, 2000, 3), np.float32)).shape == (THUMBNAIL // 2, THUMBNAIL, 3)
    assert thumbnail(np.zeros((1, 10, 20, 3), np.float32)).shape == (10, 20, 3)


def test_names_of_the_files(tmp_path):
    """Everything is called after the picture, whatever dots its name has."""
    found = Outputs(str(tmp_path / "my.night.sky.png"), [])
    names = [path.name for path in (found.picture, found.record, found.report, found.checkpoint)]
    assert names == [
        "my.night.sky.png",
        "my.night.sky.json",
        "my.night.sky.html",
        "my.night.sky.checkpoint.npz",
    ]
    assert checkpoint_path("a/b.jpg").name == "b.checkpoint.npz"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_asks_and_the_second_stops(number):
    """Ctrl-C once is remembered for the end of the iteration; twice raises; afterwards all is as before."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible() as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked()
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_the_picture_is_saved_though_the_checkpoint_cannot_be(door, pictures, monkeypatch):
    """A disk that is full ends a run in one line, and what was painted lies there all the same."""

    def full(path, checkpoint):
        raise NstError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr("nst.session.paint.save_checkpoint", full)
    ended = door(main, *pictures, *QUICK, "--iterations", 1)
    assert ended == (2, "", "nst: cannot write out.checkpoint.npz: No space left on device\n")
    with Image.open("out.png") as image:
        assert image.size == (16, 12)


def test_another_thread_may_paint():
    """Signals belong to the main thread; elsewhere nothing is asked, and nothing fails."""
    answers = []

    def work():
        with interruptible() as asked:
            answers.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]
