"""What is checked of the kernels for a card where there is none: their results, in a simulator, and their assembly."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numba import cuda

from nst import kernels
from nst.cli import run_door
from nst.kernels import cuda_device
from nst.kernels.cuda_device import KERNELS, Kernel
from nst.run import main
from tests.cuda.assembly import CARDS, assembly

FOLDER = Path(__file__).parent / "cuda"
FILES = sorted(path.name for path in FOLDER.glob("test_*.py"))
MODULES = sorted(path.stem for path in Path(kernels.__file__).parent.glob("cuda*.py"))
NO_CARD = kernels.no_card()


def registered() -> list[str]:
    """Return the names of all kernels that stand at the top of a module."""
    for module in MODULES:
        importlib.import_module(f"nst.kernels.{module}")
    return sorted(KERNELS)


@pytest.mark.skipif(NO_CARD is None, reason="there is a card, on which these tests run by themselves")
@pytest.mark.parametrize("name", FILES)
def test_in_the_simulator(name):
    """Each file of `tests/cuda` passes in numba's simulator."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FOLDER / name)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("name", registered())
def test_the_assembly_has_no_float64(name, card):
    """Every kernel compiles for a card of each kind, and nothing in it is float64, which most cards are slow at."""
    text = assembly(KERNELS[name], card)
    assert f"sm_{card[0]}{card[1]}" in text
    assert not re.findall(r".*\.f64.*", text)


def test_a_literal_would_be_float64():
    """The check above notices what it looks for: a sum that begins with a plain 0.0 is float64."""

    def total(x, y, count):
        found = 0.0
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            found += x[i]
            y[i] = found

    assert ".f64" in assembly(Kernel(total, "void(f4[::1], f4[::1], i8)"), (8, 0))


@pytest.mark.skipif(NO_CARD is None, reason="there is a card")
def test_a_card_that_is_missing_is_one_line(tmp_path, monkeypatch, capsys):
    """Asked for a card where there is none, a door says so in a line, with exit status 2, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    assert run_door(main, ["--device", "cuda", "--size", "16"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--device cuda" in line and "--device cpu" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(NO_CARD is None, reason="there is a card")
def test_auto_says_why_it_takes_the_processor(tmp_path, monkeypatch, capsys):
    """`--device auto` without a card paints on the processor, and says in a line that there is none."""
    monkeypatch.chdir(tmp_path)
    assert run_door(main, ["--device", "auto", "--size", "64", "--dry-run", "--network", "random"]) == 0
    assert f"device: cpu, since {NO_CARD}" in capsys.readouterr().out


def test_tensor_cores_without_a_card_are_refused(capsys):
    """`--precision` is of cards: on the processor it is refused and not ignored."""
    assert run_door(main, ["--precision", "tf32"]) == 2
    assert "--device cuda" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error, says",
    [
        ("CUDA driver library cannot be found.", "there is no NVIDIA driver"),
        ("Error 35:\n driver too old", "finds no card (Error 35: driver too old)"),
        (None, "pip install"),
    ],
)
def test_why_no_kernel_can_run_is_told(monkeypatch, error, says):
    """Without a driver, with one that does not begin, and with a card but no compiler: each in a few words."""
    monkeypatch.setattr(cuda_device, "SIMULATED", False)
    monkeypatch.setattr(cuda_device.cuda, "is_available", lambda: False)
    monkeypatch.setattr(cuda_device.cuda, "cuda_error", lambda: error)
    assert says in cuda_device.unavailable()


def test_a_compiler_that_does_not_suit_is_told(monkeypatch):
    """A card that can be reached and runs nothing is no card: the reason is told."""

    def fails() -> None:
        raise RuntimeError("PTX of a version that the driver does not know")

    monkeypatch.setattr(cuda_device, "SIMULATED", False)
    monkeypatch.setattr(cuda_device.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda_device.cuda, "current_context", lambda: None)
    monkeypatch.setattr(cuda_device, "_nothing", {(1, 1): fails})
    assert cuda_device.unavailable() == (
        "the card cannot be used (PTX of a version that the driver does not know)"
    )
