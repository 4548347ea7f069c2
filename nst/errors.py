"""The one kind of error that a user can mend."""


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
