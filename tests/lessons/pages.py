"""The lessons as text: where they are, and what is inside and outside their fences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "lessons"
LESSONS = sorted(FOLDER.glob("[0-9][0-9]-*.md"))
PAGES = [*LESSONS, FOLDER / "README.md"]

_FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<language>\w*)\n(?P<body>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, its text, the line before it and the number of its first line."""

    language: str
    body: str
    before: str
    line: int


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks of a page in order."""
    found = []
    for match in _FENCE.finditer(text):
        above = text[: match.start()]
        before = above.rstrip("\n").rpartition("\n")[2] if not above.endswith("\n\n") else ""
        found.append(Fence(match["language"], match["body"], before, above.count("\n") + 1))
    return found


def prose(text: str) -> str:
    """Return the page without its fenced blocks, line numbers kept."""
    return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)


def anchors(text: str) -> set[str]:
    """Return the names that a code host gives to the headings: lower case, hyphens, no punctuation."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(text)))
    return {heading.strip().replace(" ", "-") for heading in plain}
