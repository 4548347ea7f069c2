"""Amounts of memory: read, written, and measured."""

from __future__ import annotations

import numpy as np
import pytest

from nst.engine import available_memory, machine_memory, parse_memory, resident, spell_memory
from nst.errors import NstError


@pytest.mark.parametrize(
    "text, size",
    [
        ("2GB", 2 * 10**9),
        ("2 gb", 2 * 10**9),
        ("2G", 2 * 10**9),
        ("1.5GiB", 3 << 29),
        ("500MB", 5 * 10**8),
        ("64KiB", 1 << 16),
        ("1234b", 1234),
        (".5TB", 5 * 10**11),
    ],
)
def test_amounts_are_read(text, size):
    """Decimal and binary units, with or without the B, in either case."""
    assert parse_memory(text) == size


def test_a_share_is_of_the_machine():
    """Percentages are of what the process may have at most."""
    assert parse_memory("100%") == machine_memory()
    assert parse_memory("50 %") == machine_memory() // 2


@pytest.mark.parametrize(
    "text",
    ["", "2", "GB", "-1GB", "1e9B", "nan%", "2GBs", "two", "0%", "101%", "0GB", "2,5GB", "9" * 400 + "GB"],
)
def test_other_words_are_refused(text):
    """With the way to write it; a number without a unit could mean anything."""
    with pytest.raises(NstError, match=r"GB|0%"):
        parse_memory(text)


@pytest.mark.parametrize(
    "size", [1, 999_999, 10**6, 123_456_789, 999_999_999, 10**9, 2 << 30, 294_665_432_101]
)
def test_what_is_written_is_enough_when_read(size):
    """The amount that a message names is never less than what is needed, and not much more."""
    assert size <= parse_memory(spell_memory(size)) < size + max(10**6, 0.11 * size)


def test_the_process_has_what_it_took():
    """Memory that has been written to is resident; what is available is not more than there is."""
    before = resident()
    array = np.ones(1 << 24)
    assert resident() - before > 0.9 * array.nbytes
    assert 0 < available_memory() <= machine_memory()


def test_a_container_has_its_limit(monkeypatch, tmp_path):
    """Where a control group limits the process, that is the machine; without a limit the group says `max`."""
    limit, use = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("3000000\n"), use.write_text("1000000\n")
    monkeypatch.setattr("nst.engine.machine._CGROUPS", ((str(limit), str(use)),))
    assert machine_memory() == 3_000_000 and available_memory() == 2_000_000
    limit.write_text("max\n")
    assert machine_memory() > 3_000_000
