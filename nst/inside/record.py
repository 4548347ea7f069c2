"""The record beside a picture: how it was made, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nst.files import atomic_write
from nst.report import versions


def write_record(
    picture: Path, settings: dict[str, Any], hashes: dict[str, str], results: list[dict[str, Any]]
) -> Path:
    """Write `NAME.json` beside the picture `NAME.png`, and return where."""
    target = picture.with_suffix(".json")
    record = {"versions": versions(), "settings": settings, "hashes": hashes, "results": results}
    with atomic_write(target) as file:
        file.write(json.dumps(record, indent=1).encode())
    return target
