"""The door `python -m nst.gradcheck`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nst import gradcheck
from nst.checks.cases import CASES, find
from nst.checks.mutations import Mutation, spoil_layer
from nst.cli import run_door


def run(*arguments: str) -> int:
    return run_door(gradcheck.main, list(arguments))


def test_all_is_right(capsys: pytest.CaptureFixture) -> None:
    """Every layer, loss and whole objective is in the table with the verdict ok, and the status is 0."""
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    rows = lines[1 : 1 + len(gradcheck.known_names())]
    assert [row.startswith(name) for row, name in zip(rows, gradcheck.known_names(), strict=True)]
    assert all(row.endswith("ok") for row in rows)
    assert lines[-2].startswith(f"{len(rows)} of {len(rows)} right")


def test_layer_glob(capsys: pytest.CaptureFixture) -> None:
    """`--layer` takes a shell pattern, whatever the case of its letters."""
    assert run("--layer", "lrn*") == 0
    out = capsys.readouterr().out
    assert "LRNAcross" in out
    assert "LRNWithin" in out
    assert "Conv2d" not in out


def test_unknown_layer(capsys: pytest.CaptureFixture) -> None:
    """A pattern that matches nothing is one line with the nearest name, and status 2."""
    assert run("--layer", "MaxPol2d") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean 'MaxPool2d'?" in error


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--seed", "x"], ["--unknown"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    """A wrong argument is one line and status 2."""
    assert run(*arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_wrong_derivative(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    """A layer whose backward pass is wrong, or of the wrong shape, fails by name: status 1."""
    case = find("Softmax", "2 axes")
    layer, x = case.build()

    class Broken(type(case)):
        def build(self, seed: int = 0) -> tuple:
            return spoil_layer(layer, lambda at: at.dx[:2]), x

    monkeypatch.setattr(gradcheck, "CASES", [Broken(case.layer, case.what, case.make)])
    path = tmp_path / "result.json"
    assert run("--layer", "Softmax", "--json", str(path)) == 1
    assert "FAILED dx has shape (2, 6), expected (4, 6)" in capsys.readouterr().out
    [row] = json.loads(path.read_text())["rows"]
    assert row["dx"] is None
    assert not row["passed"]


def test_mutations_are_counted(capsys: pytest.CaptureFixture) -> None:
    """`--mutations` says how many deliberate mistakes were caught."""
    assert run("--layer", "Softmax", "--mutations") == 0
    assert "7 of 7 deliberate mistakes caught" in capsys.readouterr().out


def test_missed_mutation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """A mistake that goes unnoticed is named, and the status is 1."""
    harmless = Mutation(find("Linear", "with bias"), "nothing at all", lambda at: at.dx)
    monkeypatch.setattr(gradcheck, "MUTATIONS", [*gradcheck.MUTATIONS, harmless])
    assert run("--layer", "Linear", "--mutations") == 1
    out = capsys.readouterr().out
    assert "10 of 11 deliberate mistakes caught" in out
    assert "MISSED Linear dx: nothing at all" in out


def test_json(tmp_path: Path) -> None:
    """`--json` writes versions, seed, and a row for each layer with its errors."""
    path = tmp_path / "result.json"
    assert run("--layer", "Conv2d", "--seed", "3", "--mutations", "--json", str(path)) == 0
    record = json.loads(path.read_text())
    [row] = record["rows"]
    assert record["seed"] == 3
    assert record["numpy"] == np.__version__
    assert row["cases"] == sum(case.layer == "Conv2d" for case in CASES)
    assert 0 < row["dx"] < row["limit"] == 1e-7
    assert set(row["parameters"]) == {"weight", "bias"}
    assert record["mutations"]["missed"] == []
    assert record["mutations"]["count"] > 20


def test_unwritable_json(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A folder that does not exist is one line and status 2."""
    assert run("--layer", "Flatten", "--json", str(tmp_path / "missing" / "result.json")) == 2
    assert "missing" in capsys.readouterr().err
