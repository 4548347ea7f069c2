"""The one kind of error that a user can mend, and how what comes from outside is shown."""


class NstError(ValueError):
    """Something outside the program is wrong: a file, an argument, a layer name.

    The message is one line that says what is wrong, where, and what to do. Every door prints it without a
    traceback and exits with status 2 (see `nst.cli`). Mistakes of the programmer stay ordinary exceptions.
    """


def nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Return a hint such as ``"; did you mean 'relu4_1'?"``, or an empty string when nothing is close."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def printable(text: object) -> str:
    """Return `text` with a mark for each character that is not printable.

    File names come from outside; one with an escape sequence or a change of writing direction must not
    command the terminal, nor one with half a character break the encoding of the page.
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
