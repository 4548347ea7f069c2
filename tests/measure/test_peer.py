"""Processes that answer questions, and what becomes of those that end instead."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.measure.job import Job, corner, noise
from nst.measure.peer import Peer, Side

STUDENT = Side("student", "tests.measure.student")


@pytest.fixture
def folder(tmp_path):
    Job("sums", {"factor": 2}, {"x": np.arange(6.0).reshape(2, 3)}).write(tmp_path)
    return tmp_path


def test_a_job_comes_back_as_it_was(folder):
    """Settings and arrays, their shapes and dtypes."""
    job = Job.read(folder)
    assert (job.kind, job.settings) == ("sums", {"factor": 2})
    assert job.arrays["x"].dtype == np.float64
    np.testing.assert_array_equal(job.arrays["x"], np.arange(6.0).reshape(2, 3))


def test_noise_depends_on_seed_and_name_alone():
    """So that two processes draw the same without handing it over."""
    np.testing.assert_array_equal(noise(1, "x", (4, 5)), noise(1, "x", (4, 5)))
    assert len({noise(seed, name, (1,)).item() for seed in (1, 2) for name in ("x", "y", "xy")}) == 6


def test_a_corner_is_what_is_compared():
    """Of a picture 24 rows and columns, of a matrix as many rows as these are pixels."""
    assert corner(np.zeros((1, 30, 9, 2))).shape == (1, 24, 9, 2)
    assert corner(np.zeros((600, 7))).shape == (576, 7)


def test_a_peer_answers_and_ends(folder):
    """Times with phases and memory, results as arrays; what it prints besides is no answer; nothing is left behind."""
    before = set(folder.iterdir())
    with Peer(STUDENT, folder) as peer:
        answer = peer.time("twice", least=0.02)
        assert answer["seconds"] > 0 and answer["memory"] > 2**20
        assert answer["phases"] == {"twice": 0.25}
        assert peer.arrays("results")["x"].tolist() == [[0, 2, 4], [6, 8, 10]]
        assert peer.ask("facts") == {"name": "student"}
    assert peer._process.returncode == 0
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    "item, message",
    [
        ("raise", "ValueError: no such item"),
        ("exit", "exit status 3"),
        ("kill", "SIGKILL, as when memory runs out"),
    ],
)
def test_a_peer_that_ends_is_one_line(folder, item, message):
    """An exception, an exit and a signal: the error has the process's name and its last words."""
    with Peer(STUDENT, folder) as peer, pytest.raises(NstError) as error:
        peer.time(item)
    assert str(error.value) == f"the process that measures student ended: {message}"


def test_a_peer_that_ended_before_is_the_same(folder):
    """Also when it is gone before the question is asked, as a module that does not exist."""
    with Peer(Side("nobody", "nst.measure.nobody"), folder) as peer:
        peer._process.wait()
        with pytest.raises(NstError, match=r"measures nobody ended: .*No module named nst.measure.nobody"):
            peer.time()


def test_a_peer_that_is_busy_is_ended(folder):
    """Leaving does not wait for an answer that takes an hour."""
    with Peer(STUDENT, folder) as peer:
        peer._process.stdin.write('{"ask": "time", "item": "sleep"}\n')
        peer._process.stdin.flush()
    assert peer._process.returncode is not None
