"""What the doors say while they do what takes a while."""

from __future__ import annotations

import pytest

from nst.session import door


@pytest.mark.parametrize(
    "device, missing, time",
    [
        ("cpu", None, "10 s"),
        ("auto", "there is no card", "10 s"),
        ("auto", None, "a minute"),
        ("cuda", None, "a minute"),
    ],
)
def test_compiling_is_announced(monkeypatch, device, missing, time):
    """One line, with how long it takes where the picture will be painted."""
    said = []
    monkeypatch.setattr(door, "no_card", lambda: missing)
    door._announce_compiling(said.append, device)
    door._listening[0]()
    assert said == [f"compiling the kernels for this machine, once: about {time}"]
