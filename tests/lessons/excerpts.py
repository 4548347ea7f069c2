"""Excerpts: the code that lessons show is the library's, and `--update` makes it so again.

An excerpt is a `python` fence right below a comment that says whose source it is::

    <!-- excerpt: nst.layers.relu:ReLU.backward -->

It holds `inspect.getsource` of that object, dedented; with the word `body` before the end of the comment,
without the docstrings.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from types import ModuleType

from tests.lessons.pages import PAGES

EXCERPT = re.compile(
    r"^(?P<head><!-- excerpt: (?P<module>[\w.]+):(?P<name>[\w.]+)(?P<body> body)? -->\n```python\n)"
    r"(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def module_of(excerpt: re.Match[str]) -> ModuleType:
    """Return the module that an excerpt names."""
    return importlib.import_module(excerpt["module"])


def source(excerpt: re.Match[str]) -> str:
    """Return the code that an excerpt has to show, with a newline at its end."""
    shown = inspect.unwrap(attrgetter(excerpt["name"])(module_of(excerpt)))
    code = textwrap.dedent(inspect.getsource(shown.fget if isinstance(shown, property) else shown))
    return without_docstrings(code) if excerpt["body"] else code


def without_docstrings(code: str) -> str:
    """Return `code` without the docstrings of its classes and functions, nor blank lines in their place."""
    lines = code.splitlines(keepends=True)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            first, last = node.body[0].lineno - 1, node.body[0].end_lineno
            if last < len(lines) and not lines[last].strip():
                last += 1
            lines[first:last] = [""] * (last - first)
    return "".join(lines)


def updated(text: str) -> str:
    """Return a page with the source as it is today in every excerpt."""
    return EXCERPT.sub(lambda excerpt: f"{excerpt['head']}{source(excerpt)}```", text)


def main(argv: Sequence[str], pages: Sequence[Path] = PAGES) -> int:
    """Name the pages whose excerpts differ from the source, and mend them with `--update`."""
    stale = [page for page in pages if updated(page.read_text("utf-8")) != page.read_text("utf-8")]
    for page in stale:
        print(f"{page.name}: {'updated' if '--update' in argv else 'out of date'}")
        if "--update" in argv:
            page.write_text(updated(page.read_text("utf-8")), "utf-8")
    return 1 if stale and "--update" not in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
