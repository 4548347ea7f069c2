"""`python -m nst.texture SAMPLE`: a texture of any size from a sample."""

from __future__ import annotations

from collections.abc import Sequence

from nst.cli import run_door
from nst.session import texture_arguments
from nst.session.door import go
from nst.session.texture_plan import make_plan


def main(argv: Sequence[str]) -> int:
    """Make a texture, or only say what would be done; see `python -m nst.texture --help`."""
    return go("nst.texture", argv, texture_arguments, make_plan)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
