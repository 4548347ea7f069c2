"""A whole run on the card: the same engine, the same losses as on the processor, and nothing that travels unasked."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from nst import kernels
from nst.cli import run_door
from nst.engine import Layout, StyleTransfer, optimise
from nst.images import eight_bits, save
from nst.kernels.cuda_array import DeviceArray, put, to_host
from nst.kernels.cuda_device import KERNELS, SIMULATED, pool
from nst.kernels.cuda_later import SLOTS
from nst.measure.compare import difference
from nst.networks import Weights, fused, vgg
from nst.networks.tiling import Tiling
from nst.optimizers import LBFGS, Adam
from nst.run import main
from nst.session.paint import Run

WIDTHS = (
    {"conv1_1": 4, "conv1_2": 4, "conv2_1": 8}
    if SIMULATED
    else {"conv1_1": 64, "conv1_2": 64, "conv2_1": 128}
)
SIZE, TALL = ((4, 5), (16, 2)) if SIMULATED else ((117, 90), (258, 130))
WAITS = 16  # of an iteration of L-BFGS with one evaluation
NEAR = 1e-4 if SIMULATED else 1e-2  # of many units, rounding puts a few on the other side of 0
LAYERS = ("relu1_1", "relu2_1")
ALL = {"gram": 1.0, "moments": 1.0, "covariance": 1.0, "histogram": 1.0}


@pytest.fixture(scope="module")
def narrow() -> Weights:
    """Random weights of a network that is as deep as it is narrow: the simulator has no hurry."""
    rng, arrays, channels = np.random.default_rng(0), {}, 3
    for name, width in WIDTHS.items():
        scale = np.sqrt(2 / (9 * channels)) / (50 if name == "conv1_1" else 1)
        arrays[f"{name}.weight"] = (scale * rng.standard_normal((3, 3, channels, width))).astype(np.float32)
        arrays[f"{name}.bias"] = (0.1 * rng.standard_normal(width)).astype(np.float32)
        channels = width
    return Weights(arrays, "random", source="test", licence="MIT")


def picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (1, height, width, 3)).astype(np.float32)


def objectives(network, statistics=None, layout=None, size=SIZE):
    """Return the same objective on the processor and on the card."""
    transfer = StyleTransfer(
        {"relu1_2": 1.0}, dict.fromkeys(LAYERS, 1.0), 5, 100, 10, 1000, statistics=statistics or {"gram": 1.0}
    )
    content, style = picture(*size, 1), picture(max(4, size[0] - 1), max(4, size[1] - 1), 2)
    host = transfer.objective(network, content, [style])
    card = transfer.objective(network.on("cuda"), put(content), [put(style)], layout)
    return host, card


@pytest.mark.parametrize("pooling, padding, fuse", [("max", "zero", True), ("avg", "reflect", False)])
def test_an_objective(narrow, pooling, padding, fuse):
    """Value, parts and gradient are those of the definition in float64: every statistic, fused or layer by layer."""
    network = vgg(narrow, pooling=pooling, padding=padding)
    network = fused(network, ["relu1_2", *LAYERS]) if fuse else network
    host, card = objectives(network, ALL)
    compare(host.astype(np.float64), card, picture(*SIZE, 3))


def compare(exact, card, image):
    """Assert that an objective on the card is near the same in float64."""
    expected, found = exact(image.astype(np.float64)), card(put(image))
    assert found.parts == pytest.approx(expected.parts, rel=NEAR)
    assert isinstance(found.gradient, DeviceArray)
    assert difference(to_host(found.gradient), expected.gradient) < NEAR


@pytest.mark.parametrize("keep", ["file"] if SIMULATED else ["memory", "file", "nothing"])
def test_tiles(narrow, keep):
    """In tiles the card finds what is found of the whole picture, wherever the content's features wait."""
    network = vgg(narrow)
    tiling = Tiling(network, ["relu1_2", *LAYERS], (1, *TALL, 3), (2, 1))
    host, card = objectives(network, layout=Layout(content=tiling, styles=(None,), keep=keep), size=TALL)
    compare(host.astype(np.float64), card, picture(*TALL, 3))


def test_iterations(narrow):
    """A few steps of Adam go where they go on the processor; a whole run tells of L-BFGS."""
    host, card = objectives(fused(vgg(narrow), ["relu1_2", *LAYERS]))
    start, losses = picture(*SIZE, 3), ([], [])
    for objective, image, seen in ((host, start, losses[0]), (card, put(start), losses[1])):
        image, _ = optimise(
            objective, image, Adam(), 2, on_step=lambda step, seen=seen: seen.append(step.value)
        )
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert isinstance(image, DeviceArray)


def test_only_numbers_travel(narrow, monkeypatch):
    """In an iteration nothing goes to the card, and nothing comes back but sums, seldom: no picture, no Gram matrix."""
    _, card = objectives(fused(vgg(narrow), ["relu1_2", *LAYERS]))
    optimizer, image = LBFGS(history=2), put(picture(*SIZE, 3))

    def evaluate(image):
        found = card(image)
        return found.value, found.gradient

    image = optimizer.step(evaluate, image).x
    kind, up, down = type(image.data), [], []
    to_device, from_device = kind.copy_to_device, kind.copy_to_host
    monkeypatch.setattr(kind, "copy_to_device", lambda *a, **b: up.append(a) or to_device(*a, **b))
    monkeypatch.setattr(
        kind, "copy_to_host", lambda *a, **b: down.append(a[0].nbytes) or from_device(*a, **b)
    )
    optimizer.step(evaluate, image)
    assert not up
    assert (
        down and max(down) <= 8192 * SLOTS
    )  # two numbers for each block of a sum, of which there are at most 1024

    assert len(down) <= WAITS


def painted(tmp_path, monkeypatch, narrow, name, *arguments):
    """Run the door on the narrow network; return its status, and the losses that it wrote down."""
    monkeypatch.setattr("nst.session.sources.random_weights", lambda: narrow)
    monkeypatch.setattr(Run, "_shares", lambda run, objective: None)  # as long as several iterations
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        save(tmp_path / f"{number}.png", eight_bits(picture(2, 16, number)[0]))
    layers = "--content-layers", "relu1_2", "--style-layers", ",".join(LAYERS)
    words = (
        "1.png",
        "2.png",
        "--network",
        "random",
        "--size",
        "16",
        "--padding",
        "zero",
        *layers,
        "-o",
        f"{name}.png",
        *arguments,
    )
    status, record = run_door(main, list(words)), tmp_path / f"{name}.json"
    rows = json.loads(record.read_text())["trace"]["rows"] if record.exists() else []
    return status, [row["loss"] for row in rows]


def test_a_run_and_its_second_half(tmp_path, monkeypatch, narrow, capsys):
    """The door paints on the card what it paints on the processor, says so, and goes on from its checkpoint there."""
    _, expected = painted(tmp_path, monkeypatch, narrow, "host", "--iterations", "2")
    status, found = painted(tmp_path, monkeypatch, narrow, "card", "--iterations", "1", "--device", "auto")
    assert status == 0 and re.search(r"device: cuda, .+, in float32", capsys.readouterr().err)
    more = "--iterations", "2", "--resume"
    status, resumed = painted(tmp_path, monkeypatch, narrow, "card", *more)
    assert status == 0 and resumed[:1] == found
    assert resumed == pytest.approx(expected, rel=1e-3)


def test_a_card_that_is_too_small(tmp_path, monkeypatch, narrow, capsys):
    """What does not fit ends in one line that names --memory."""
    status, _ = painted(tmp_path, monkeypatch, narrow, "small", "--device", "cuda", "--memory", "1MB")
    assert status == 2 and "--memory" in capsys.readouterr().err.splitlines()[-1]


def test_a_launch_without_room(tmp_path, monkeypatch, narrow, capsys):
    """Memory that a kernel finds used up when it is launched, and not asked for, ends in one line with --memory too."""

    class Full:
        def __getitem__(self, how):
            raise RuntimeError("CUDA_ERROR_OUT_OF_MEMORY")

    monkeypatch.setattr(KERNELS["nst.kernels.cuda_elementwise._shift_and_scale"], "compiled", Full())
    status, _ = painted(tmp_path, monkeypatch, narrow, "full", "--device", "cuda")
    line = capsys.readouterr().err.splitlines()[-1]
    assert status == 2 and "out of memory: the card has no room" in line and "--memory" in line


def test_memory_that_runs_out_on_the_way(tmp_path, monkeypatch, narrow, capsys):
    """Where the card has less than was thought, the run ends in one line, and not in a traceback."""
    monkeypatch.setattr(kernels._cuda(), "bound", lambda memory, precision: None)
    pool.release()
    pool.limit = pool.held + 10_000
    status, _ = painted(tmp_path, monkeypatch, narrow, "full", "--device", "cuda")
    assert status == 2 and "do not fit on the card" in capsys.readouterr().err.splitlines()[-1]
