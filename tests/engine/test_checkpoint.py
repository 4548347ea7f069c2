"""Checkpoints: the whole state comes back, a crash leaves the old one, and nothing hostile is believed."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import fields

import numpy as np
import pytest

from nst.engine.checkpoint import load_checkpoint, save_checkpoint
from nst.errors import NstError
from nst.optimizers import LBFGS, Adam
from tests.engine.hostile import HOSTILE, SENTINEL, good


def assert_equal(one, other):
    """Assert that two checkpoints are the same in every field, dtypes and bytes included."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("optimizer", "thumbnails"):
            assert list(a) == list(b)
            assert all(a[k].dtype == b[k].dtype and a[k].shape == b[k].shape for k in a)
            assert all(a[k].tobytes() == b[k].tobytes() for k in a)
        elif field.name == "image":
            assert a.tobytes() == b.tobytes() and a.shape == b.shape and b.dtype == np.float32
        else:
            assert a == b, field.name


def test_everything_comes_back(tmp_path):
    """Arrays byte by byte, 0-d and empty ones too; settings, hashes, random state and trace as they were."""
    save_checkpoint(tmp_path / "c.npz", good())
    assert_equal(good(), load_checkpoint(tmp_path / "c.npz"))
    assert os.listdir(tmp_path) == ["c.npz"]


def test_what_comes_back_can_be_written_into(tmp_path):
    """Loaded arrays are our own memory, not views of the file."""
    save_checkpoint(tmp_path / "c.npz", good())
    loaded = load_checkpoint(tmp_path / "c.npz")
    for array in (loaded.image, *loaded.optimizer.values(), *loaded.thumbnails.values()):
        assert array.flags.writeable and array.flags.c_contiguous


@pytest.mark.parametrize("make", [LBFGS, Adam])
def test_the_optimisers_go_through(tmp_path, make):
    """The state of a real optimiser comes back such that the next step gives the same bytes."""

    def bowl(x):
        return float(np.sum(np.square(x - 3), dtype=np.float64)), 2 * (x - 3)

    first, x = make(), good().image
    for _ in range(3):
        x = first.step(bowl, x).x
    checkpoint = good()
    checkpoint.image, checkpoint.optimizer = x, first.state()
    save_checkpoint(tmp_path / "c.npz", checkpoint)
    loaded = load_checkpoint(tmp_path / "c.npz")
    second = make()
    second.load(loaded.optimizer)
    assert second.step(bowl, loaded.image).x.tobytes() == first.step(bowl, x).x.tobytes()


def test_the_random_state_goes_through(tmp_path):
    """A generator set to the loaded state draws what the original draws next."""
    rng = np.random.default_rng(3)
    rng.normal(size=5)
    checkpoint = good()
    checkpoint.rng = rng.bit_generator.state
    save_checkpoint(tmp_path / "c.npz", checkpoint)
    other = np.random.default_rng()
    other.bit_generator.state = load_checkpoint(tmp_path / "c.npz").rng
    np.testing.assert_array_equal(other.normal(size=9), rng.normal(size=9))


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_crash_while_saving_leaves_the_old_checkpoint(tmp_path, monkeypatch, step):
    """When the disk is full at any step, the checkpoint from before is whole and nothing lies beside it."""
    path = tmp_path / "c.npz"
    save_checkpoint(path, good())
    newer = good()
    newer.iteration = 8

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(NstError, match=r"cannot write .*c.npz: No space left on device"):
            save_checkpoint(path, newer)
    assert_equal(good(), load_checkpoint(path))
    assert os.listdir(tmp_path) == ["c.npz"]


def test_an_interruption_while_saving_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    """Ctrl-C in the middle of the arrays: the same."""
    path = tmp_path / "c.npz"
    save_checkpoint(path, good())

    def interrupted(stream, **arrays):
        stream.write(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(path, good())
    assert_equal(good(), load_checkpoint(path))
    assert os.listdir(tmp_path) == ["c.npz"]


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_hostile_or_damaged_is_refused(tmp_path, monkeypatch, kind):
    """One line that names the file; nothing is executed, and memory stays within a few times the file's size."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "c.npz"
    make, cause = HOSTILE[kind]
    make(path)
    tracemalloc.start()
    try:
        with pytest.raises(NstError) as caught:
            load_checkpoint(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"checkpoint {path} is damaged or no checkpoint (") and cause in message
    assert message.endswith("; start anew") and "\n" not in message and len(message) < 300 + len(str(path))
    assert peak < 4 * path.stat().st_size + (4 << 20)
    assert not (tmp_path / SENTINEL).exists()
    assert os.listdir(tmp_path) == ["c.npz"]


def test_a_checkpoint_that_is_not_there(tmp_path):
    """Missing, a folder in its place, and nothing in it."""
    (tmp_path / "empty.npz").touch()
    with pytest.raises(NstError, match="is empty"):
        load_checkpoint(tmp_path / "empty.npz")
    with pytest.raises(NstError, match=r"checkpoint .*c.npz does not exist"):
        load_checkpoint(tmp_path / "c.npz")
    with pytest.raises(NstError, match="is not a file"):
        load_checkpoint(tmp_path)
