"""What every door shares: exit statuses, one-line errors, --debug, --version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nst
from nst.cli import Parser, run_door
from nst.errors import NstError, nearest


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize("returned, status", [(None, 0), (0, 0), (1, 1), (130, 130)])
def test_a_door_exits_with_what_main_returns(returned, status):
    """None stands for 0; everything else is the exit status."""
    assert run_door(lambda argv: returned, []) == status


def test_the_arguments_arrive(monkeypatch):
    """Those given, or those of the process."""
    seen = []
    run_door(seen.append, ["a", "b"])
    monkeypatch.setattr(sys, "argv", ["door", "c"])
    run_door(seen.append)
    assert seen == [["a", "b"], ["c"]]


def test_an_error_of_the_user_is_one_line(capsys):
    """Line breaks within the message are gone, nothing goes to stdout, and the status is 2."""
    assert run_door(raising(NstError("file x\n  is no  picture")), []) == 2
    assert capsys.readouterr() == ("", "nst: file x is no picture\n")


def test_a_hostile_name_commands_no_terminal(capsys):
    """What does not print, such as an escape sequence in the name of a file, is replaced."""
    assert run_door(raising(NstError("picture \x1b[31m\udcff.png")), []) == 2
    assert capsys.readouterr().err == "nst: picture \ufffd[31m\ufffd.png\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_one_line():
    """Also when the words fit into the buffer, and are written at the very end."""
    code = "import sys\nfrom nst.cli import run_door\nsys.exit(run_door(lambda argv: print('x')))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "nst: [Errno 28] No space left on device\n")


def test_debug_shows_where_an_error_came_from():
    """With --debug the exception comes through with its traceback."""
    with pytest.raises(NstError):
        run_door(raising(NstError("x")), ["--debug"])
    with pytest.raises(MemoryError):
        run_door(raising(MemoryError()), ["--debug"])


def test_a_mistake_of_the_programmer_is_not_hidden():
    """Anything but an error of the user keeps its traceback."""
    with pytest.raises(ZeroDivisionError):
        run_door(raising(ZeroDivisionError()), [])


def test_interruption_is_130(capsys):
    """Ctrl-C before the work has begun: one line, and the status that shells expect."""
    assert run_door(raising(KeyboardInterrupt()), []) == 130
    assert capsys.readouterr().err == "nst: interrupted\n"


def test_too_little_memory_is_one_line_with_advice(capsys):
    """The message says what to do: use a smaller size."""
    assert run_door(raising(MemoryError("Unable to allocate 9 GiB")), []) == 2
    assert capsys.readouterr().err == (
        "nst: not enough memory (Unable to allocate 9 GiB); try a smaller --size\n"
    )


def test_a_reader_that_goes_away_is_no_error():
    """`door | head` ends in silence with status 0."""
    code = (
        "import sys\nfrom nst.cli import run_door\n"
        "def main(argv):\n    for _ in range(100_000): print('x' * 100)\n"
        "sys.exit(run_door(main))"
    )
    door = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    door.stdout.readline()
    door.stdout.close()
    err = door.stderr.read()
    door.stderr.close()
    assert (door.wait(60), err) == (0, b"")


def test_a_wrong_argument_is_an_error_of_the_user(capsys):
    """It says what is wrong and where help is, in one line instead of the whole usage."""

    def main(argv):
        Parser(prog="python -m nst.door").parse_args(argv)

    assert run_door(main, ["--wrong"]) == 2
    assert capsys.readouterr().err == "nst: unrecognized arguments: --wrong (see python -m nst.door --help)\n"


def test_arguments_are_not_abbreviated():
    """A prefix of a flag is no flag: a later flag would change what it means."""
    parser = Parser()
    parser.add_argument("--iterations")
    with pytest.raises(NstError, match="unrecognized arguments: --iter=5"):
        parser.parse_args(["--iter=5"])


def test_version(capsys):
    """--version prints name and version, and ends with 0."""
    with pytest.raises(SystemExit) as end:
        Parser().parse_args(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"nst {nst.__version__}\n"


def test_help_shows_defaults():
    """The default of an argument stands behind its help, unless it is nothing, or the help tells it already."""
    parser = Parser()
    parser.add_argument("--size", default=512, help="longest side")
    parser.add_argument("--weights", help="the file (default: ours)")
    parser.add_argument("--url", default="", help="the address")
    parser.add_argument("--quiet", action="store_true", help="errors only")
    shown = parser.format_help()
    assert "longest side (default: 512)" in shown
    assert shown.count("(default") == 2


@pytest.mark.parametrize(
    "name, hint",
    [("relu41", "; did you mean 'relu4_1'?"), ("relu4_2", "; did you mean 'relu4_1'?"), ("zzz", "")],
)
def test_the_nearest_name(name, hint):
    """Something close is suggested, nothing where nothing is close."""
    assert nearest(name, ["relu4_1", "pool5"]) == hint


@pytest.mark.parametrize("door", ["run", "dream", "look", "weights", "gradcheck", "bench"])
def test_every_door_shows_its_help(door):
    """`python -m nst.DOOR --help` ends with 0, names itself, and writes nothing to stderr."""
    done = subprocess.run(
        [sys.executable, "-m", f"nst.{door}", "--help"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"nst.{door} [" in done.stdout.splitlines()[0]


def test_ctrl_c_while_a_door_is_loaded_is_one_line(tmp_path):
    """No traceback through a dozen imports, but the status that shells expect."""
    (tmp_path / "sitecustomize.py").write_text(
        """import sys
class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "nst.engine":
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
"""
    )
    house = Path(nst.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "nst.run", "--help"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{house}"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "nst: interrupted\n")
    assert done.returncode in (130, -signal.SIGINT)


def test_help_needs_no_compiler():
    """Help, and every mistake in the arguments, come before the libraries that are slow to load."""
    code = (
        "import sys, nst.run\ntry: nst.run.main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(' '.join({'numba', 'scipy', 'tkinter', 'email', 'nst.checks'} & set(sys.modules)) or None)"
    )
    house = str(Path(nst.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": house}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
