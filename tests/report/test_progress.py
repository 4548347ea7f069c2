"""The progress line on a terminal, in a log, and in trouble."""

from __future__ import annotations

import io
import re

import pytest

from nst.report import Progress

PARTS = {"content relu4_1": 3.0, "style relu1_1": 1.0, "style relu2_1": 0.5, "tv": 0.25, "range": 0.125}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """Return the lines as a terminal shows them: each `\\r` writes over what stands there."""
        shown = []
        for line in re.sub(r"\x1b\[\d+m", "", self.getvalue()).split("\n"):
            cells: list[str] = []
            for piece in line.split("\r"):
                cells[: len(piece)] = piece
            shown.append("".join(cells).rstrip())
        return shown


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)


def run(stream, total=10, seconds=2.0, **options):
    """Run `total` iterations of `seconds` each and return the progress, still open."""
    clock = Clock()
    progress = Progress(total, stream=stream, clock=clock, **options)
    for iteration in range(options.get("start", 0) + 1, total + 1):
        clock.now += seconds
        progress.update(iteration, 100.0 / iteration, PARTS)
    return progress


def test_terminal_shows_one_line_that_is_rewritten():
    """Ten iterations leave one line: iteration, loss, time left, pace, and the parts summed by family."""
    terminal = Terminal()
    run(terminal).close()
    assert terminal.screen() == [
        "10/10  loss 10  0:00 left  2 s/it  content 3  style 1.5  tv 0.25  range 0.125",
        "",
    ]
    assert terminal.getvalue().count("\n") == 1 and terminal.getvalue().count("\r") == 10


def test_a_shorter_line_leaves_nothing_of_a_longer_one():
    """What the longer line wrote further right is wiped out."""
    terminal = Terminal()
    progress = Progress(9, stream=terminal, clock=Clock())
    progress.update(1, 123456.0, {"a long label": 1.0})
    progress.update(2, 1.0)
    progress.close()
    assert terminal.screen()[0] == "2/9  loss 1  0:00 left  0 s/it"


@pytest.mark.parametrize("columns", [12, 40])
def test_line_is_cut_to_the_terminal(monkeypatch, columns):
    """No line ever reaches the last column, where a terminal would wrap; the iteration stays."""
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    run(terminal).close()
    visible = re.sub(r"\x1b\[\d+m", "", terminal.getvalue())
    assert max(len(piece) for piece in re.split(r"[\r\n]", visible)) == columns - 1
    assert terminal.screen()[0].startswith("10/10  loss")


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("", True), ("1", False)])
def test_no_color(monkeypatch, no_color, coloured):
    """NO_COLOR, when not empty, takes all colour away."""
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    terminal = Terminal()
    run(terminal).close()
    assert ("\x1b[" in terminal.getvalue()) is coloured


def test_log_gets_plain_lines_now_and_then():
    """Elsewhere than on a terminal: the first, every fourth and the last iteration, each a line."""
    log = io.StringIO()
    run(log, every=4).close()
    lines = log.getvalue().splitlines()
    assert [line.split("/")[0] for line in lines] == ["1", "4", "8", "10"]
    assert lines[1] == "4/10  loss 25  0:12 left  2 s/it  content 3  style 1.5  tv 0.25  range 0.125"
    assert all(line.isprintable() for line in lines)


def test_log_has_about_twenty_lines_by_default():
    """A long run does not fill the log."""
    log = io.StringIO()
    run(log, total=1000).close()
    assert len(log.getvalue().splitlines()) == 21


def test_log_does_not_lose_the_last_iteration_of_a_run_that_ends_early():
    """Closing after iteration 3 of 100 writes iteration 3, once."""
    log = io.StringIO()
    with Progress(100, stream=log, every=50, clock=Clock()) as progress:
        for iteration in (1, 2, 3):
            progress.update(iteration, 1.0)
    progress.close()
    assert [line.split("/")[0] for line in log.getvalue().splitlines()] == ["1", "3"]


def test_a_dumb_terminal_is_a_log(monkeypatch):
    """A terminal that cannot rewrite its line gets plain lines."""
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    run(terminal, every=5).close()
    assert "\r" not in terminal.getvalue() and "\x1b" not in terminal.getvalue()


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_quiet_writes_nothing(stream):
    """Neither lines nor notes."""
    progress = run(stream, quiet=True)
    progress.note("saved")
    progress.close()
    assert stream.getvalue() == ""


def test_note_stands_above_the_live_line():
    """The note gets its own line, without a rest of the live one, which goes on below."""
    terminal = Terminal()
    progress = run(terminal, total=3)
    progress.note("saved out.png")
    progress.close()
    note, live, end = terminal.screen()
    assert note == "saved out.png" and live.startswith("3/3  loss") and end == ""


def test_note_cannot_command_the_terminal():
    """An escape sequence in a file name is shown, not obeyed."""
    terminal = Terminal()
    Progress(1, stream=terminal).note("saved \x1b[2Jx.png")
    assert "\x1b" not in terminal.getvalue()


def test_live_line_ends_when_an_error_passes():
    """A traceback or a message after the block begins on a line of its own."""
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress(5, stream=terminal) as progress:
        progress.update(1, 1.0)
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith("\n")


def test_pace_is_a_median():
    """One slow iteration does not spoil the estimate; skipped iterations share their time."""
    clock = Clock()
    progress = Progress(100, stream=io.StringIO(), clock=clock)
    assert progress.seconds_per_iteration is None
    for iteration, seconds in [(1, 60.0), (2, 1.0), (3, 1.0), (13, 10.0), (14, 1.5)]:
        clock.now += seconds
        progress.update(iteration, 1.0)
    assert progress.seconds_per_iteration == 1.0


def test_resumed_run_counts_only_its_own_iterations():
    """Iterations done before the start take no part in the pace."""
    log = io.StringIO()
    run(log, start=8, total=10, every=1).close()
    assert log.getvalue().startswith("9/10") and "0:02 left  2 s/it" in log.getvalue()


def test_loss_that_is_not_finite():
    """The line says so and goes on."""
    log = io.StringIO()
    with Progress(1, stream=log, clock=Clock()) as progress:
        progress.update(1, float("nan"), {"tv": float("inf")})
    assert "loss nan" in log.getvalue() and "tv inf" in log.getvalue()


class Broken(Terminal):
    """A terminal that went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [Broken(), _closed()])
def test_a_broken_stream_does_not_stop_the_run(stream):
    """The picture is worth more than the line about it."""
    progress = run(stream)
    progress.note("saved")
    progress.close()
    assert progress.quiet


def test_no_standard_error_at_all(monkeypatch):
    """A program without a console, where sys.stderr is None, runs too."""
    monkeypatch.setattr("sys.stderr", None)
    progress = run(None)
    progress.close()
    assert progress.quiet
