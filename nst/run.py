"""`python -m nst.run CONTENT STYLE ...`: paint a photograph in the style of a painting."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from nst.cli import run_door
from nst.session import arguments
from nst.session.door import go
from nst.session.plan import make_plan


def main(argv: Sequence[str]) -> int:
    """Paint, or check, or only say what would be done; see `python -m nst.run --help`."""
    return go("nst.run", argv, arguments, make_plan, _check)


def _check(options: argparse.Namespace) -> int | None:
    if not options.check_gradients:
        return None
    from nst.session.check import check, shrink  # which no run needs

    return check(make_plan(shrink(options)))


if __name__ == "__main__":
    raise SystemExit(run_door(main))
