"""Draw the bundled pictures again: `python -m nst.images.bundled.draw [FOLDER]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nst.files import atomic_write
from nst.images.bundled.landscape import landscape
from nst.images.bundled.strokes import strokes

PICTURES = {"landscape.jpg": landscape, "strokes.jpg": strokes}
QUALITY = 90  # keeps each below 300 KB


def draw(folder: Path) -> None:
    """Write each bundled picture into `folder`."""
    for name, picture in PICTURES.items():
        with atomic_write(folder / name) as stream:
            picture().save(stream, "JPEG", quality=QUALITY, subsampling=0, optimize=True)


def main() -> None:
    """Draw into the folder that is named, or into this package."""
    parser = argparse.ArgumentParser(prog="python -m nst.images.bundled.draw", description=draw.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    draw(parser.parse_args().folder)


if __name__ == "__main__":
    main()
