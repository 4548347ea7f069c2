"""A strict reader of the page: every tag that opens must close, in order."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "img", "link", "input", "br", "hr"}
_SELF_CLOSING = {"path", "line", "rect"}  # of SVG


class Markup(HTMLParser):
    """Collects the elements (tag, attributes) and the text of a page; fails where the tags do not balance."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _SELF_CLOSING, f"<{tag}/> does not close itself in HTML"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text.setdefault(self._open[-1] if self._open else "", []).append(data)

    def named(self, tag: str, kind: str | None = None) -> list[dict[str, str]]:
        """Return the attributes of all elements of this tag, and of this class when one is given."""
        return [
            found for name, found in self.elements if name == tag and (not kind or found.get("class") == kind)
        ]
