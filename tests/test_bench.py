"""The door `python -m nst.bench`: what it measures, prints and writes, on the smallest networks and pictures."""

from __future__ import annotations

import importlib.util
import json
from types import SimpleNamespace

import pytest

from nst import bench, kernels
from nst.bench import main
from nst.kernels import cuda_device

TINY = ("--size", "32", "--width", "0.1", "--rounds", "1", "--threads", "1", "--json", "found.json")
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def found(tmp_path) -> dict:
    return json.loads((tmp_path / "found.json").read_text())


def test_a_step_alone(door, tmp_path):
    """The table names size, time and memory; the record has each round, its phases, and the machine."""
    ended = door(main, "step", *TINY)
    assert (ended.status, ended.err) == (0, "")
    assert "32x32" in ended.out and "first step" in ended.out
    record = found(tmp_path)
    step = record["rows"][0]["step"]
    assert len(step["ours"]["seconds"]) == 1
    assert step["ours"]["phases"].keys() == {"forward", "losses", "backward"}
    assert 0 < sum(step["ours"]["phases"].values()) <= step["ours"]["seconds"][0]
    assert step["start_up"] > step["ours"]["seconds"][0]
    assert step["ours"]["memory"] > 2**24
    assert record["machine"]["processor"] and record["machine"]["numpy"]
    assert record["settings"]["threads"] == step["facts"].get("threads", 1) == 1


@needs_torch
def test_a_step_in_turns_with_pytorch(door, tmp_path):
    """Both sides have the same objective: value and gradient agree with each other and with float64."""
    ended = door(main, "step", *TINY, "--vs", "torch", "--exact", "--pooling", "avg")
    assert (ended.status, ended.err) == (0, "")
    assert "times as fast as PyTorch" in ended.out
    step = found(tmp_path)["rows"][0]["step"]
    assert len(step["tried"]) == 3
    assert step["ratio"][1] == pytest.approx(step["rival"]["seconds"][0] / step["ours"]["seconds"][0])
    assert step["agreement"].keys() == {
        f"{what}{whose}" for what in ("value", "gradient") for whose in ("", ", nst", ", rival")
    }
    assert max(step["agreement"].values()) < 1e-4


def test_a_training_step_alone(door, tmp_path):
    """Forward, backward and update are told apart, and the arithmetic is three products for each of the network's."""
    tiny = [word for word in TINY if word not in ("--size", "32")]
    ended = door(main, "train", *tiny, "--batch", "4")
    assert (ended.status, ended.err) == (0, "")
    assert "a training step of 4 pictures" in ended.out
    row = found(tmp_path)["rows"][0]
    assert row["step"]["ours"]["phases"].keys() == {"forward", "backward", "update"}
    assert row["operations"] > 0


@needs_torch
def test_a_painting_in_turns_with_pytorch(door, tmp_path):
    """Both sides paint the same, and as the definition does in float64."""
    flags = "--size", "18x30", "--rounds", "1", "--threads", "1", "--json", "found.json"
    ended = door(main, "fast", *flags, "--vs", "torch", "--exact")
    assert (ended.status, ended.err) == (0, "")
    assert "times as fast as PyTorch" in ended.out
    row = found(tmp_path)["rows"][0]
    assert row["operations"] > 1e8
    assert max(row["step"]["agreement"].values()) < 1e-4


@needs_torch
def test_layers_in_turns_with_pytorch(door, tmp_path, monkeypatch):
    """Every layer is there both ways, and both sides give what the definition gives in float64."""
    monkeypatch.setattr("nst.measure.each_layer.LEAST", 0.0)
    ended = door(main, "layers", *TINY, "--vs", "torch")
    assert (ended.status, ended.err) == (0, "")
    layers = [row["layer"] for row in found(tmp_path)["rows"]]
    names = {layer["name"] for layer in layers}
    assert {"conv1_1", "conv5_1", "pool4", "gram relu3_1"} <= names
    assert len(layers) == 2 * len(names)
    assert max(max(layer["error"], layer["rival_error"]) for layer in layers) < 1e-5
    assert all(layer["ratio"][0] <= layer["ratio"][1] <= layer["ratio"][2] for layer in layers)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["step", "--size", "15"], "argument --size: '15' is not a whole number from 16 to 16384"),
        (["step", "--size", "64,"], "argument --size: '64,' is not a list of sizes"),
        (["step", "--size", "64x"], "argument --size: '64x' is not a list of sizes"),
        (["step", "--size", "²"], "argument --size: '²' is not"),
        (["layers", "--rounds", "0"], "argument --rounds: '0' is not a whole number from 1 to 10000"),
        (["layers", "--width", "nan"], "argument --width: 'nan' is not a number from 0.01 to 1"),
        (["train", "--batch", "1"], "argument --batch: '1' is not a whole number from 2"),
        (["step", "--threads", "10001"], "argument --threads: '10001' is not a whole number from 1 to"),
        (["step", "--vs", "jax"], "argument --vs: invalid choice: 'jax'"),
        (["step", "--weights", "absent.h5"], "absent.h5 does not exist"),
        (["step", "--json", "absent/found.json"], "absent/found.json"),
        (["swim"], "invalid choice: 'swim'"),
        ([], "the following arguments are required"),
    ],
)
def test_a_wrong_argument_is_one_line(door, arguments, message):
    """Whatever is wrong is said before anything is measured, and the status is 2."""
    ended = door(main, *arguments)
    assert ended.status == 2
    assert message in ended.err and ended.err.count("\n") == 1


def test_without_pytorch_the_comparison_says_so(door, monkeypatch):
    """`--vs torch` where it is not installed: one line that says what to do."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = door(main, "step", *TINY, "--vs", "torch")
    assert ended.status == 2
    assert ended.err == "nst: --vs torch: PyTorch is not installed here; install torch, or leave --vs out\n"


def test_what_was_measured_is_there_when_it_is_stopped(door, tmp_path, monkeypatch):
    """The file is whole after each row: of two sizes, the first is there when the second fails."""
    one = bench.measure
    monkeypatch.setattr(bench, "measure", lambda *how: one(*how) if not found(tmp_path)["rows"] else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["step", *TINY[2:], "--size", "16,24"])
    record = found(tmp_path)
    assert [row["name"] for row in record["rows"]] == ["16x16"]
    assert record["settings"]["threads"] == 1 and record["machine"]["processor"]


@pytest.mark.parametrize("door_of", ["run", "bench"])
def test_a_card_without_tensor_cores_is_one_line(door, monkeypatch, door_of):
    """`--precision` on a card of Turing's generation: a line with the card's capability and what to give."""
    module = importlib.import_module(f"nst.{door_of}")
    words = (["step"] if door_of == "bench" else []) + ["--device", "cuda", "--precision", "tf32"]
    for place in (kernels, bench):
        monkeypatch.setattr(place, "no_card", lambda: None)
    monkeypatch.setattr(cuda_device, "SIMULATED", False)
    monkeypatch.setattr(cuda_device, "name", lambda: "Tesla T4")
    turing = SimpleNamespace(compute_capability=(7, 5))
    monkeypatch.setattr(cuda_device.cuda, "get_current_device", lambda: turing)
    ended = door(module.main, *words)
    assert ended.status == 2
    assert ended.err == (
        "nst: --precision tf32: Tesla T4 is of compute capability 7.5, and tensor cores for that came with 8.0; "
        "give --precision float32\n"
    )
