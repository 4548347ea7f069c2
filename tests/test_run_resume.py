"""Stopping a run in every way, and going on: the bytes are those of a run that never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.engine.checkpoint import load_checkpoint, save_checkpoint
from nst.formats import write
from nst.networks import Weights
from nst.networks.vgg import vgg_shapes
from nst.run import main
from nst.session.arguments import parse
from nst.session.plan import make_plan
from nst.session.resuming import process_of
from tests.engine.hostile import HOSTILE, SENTINEL

RUN = (
    "--network", "random", "--style-layers", "relu1_1,relu2_1", "--content-layers", "relu2_1", "--size", "32",
)  # fmt: skip
CHECKPOINT = "out.checkpoint.npz"


@pytest.fixture
def quietly(door):
    """`quietly(*arguments)` runs the door with --quiet and asserts that nothing went wrong."""

    def run(*arguments):
        assert door(main, *arguments, "--quiet") == (0, "", "")

    return run


@pytest.fixture(scope="module")
def once() -> dict[str, bytes]:
    """The files of the stopped run, made by the first test that needs them."""
    return {}


@pytest.fixture
def stopped(quietly, pictures, once):
    """A run of two pictures that was stopped after two iterations, as out.png and its checkpoint."""
    if not once:
        quietly("content.png", "style.png", *RUN, "--iterations", 2)
        once.update(listing(Path(".")))
    for name, data in once.items():
        Path(name).write_bytes(data)
    return Path(CHECKPOINT)


def losses(name: str) -> list[float]:
    return [row["loss"] for row in json.loads(Path(name).with_suffix(".json").read_text())["trace"]["rows"]]


def assert_same_run(one: str, other: str) -> None:
    """Assert that two runs ended in the same picture, state and losses, byte by byte."""
    assert Path(one).read_bytes() == Path(other).read_bytes()
    a, b = (load_checkpoint(Path(name).with_suffix(".checkpoint.npz")) for name in (one, other))
    assert a.iteration == b.iteration and a.image.tobytes() == b.image.tobytes() and a.rng == b.rng
    assert {k: v.tobytes() for k, v in a.optimizer.items()} == {
        k: v.tobytes() for k, v in b.optimizer.items()
    }
    assert losses(one) == losses(other)
    assert len(losses(one)) == a.iteration


@pytest.mark.parametrize("init", ["content", "random"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_stopping_and_going_on_gives_the_same_bytes(quietly, pictures, optimizer, init):
    """Five iterations, then on to nine: picture, optimiser, random state and losses are those of nine at once."""
    run = *pictures, *RUN, "--optimizer", optimizer, "--init", init, "--seed", 4
    quietly(*run, "--iterations", 9, "-o", "straight.png")
    quietly(*run, "--iterations", 5, "-o", "halved.png")
    assert Path("halved.png").read_bytes() != Path("straight.png").read_bytes()
    quietly("--resume", "halved.checkpoint.npz", "--iterations", 9)
    assert_same_run("straight.png", "halved.png")


def test_going_on_twice_under_another_name(quietly, pictures):
    """A resumed run may write elsewhere; its own checkpoint then goes on there, and the first files stay."""
    quietly(*pictures, *RUN, "--iterations", 6, "-o", "straight.png")
    quietly(*pictures, *RUN, "--iterations", 2, "-o", "first.png")
    before = Path("first.png").read_bytes()
    quietly("--resume", "first.checkpoint.npz", "--iterations", 4, "-o", "second.png")
    quietly("--resume", "second.checkpoint.npz", "--iterations", 6)
    assert_same_run("straight.png", "second.png")
    assert Path("first.png").read_bytes() == before


def test_going_on_with_the_whole_command(quietly, stopped, pictures):
    """The same command with --resume at its end, pictures and all, is understood; so is --resume alone."""
    quietly(*pictures, *RUN, "--iterations", 4, "-o", "straight.png")
    quietly("content.png", "style.png", *RUN, "--iterations", 3, "--resume")
    quietly("--resume", "--iterations", 4)
    assert_same_run("straight.png", "out.png")


def test_going_on_without_pictures(quietly, pictures):
    """A run of the two bundled pictures goes on like any other."""
    quietly(*RUN, "--iterations", 1)
    quietly("--resume", "--iterations", 2)
    assert load_checkpoint(CHECKPOINT).iteration == 2


def test_a_run_that_is_done_stays_as_it_is(quietly, stopped):
    """Going on to an iteration that is reached does nothing to picture and checkpoint."""
    before = Path("out.png").read_bytes(), load_checkpoint(stopped).image.tobytes()
    quietly("--resume", stopped)
    assert (Path("out.png").read_bytes(), load_checkpoint(stopped).image.tobytes()) == before


def test_a_dry_run_of_going_on(door, stopped, tmp_path):
    """--dry-run says what would be done with the settings of the checkpoint."""
    ended = door(main, "--resume", stopped, "--iterations", 7, "--dry-run")
    assert (
        ended.status == 0
        and "lbfgs, 7 iterations" in ended.out
        and "style layers: relu1_1, relu2_1" in ended.out
    )


def start(pictures, *arguments) -> subprocess.Popen:
    """Start a long run as a process of its own, and wait for its first checkpoint."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    process = subprocess.Popen(
        [sys.executable, "-m", "nst.run", *map(str, pictures), *RUN, "--iterations", "100000", "--save-every", "2"]
        + list(arguments),
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not Path(CHECKPOINT).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert Path(CHECKPOINT).exists(), process.communicate()
    return process


@pytest.mark.parametrize("optimizer, init", [("lbfgs", "random"), ("adam", "content")])
def test_kill_and_resume(quietly, pictures, optimizer, init):
    """`kill -9` in the middle, then going on: the bytes of a run that was never killed, nothing lost but iterations."""
    how = "--optimizer", optimizer, "--init", init
    process = start(pictures, *how)
    time.sleep(0.3)  # anywhere, also in the middle of saving
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = load_checkpoint(CHECKPOINT).iteration
    assert done >= 2
    quietly("--resume", "--iterations", done + 3)
    quietly(*pictures, *RUN, *how, "--iterations", done + 3, "-o", "straight.png")
    assert_same_run("straight.png", "out.png")


def test_interrupt_and_resume(quietly, pictures):
    """Ctrl-C exits 130 after the iteration, with picture and checkpoint saved, and says how to go on; that gives the
    bytes of a run that was never interrupted."""
    process = start(pictures)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    done = load_checkpoint(CHECKPOINT).iteration
    lines = err.splitlines()
    assert lines[-2] == f"stopped on request after iteration {done}; wrote out.png, out.json, out.html"
    assert lines[-1] == f"go on with: python -m nst.run --resume {CHECKPOINT}"
    assert "Traceback" not in err
    with Image.open("out.png") as image:
        assert image.size == (32, 24)
    assert len(losses("out.png")) == done
    quietly("--resume", CHECKPOINT, "--iterations", done + 2)
    quietly(*pictures, *RUN, "--iterations", done + 2, "-o", "straight.png")
    assert_same_run("straight.png", "out.png")


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def assert_refused(ended, before, folder, cause):
    """Assert status 2, one line that tells the cause, and a folder in which nothing has changed."""
    assert ended.status == 2 and ended.out == ""
    assert ended.err.startswith("nst: ") and ended.err.count("\n") == 1, ended.err
    assert cause in ended.err, ended.err
    assert listing(folder) == before


OTHER = {
    "another style weight": (["--style-weight", "7"], "--style-weight: the checkpoint was made with 100"),
    "another size": (["--size", "48"], "--size: the checkpoint was made with 32"),
    "another seed": (["--seed", "1"], "--seed: the checkpoint was made with 0"),
    "another start": (["--init", "random"], "--init: the checkpoint was made with content"),
    "another optimiser": (["--optimizer", "adam"], "--optimizer: the checkpoint was made with lbfgs"),
    "other layers": (["--style-layers", "relu1_1"], "--style-layers: the checkpoint was made with"),
    "another pooling": (["--pooling", "max"], "--pooling: the checkpoint was made with avg"),
    "one picture more": (["content.png", "style.png", "style.png"], "the style 2 is not the one"),
    "the pictures exchanged": (
        ["style.png", "content.png"],
        "the content is not the one",
    ),
    "a file that is absent": (["--resume", "none.npz"], "checkpoint none.npz does not exist"),
    "a picture for a checkpoint": (["--resume", "content.png"], "content.png is damaged or no checkpoint"),
    "a folder": (["--resume", "."], "is not a file"),
}


@pytest.mark.parametrize("change", OTHER)
def test_going_on_with_something_else_is_refused(door, stopped, tmp_path, change):
    """What has an influence on the iterations may not change under way; the message says what it was."""
    arguments, cause = OTHER[change]
    before = listing(tmp_path)
    resume = [] if "--resume" in arguments else ["--resume", stopped]
    assert_refused(door(main, *arguments, *resume, "--iterations", 5), before, tmp_path, cause)


@pytest.mark.parametrize("name, role", [("content.png", "content"), ("style.png", "style 1")])
def test_going_on_with_changed_pictures_is_refused(door, stopped, tmp_path, name, role):
    """A file that is no longer the one that was painted from is noticed by its hash."""
    Image.new("RGB", (40, 30), "red").save(tmp_path / name)
    before = listing(tmp_path)
    cause = f"the {role} is not the one that the checkpoint was made with; start anew"
    assert_refused(door(main, "--resume", stopped, "--iterations", 5), before, tmp_path, cause)


def test_going_on_with_a_style_less_is_refused(door, pictures, tmp_path):
    """A checkpoint of two styles does not go on with the first alone."""
    assert door(main, *pictures, pictures[1], *RUN, "--iterations", 1, "--quiet").status == 0
    before = listing(tmp_path)
    assert_refused(door(main, *pictures, "--resume"), before, tmp_path, "the style 2 is not the one")


def test_going_on_from_elsewhere(quietly, stopped, once, tmp_path, monkeypatch):
    """From another folder, after a move of all files together, and with pictures that are named anew: to the same
    bytes each time, written beside the checkpoint."""
    quietly("content.png", "style.png", *RUN, "--iterations", 3, "-o", "straight.png")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    quietly("--resume", "../out.checkpoint.npz", "--iterations", 3)
    assert_same_run("../straight.png", "../out.png")
    assert listing(tmp_path / "sub") == {}
    for name, data in once.items():
        Path(name).write_bytes(data)
    Path("content.png").rename("moved.png")
    quietly("--resume", CHECKPOINT, "moved.png", "style.png", "--iterations", 3)
    assert_same_run("../straight.png", "out.png")
    (tmp_path / "sub").rename(tmp_path / "new")
    monkeypatch.chdir(tmp_path)
    quietly("--resume", "new/out.checkpoint.npz", "--iterations", 4)
    assert load_checkpoint("new/out.checkpoint.npz").iteration == 4


def test_going_on_with_other_weights_from_the_same_source_is_refused(door, pictures, tmp_path, filters):
    """A weight file converted anew to fewer bits is another network, whatever it says that it was made from."""
    shapes = vgg_shapes("vgg19")
    arrays = {name: np.full(shapes[name], 0.01, np.float32) for name in list(shapes)[:2]}
    weights = Weights(arrays, "vgg19", source="somewhere", sha256="0" * 64)
    write(tmp_path / "w.h5", weights)
    run = "--weights", "w.h5", "--style-layers", "relu1_1", "--content-layers", "relu1_1", "--size", 16
    assert door(main, *pictures, *run, "--iterations", 1).status == 0
    write(tmp_path / "w.h5", weights, "float16")
    before = listing(tmp_path)
    assert_refused(door(main, "--resume", "--iterations", 2), before, tmp_path, "the network is not the one")


def test_going_on_with_another_network_is_refused(door, stopped, filters, monkeypatch, tmp_path):
    """Other weights under the same name are noticed too."""
    from dataclasses import replace

    monkeypatch.setattr("nst.session.sources.random_weights", lambda: replace(filters, source="others"))
    before = listing(tmp_path)
    assert_refused(door(main, "--resume", stopped), before, tmp_path, "the network is not the one")


def spoil(field, value):
    """A change of one field of a good checkpoint: `value` is a function of what was there."""

    def change(checkpoint):
        setattr(checkpoint, field, value(getattr(checkpoint, field)))

    return change


def state(**arrays):
    return spoil("optimizer", lambda old: {**old, **arrays})


SPOILT = {
    "no arguments": spoil("settings", lambda _: {}),
    "arguments that are no words": spoil("settings", lambda _: {"arguments": [1, None]}),
    "arguments that are wrong": spoil("settings", lambda _: {"arguments": ["--wrong"]}),
    "memory of words": spoil("settings", lambda old: {**old, "process": {"cpu": "much"}}),
    "memory of nothing": spoil("settings", lambda old: {**old, "process": {}}),
    "hashes of nothing": spoil("hashes", lambda _: {}),
    "an image of another size": spoil("image", lambda old: old[:, :-1]),
    "no optimiser's array": spoil("optimizer", lambda old: {k: v for k, v in old.items() if k != "gradient"}),
    "an optimiser's array of another size": state(gradient=np.zeros((1, 2, 2, 3), np.float32)),
    "an optimiser's array of words": state(gradient=np.full((1, 24, 32, 3), "x")),
    "an optimiser's value of many numbers": state(value=np.zeros(5)),
    "an optimiser's value that is complex": state(value=np.array(1j)),
    "an optimiser's NaN": state(x=np.full((1, 24, 32, 3), np.nan, np.float32)),
    "no random state": spoil("rng", lambda _: {}),
    "another random generator": spoil("rng", lambda old: {**old, "bit_generator": "MT19937"}),
    "a negative random state": spoil("rng", lambda old: {**old, "state": {"state": -1, "inc": 1}}),
    "a random state of words": spoil("rng", lambda old: {**old, "state": {"state": "x", "inc": "y"}}),
    "a trace without rows": spoil("trace", lambda _: {"rows": 5}),
    "a trace of words": spoil("trace", lambda old: {"rows": [{**old["rows"][0], "loss": "much"}]}),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_checkpoint_whose_contents_make_no_sense_is_refused(door, stopped, tmp_path, kind):
    """Well-formed files that say impossible things: one line, nothing written."""
    checkpoint = load_checkpoint(stopped)
    SPOILT[kind](checkpoint)
    save_checkpoint(stopped, checkpoint)
    before = listing(tmp_path)
    assert_refused(door(main, "--resume", stopped, "--iterations", 5), before, tmp_path, "")


def test_each_device_has_its_own_memory(stopped, monkeypatch):
    """A run that goes on elsewhere is laid out by what it needs there, and knows what it needed where it was."""
    known = process_of(load_checkpoint(stopped))
    assert known.keys() == {"cpu"} and known["cpu"] > 100 << 20  # an interpreter, numba, a network
    monkeypatch.setattr("nst.session.plan.choose_device", lambda options: ("cuda", []))
    monkeypatch.setattr("nst.kernels.card_memory", lambda: (200 << 20, 200 << 20))
    monkeypatch.setattr("nst.kernels.bound_card", lambda memory, precision: None)
    plan = make_plan(parse([*map(str, ("content.png", "style.png", *RUN))]), known)
    assert plan.process["cpu"] == known["cpu"]
    assert plan.layouts[0].parts["process"] == plan.process["cuda"] <= 64 << 20  # its weights alone


def test_a_file_from_before_there_were_cards_goes_on(stopped):
    """Its one number is the processor's."""
    checkpoint = load_checkpoint(stopped)
    checkpoint.settings["process"] = 123 << 20
    assert process_of(checkpoint) == {"cpu": 123 << 20}


@pytest.mark.parametrize("t", [np.inf, np.nan, -3, 0])
def test_an_adam_that_counts_impossibly_is_refused(door, quietly, pictures, tmp_path, t):
    """The count of Adam's steps is a whole number of at least one."""
    quietly(*pictures, *RUN, "--iterations", 2, "--optimizer", "adam")
    checkpoint = load_checkpoint(CHECKPOINT)
    checkpoint.optimizer["t"] = np.asarray(t)
    save_checkpoint(CHECKPOINT, checkpoint)
    before = listing(tmp_path)
    assert_refused(door(main, "--resume", "--iterations", 5), before, tmp_path, "")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_checkpoint_is_refused_at_the_door(door, tmp_path, kind):
    """Status 2, one line, nothing executed, nothing written."""
    make, _ = HOSTILE[kind]
    make(tmp_path / CHECKPOINT)
    before = listing(tmp_path)
    assert_refused(door(main, "--resume"), before, tmp_path, "start anew")
    assert not (tmp_path / SENTINEL).exists()


def test_quiet_is_of_one_call(door, stopped):
    """A run that began quietly speaks when it goes on, unless it is asked not to."""
    ended = door(main, "--resume", "--iterations", 3)
    assert ended.status == 0 and "all 3 iterations done" in ended.err
