"""What display and inline math must keep to, so that code hosts render it.

A host parses Markdown before it looks for math. A `math` fence is safe from that; inline `$…$` is not: a
backslash before punctuation vanishes, an asterisk or an underscore after a brace starts emphasis.
"""

from __future__ import annotations

import re

from tests.lessons.pages import fences, prose

INLINE = re.compile(r"\$([^$\n]+)\$")
_CODE = re.compile(r"`[^`\n]*`")
_INLINE_RULES = {
    r"^\s|\s$": "has a space at an edge",
    r"\\[^A-Za-z]": "has a backslash before punctuation, which Markdown swallows",
    r"[*`]": "has an asterisk or a backtick",
    r"\}_": "has an underscore after a brace, which Markdown takes for emphasis",
    r"<\w": "has what looks like a tag",
    r"\]\(": "has what looks like a link",
}
_PAIRS = ((r"\left", r"\right"), (r"\begin", r"\end"), ("{", "}"))


def faults(text: str) -> list[str]:
    """Return what is wrong with the math of a page, a line each."""
    found = []
    for number, line in enumerate(_CODE.sub("", prose(text)).splitlines(), 1):
        if "$" in INLINE.sub("", line):
            found.append(f"line {number}: a dollar sign without its partner on the line")
        for match in INLINE.finditer(line):
            found += [f"line {number}: ${match[1]}$ {fault}" for fault in _inline(line, match)]
    for fence in fences(text):
        if fence.language == "math":
            found += [f"line {fence.line}: {fault}" for fault in _display(fence.body)]
    return found


def _inline(line: str, match: re.Match[str]) -> list[str]:
    found = [fault for pattern, fault in _INLINE_RULES.items() if re.search(pattern, match[1])]
    neighbours = line[max(0, match.start() - 1) : match.start()] + line[match.end() : match.end() + 1]
    if re.search(r"\w", neighbours):
        found.append("is glued to a word")
    return found + _display(match[1])


def _display(formula: str) -> list[str]:
    found = [
        f"{first} and {last} do not pair"
        for first, last in _PAIRS
        if formula.count(first) - formula.count("\\" + first) * (first == "{")
        != formula.count(last) - formula.count("\\" + last) * (last == "}")
    ]
    if r"\operatorname" in formula:
        found.append(r"\operatorname does not render everywhere: use \mathrm")
    return found + ([] if formula.strip() else ["the formula is empty"])
