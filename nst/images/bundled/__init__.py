"""Two pictures of our own to begin with, drawn by `nst.images.bundled.draw`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["landscape_path", "strokes_path"]


def landscape_path() -> Path:
    """Return the path of the bundled landscape, a content picture."""
    return Path(str(files(__name__) / "landscape.jpg"))


def strokes_path() -> Path:
    """Return the path of the bundled sheet of brush strokes, a style picture."""
    return Path(str(files(__name__) / "strokes.jpg"))
