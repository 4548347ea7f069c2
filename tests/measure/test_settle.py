"""What the warming up took of a card's memory is not counted: it is given back before anything is timed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from nst import kernels
from nst.measure.job import Job
from nst.measure.ours import Step
from nst.measure.peer import Peer, Side

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def bare(kind, device: str, calls: list[str]):
    """Return a side's step that notes when it is run, and does nothing."""
    step = object.__new__(kind)
    step.device, step.run = device, lambda item: calls.append("run")
    return step


@needs_torch
def test_pytorch_gives_back_what_cudnn_tried(monkeypatch):
    """What its allocator keeps goes, the peak begins anew, a step takes what it needs; on a processor none of it."""
    import torch

    from nst.measure.torch_peer import Step as Theirs

    calls: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("empty"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: calls.append("reset"))
    bare(Theirs, "cpu", calls).settle()
    assert not calls
    bare(Theirs, "cuda", calls).settle()
    assert calls == ["empty", "reset", "run"]


def test_ours_gives_back_what_the_targets_took(monkeypatch):
    """The pool's spare pieces go to the card, then a step takes what it needs: nothing on a processor."""
    calls: list[str] = []
    monkeypatch.setattr(kernels, "give_back", lambda: calls.append("release"))
    bare(Step, "cpu", calls).settle()
    assert not calls
    bare(Step, "cuda", calls).settle()
    assert calls == ["release", "run"]


def test_a_side_without_memory_of_its_own_has_nothing_to_settle(tmp_path):
    """The question is answered all the same."""
    Job("sums", {"factor": 2}, {"x": np.ones(3)}).write(tmp_path)
    with Peer(Side("student", "tests.measure.student"), tmp_path) as peer:
        peer.settle()
        assert peer.time("again")["seconds"] > 0
