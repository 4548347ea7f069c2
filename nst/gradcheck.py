"""Check every backward pass against numerical differentiation: `python -m nst.gradcheck`."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

import nst
from nst.checks import (
    LAYER_LIMIT,
    OBJECTIVE_LIMIT,
    LayerReport,
    ObjectiveReport,
    check_function,
    check_layer,
    check_objective,
    check_terms,
)
from nst.checks.cases import CASES
from nst.checks.loss_cases import LOSS_CASES
from nst.checks.mistakes import MUTATIONS
from nst.checks.whole_cases import WHOLE_CASES
from nst.cli import Parser, run_door
from nst.errors import NstError, nearest
from nst.files import atomic_write

__all__ = [
    "LAYER_LIMIT",
    "OBJECTIVE_LIMIT",
    "LayerReport",
    "ObjectiveReport",
    "check_function",
    "check_layer",
    "check_objective",
    "check_terms",
    "main",
]


@dataclass
class Row:
    """One line of the table: the worst errors over all cases of a layer, a loss, or a whole objective."""

    name: str
    limit: float
    cases: int = 0
    dx: float = 0.0
    parameters: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    slope: float | None = None
    directions: str = ""
    passed: bool = True

    def add(self, report: LayerReport) -> None:
        """Take in the report of one more case."""
        self.cases += 1
        self.dx = max(self.dx, report.dx)
        for name, error in report.parameters.items():
            self.parameters[name] = max(self.parameters.get(name, 0.0), error)
        self.faults += report.faults
        self.passed &= report.passed(self.limit)

    def record(self) -> dict[str, Any]:
        """Return what a JSON file can hold of it; an infinite error, which it cannot, becomes None."""
        held = asdict(self)
        finite = {name: _finite(error) for name, error in self.parameters.items()}
        return {**held, "dx": _finite(self.dx), "parameters": finite}

    def __str__(self) -> str:
        errors = [f"{name} {error:.1e}" for name, error in self.parameters.items()]
        errors += [] if self.slope is None else [f"slope {self.slope:.2f}", self.directions]
        verdict = "ok" if self.passed else "FAILED " + "; ".join(self.faults)
        return f"{self.name:<32}{self.cases:>5}  {self.dx:<9.1e}{', '.join(errors):<32}{verdict}".rstrip()


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


HEADER = f"{'layer':<32}{'cases':>5}  {'dx':<9}{'parameters':<32}verdict"


def row(name: str, seed: int = 0) -> Row:
    """Check all cases of one layer, one loss or one whole objective by its name in the table."""
    found = Row(name, LAYER_LIMIT)
    for case in CASES + LOSS_CASES:
        if case.layer == name:
            found.add(case.report(*case.build(seed), seed))
    return found if found.cases else _whole_row(name, seed)


def _whole_row(name: str, seed: int) -> Row:
    report = next(case for case in WHOLE_CASES if case.name == name).report(seed)
    return Row(
        name,
        OBJECTIVE_LIMIT,
        cases=1,
        dx=report.error,
        slope=report.slope,
        directions=f"{report.used} of {report.tried} directions",
        passed=report.passed(),
    )


def known_names() -> list[str]:
    """Return the names of all that can be checked, in the order of the tables."""
    names = [case.layer for case in CASES + LOSS_CASES] + [case.name for case in WHOLE_CASES]
    return list(dict.fromkeys(names))


def select(pattern: str) -> list[str]:
    """Return the names that match a shell pattern, whatever the case of the letters.

    Raises
    ------
    NstError
        When there are none.
    """
    known = known_names()
    chosen = [name for name in known if fnmatch(name.lower(), pattern.lower())]
    if not chosen:
        raise NstError(f"no layer matches {pattern!r}{nearest(pattern, known)}; there are {', '.join(known)}")
    return chosen


def survivors(names: Sequence[str], seed: int = 0) -> tuple[list[str], int]:
    """Return the deliberate mistakes in `names` that the checker does not notice, and how many there are."""
    mutations = [mutation for mutation in MUTATIONS if mutation.subject in names]
    return [str(mutation) for mutation in mutations if not mutation.caught(seed)], len(mutations)


def _parser() -> Parser:
    parser = Parser(prog="python -m nst.gradcheck", description=__doc__.split(":")[0] + ".")
    parser.add_argument(
        "--layer", metavar="GLOB", default="*", help="check only what matches, such as 'LRN*'"
    )
    parser.add_argument("--seed", type=int, default=0, help="of inputs, cotangents and directions")
    parser.add_argument(
        "--mutations", action="store_true", help="check the checker: make mistakes on purpose"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", default=None, help="write the result there too")
    return parser


def main(argv: Sequence[str]) -> int:
    """Print the table and return 0 when all is right, 1 when a derivative is wrong or a mistake is missed."""
    options = _parser().parse_args(argv)
    if options.seed < 0:
        raise NstError(f"--seed {options.seed}: give a number that is not negative")
    names = select(options.layer)
    rows = _print_table(names, options.seed)
    failed = not all(found.passed for found in rows)
    record = {
        "nst": nst.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "seed": options.seed,
        "rows": [found.record() for found in rows],
    }
    if options.mutations:
        missed, count = survivors(names, options.seed)
        print(f"{count - len(missed)} of {count} deliberate mistakes caught")
        print("".join(f"MISSED {mistake}\n" for mistake in missed), end="")
        record["mutations"] = {"count": count, "missed": missed}
        failed |= bool(missed)
    if options.json:
        with atomic_write(options.json) as file:
            file.write(json.dumps(record, indent=1).encode())
    return int(failed)


def _print_table(names: Sequence[str], seed: int) -> list[Row]:
    started = time.perf_counter()
    print(HEADER)
    rows = []
    for name in names:
        rows.append(row(name, seed))
        print(rows[-1], flush=True)
    right = sum(found.passed for found in rows)
    print(
        f"{right} of {len(rows)} right in {time.perf_counter() - started:.1f} s: errors below {LAYER_LIMIT:g},"
    )
    print(f"of whole objectives below {OBJECTIVE_LIMIT:g} and falling as the square of the step")
    return rows


if __name__ == "__main__":
    sys.exit(run_door(main))
