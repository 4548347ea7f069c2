"""What a run did, iteration by iteration, and the JSON file beside the picture that keeps it."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import nst
from nst.errors import NstError
from nst.files import atomic_write

_LIBRARIES = ("numpy", "scipy", "numba", "pillow", "h5py")


@dataclasses.dataclass(frozen=True)
class Row:
    """One iteration.

    Attributes
    ----------
    iteration
        Its number; 0 may stand for the start image.
    loss, parts
        The optimised objective, and what each term adds to it (label -> weighted value).
    seconds
        Wall-clock time that this iteration took.
    evaluations
        Values and gradients of the objective computed in it.
    gradient_norm
        Euclidean norm of the image gradient.
    shares
        Where they were measured: label -> norm of the term's own gradient / sum of these norms.
    size
        Longest side of the picture in pixels, in a run of several sizes.
    """

    iteration: int
    loss: float
    parts: dict[str, float]
    seconds: float
    evaluations: int
    gradient_norm: float
    shares: dict[str, float] | None = None
    size: int | None = None


class Trace:
    """The rows of a run, in order."""

    def __init__(self, rows: list[Row] | None = None) -> None:
        self.rows = list(rows or [])

    def add(
        self,
        iteration: int,
        loss: float,
        parts: Mapping[str, float],
        *,
        seconds: float,
        evaluations: int = 1,
        gradient_norm: float = math.nan,
        shares: Mapping[str, float] | None = None,
        size: int | None = None,
    ) -> None:
        """Append a `Row`; NumPy scalars become plain numbers."""
        self.rows.append(
            Row(
                int(iteration),
                float(loss),
                _floats(parts),
                float(seconds),
                int(evaluations),
                float(gradient_norm),
                None if shares is None else _floats(shares),
                size,
            )
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trace) and self.rows == other.rows

    @property
    def labels(self) -> list[str]:
        """The labels of all terms, in the order of their first appearance."""
        return list(dict.fromkeys(label for row in self.rows for label in row.parts))

    @property
    def seconds(self) -> float:
        """The time of all iterations together."""
        return sum(row.seconds for row in self.rows if math.isfinite(row.seconds))

    @property
    def sizes(self) -> dict[int, int]:
        """The iterations at which another size begins, the first among them -> the size; empty for a single size."""
        starts: dict[int, int] = {}
        for row in self.rows:
            if row.size is not None and row.size not in starts.values():
                starts[row.iteration] = row.size
        return starts

    def to_plain(self) -> dict[str, Any]:
        """Return ``{"rows": [{...}, ...]}`` that JSON can carry; what is not finite becomes a word."""
        return {"rows": [plain(row) for row in self.rows]}

    @classmethod
    def from_plain(cls, document: object) -> Trace:
        """Return the trace that `to_plain` gave, read from outside.

        Raises
        ------
        NstError
            Where a row lacks a field, has one too many, or holds something other than numbers.
        """
        rows = document.get("rows") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise NstError("the trace has no list of rows; it was not written by nst")
        return cls([_row(row, position) for position, row in enumerate(rows)])


def plain(value: Any) -> Any:
    """Return `value` in the types of JSON.

    JSON has no word for what is not finite, so such a number becomes the string ``"NaN"``, ``"Infinity"`` or
    ``"-Infinity"``, all of which `float` reads. Tuples and arrays become lists, paths become strings, and a
    dataclass becomes the dictionary of its fields without those that are `None`.

    Raises
    ------
    TypeError
        For anything else.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: plain(item) for name, item in fields.items() if item is not None}
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def versions() -> dict[str, str]:
    """Return what the numbers of a run depend on: nst, Python, the libraries, the system, the usable CPUs."""
    from importlib import metadata  # which reads mail headers: a start need not wait for it

    found = {"nst": nst.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {**found, "system": f"{platform.system()} {platform.machine()}", "cpus": str(usable)}


def write_json(
    path: str | os.PathLike,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
    hashes: Mapping[str, str],
    trace: Trace,
    *,
    stopped: str | None = None,
) -> None:
    """Write the record of a run beside its picture: atomically, strict JSON, one line for each iteration.

    Parameters
    ----------
    settings, versions, hashes
        All that is needed to do it again: the arguments, `versions()`, and label -> SHA-256 of each file.
    trace
        The iterations.
    stopped
        Why the run ended.

    Raises
    ------
    NstError
        When the file cannot be written.
    """
    head = {"settings": settings, "versions": versions, "hashes": hashes, "stopped": stopped}
    text = json.dumps(plain(head), indent=2, allow_nan=False)
    rows = ",\n".join("    " + json.dumps(row, allow_nan=False) for row in trace.to_plain()["rows"])
    body = f'{text[:-2]},\n  "trace": {{"rows": [\n{rows}\n  ]}}\n}}\n'
    with atomic_write(path) as stream:
        stream.write(body.encode("ascii"))


def _floats(values: Mapping[str, float]) -> dict[str, float]:
    return {str(label): float(value) for label, value in values.items()}


def _row(source: object, position: int) -> Row:
    """Return one row of a plain trace, checked field by field."""
    fields = {field.name for field in dataclasses.fields(Row)}
    if not isinstance(source, dict) or not fields - {"shares", "size"} <= set(source) <= fields:
        raise NstError(f"row {position} of the trace does not have the fields {', '.join(sorted(fields))}")
    try:
        whole = [source[name] for name in ("iteration", "evaluations", "size") if name in source]
        if not all(type(value) is int and value >= 0 for value in whole):
            raise TypeError("not a count")
        return Row(
            source["iteration"],
            _real(source["loss"]),
            _reals(source["parts"]),
            _real(source["seconds"]),
            source["evaluations"],
            _real(source["gradient_norm"]),
            _reals(source["shares"]) if "shares" in source else None,
            source.get("size"),
        )
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NstError(f"row {position} of the trace holds something other than numbers") from error


def _reals(values: Mapping[str, object]) -> dict[str, float]:
    return {label: _real(value) for label, value in values.items()}


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("not a number")
    if isinstance(value, str) and value not in ("NaN", "Infinity", "-Infinity"):
        raise ValueError("not a number")
    return float(value)
