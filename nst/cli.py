"""What every door shares: one-line errors, exit statuses, `--debug` and `--version`.

Exit status 0 when the work is done, 1 when a check fails, 2 when the user's input is at fault, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType

import nst
from nst.errors import NstError, printable


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell of a Ctrl-C that came while a door was still being loaded in one line; leave all else to Python."""
    if issubclass(kind, KeyboardInterrupt):
        print("nst: interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


_main = getattr(sys.modules["__main__"], "__spec__", None)
if _main is not None and _main.name.startswith("nst."):  # who imports us from Python keeps what was there
    sys.excepthook = _excepthook
    gc.set_threshold(20_000)  # loading makes a million objects, none of them garbage: look for it less often


class _Formatter(argparse.HelpFormatter):
    """Tell the default of an argument where there is one to tell and its help does not tell it already."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        nothing = action.default is False or action.default in (None, "", argparse.SUPPRESS)
        told = nothing or "default:" in (action.help or "")
        return action.help if told else f"{action.help} (default: %(default)s)"


class Parser(argparse.ArgumentParser):
    """An argument parser that shows defaults, and reports a wrong argument as one line."""

    def __init__(self, **options: object) -> None:
        options.setdefault("formatter_class", _Formatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)  # type: ignore[arg-type]
        self.add_argument("--version", action="version", version=f"nst {nst.__version__}")
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise what `run_door` turns into one line, instead of printing the usage and exiting."""
        raise NstError(f"{message} (see {self.prog} --help)")


def run_door(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> int:
    """Run a door's `main(argv)` and turn what it raises into one line on stderr and an exit status.

    Parameters
    ----------
    main
        Takes the arguments and returns an exit status; `None` means 0.
    argv
        The arguments; those of the process when `None`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = main(arguments) or 0
        sys.stdout.flush()  # so that a pipe that broke, or a full disk, is noticed here
        return status
    except NstError as error:
        if "--debug" in arguments:
            raise
        print(f"nst: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nst: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # that no room expected, as when stdout goes to a full disk
        if "--debug" in arguments:
            raise
        print(f"nst: {printable(error)}", file=sys.stderr)
        return 2
    except MemoryError as error:
        if "--debug" in arguments:
            raise
        print(
            f"nst: not enough memory ({error or 'allocation failed'}); try a smaller --size", file=sys.stderr
        )
        return 2
