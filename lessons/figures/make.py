"""Draw the lessons' figures: `python lessons/figures/make.py [NAME ...]`, all of them by default.

Every figure comes from the library itself. The functions that draw them stand in the other files of this
folder, one for each lesson; a new file is found by being here.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from lessons.figures.drawing import FIGURES, Drawn  # noqa: E402  (found through the line above)

for module in sorted(HERE.glob("*.py")):
    if module.stem != "make":
        importlib.import_module(f"lessons.figures.{module.stem}")

COLOURS = 128


def encode(drawn: Drawn) -> bytes:
    """Return the bytes of the file: the text of an SVG, or a PNG with a palette, a third the size of one without."""
    if isinstance(drawn, str):
        return drawn.encode("utf-8")
    stream = io.BytesIO()
    drawn.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def main(names: Sequence[str]) -> int:
    """Draw the named figures, or all; status 2 when a name is not known."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(f"no figure {', '.join(unknown)}; there are {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    for name in names or FIGURES:
        data = encode(FIGURES[name].draw())
        (HERE / name).write_bytes(data)
        print(f"{name}: {len(data) / 1024:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
