"""Going on with a sequence of dreams: its record says what it was made of and how far it has come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nst.errors import NstError
from nst.images import load
from nst.report import Trace
from nst.report.trace import plain

EXACT = (".png", ".tif", ".tiff")
"""Formats whose files hold all that the next frame begins with."""
LARGEST = 1 << 28  # bytes of a record: some 20,000 frames of 40 steps
FREE = {"frames", "done"}  # settings that may be others than at the beginning


def resumed(record: Path, about: Mapping[str, Any], hashes: Mapping[str, str]) -> tuple[int, Trace]:
    """Return how many frames are done, and the record's trace.

    Parameters
    ----------
    record
        The .json beside the frames, which is written anew after each.
    about, hashes
        Settings and files of the run that is to go on: those of the record, but for the number of frames.

    Raises
    ------
    NstError
        When there is no record, or one of something else.
    """
    try:
        if record.stat().st_size > LARGEST:
            raise ValueError("too large")
        found = json.loads(record.read_bytes())
        settings, files, trace = found["settings"], found["hashes"], Trace.from_plain(found["trace"])
        done = settings["done"]
        if type(done) is not int or done < 1:
            raise ValueError("no frames")
    except OSError as error:
        raise NstError(f"no sequence to go on with: {record} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError, NstError) as error:
        raise NstError(f"{record} is no record of a sequence: start anew, without --resume") from error
    for known, wanted in ((files, plain(hashes)), (settings, plain(about))):
        known = known if isinstance(known, dict) else {}
        for name in sorted({*wanted, *known} - FREE):
            if name not in known or name not in wanted or known[name] != wanted[name]:
                raise NstError(
                    f"{record} is of another sequence (its {name} differs): give what it was begun with, or leave "
                    "out --resume"
                )
    return done, trace


def last_frame(target: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the frame (H, W, 3) to go on from.

    Raises
    ------
    NstError
        When it is gone, or of another size.
    """
    frame = load(target, managed=False).pixels
    if frame.shape[:2] != size:
        raise NstError(f"{target} is not the frame that was written there: its size is another")
    return frame
