"""How much memory there is, how much of it is free, and how much this process has."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from nst.errors import NstError, printable

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)\s*(?:(%)|([kmgt])(i?)b?|b)", re.IGNORECASE)
_CGROUPS = (  # limit and use, of both versions
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def parse_memory(text: str, whole: int | None = None) -> int:
    """Return the bytes that `2GB`, `1.5GiB`, `500MB` or `50%` (of `whole`, or of the machine's memory) stand for.

    Raises
    ------
    NstError
        When it is no such amount, or none at all.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise NstError(f"{printable(text)!r} is no amount of memory: write it like 2GB, 1.5GiB, 500MB or 50%")
    number, percent, prefix, binary = found.groups()
    if percent:
        if not 0 < float(number) <= 100:
            raise NstError(f"{printable(text)} of the memory: expected more than 0% and at most 100%")
        return int(float(number) / 100 * (machine_memory() if whole is None else whole))
    size = float(number) * (_BINARY if binary else _UNITS)[(prefix or "").lower()]
    if size == math.inf:
        raise NstError("so much memory is nowhere: write it like 2GB")
    if size < 1:
        raise NstError(f"{printable(text)} is no memory at all: write it like 2GB")
    return int(size)


def spell_memory(size: float) -> str:
    """Return an amount of at least `size` bytes as `parse_memory` reads it, in two or three digits."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit or name == "MB":
            tenths = 10 if unit == 10**9 else 1
            return f"{-int(-size * tenths // unit) / tenths:g}{name}"
    raise AssertionError


def machine_memory() -> int:
    """Return the bytes of memory that this machine, or the container in which the process runs, has."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [number for limit, _ in _CGROUPS if (number := _number(limit)) is not None]
    return min([total, *limits])


def available_memory() -> int:
    """Return the bytes that this process could still take without driving others, or itself, out of memory."""
    free = _field("/proc/meminfo", "MemAvailable")
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if free is None else free
    for limit, use in _CGROUPS:
        bounds = _number(limit), _number(use)
        if None not in bounds:
            free = min(free, max(0, bounds[0] - bounds[1]))
    return free


def resident() -> int:
    """Return the bytes of memory that this process has now."""
    found = _field("/proc/self/status", "VmRSS")
    if found is not None:
        return found
    import resource  # elsewhere: the most that it ever had, in the system's own unit

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if os.uname().sysname == "Darwin" else peak * 1024


def _field(path: str, name: str) -> int | None:
    """Return a field of one of the kernel's tables, which are in units of 1024 bytes."""
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", Path(path).read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # there is none, or it says "max"
        return None
