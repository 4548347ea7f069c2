"""Distillation, with a toy teacher: it learns, resumes to the same bytes, scales units and counts silent ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nst import formats
from nst.errors import NstError
from nst.networks import Network, Weights, vgg
from nst.networks.slim import fresh_slim, slim_weights
from nst.networks.vgg import BLOCKS, vgg_shapes
from nst.pruning.distance import judge
from nst.train import main, parser
from nst.training import distil_session, painted, train_distil
from nst.training.distil import Distiller, clipped, loudness
from nst.training.distil_session import Session
from nst.training.distillation import TAPS, Distillation
from nst.training.likeness import likeness
from nst.training.photographs import HELD_OUT
from nst.training.readout import Readout
from nst.training.training_checkpoint import load_training, save_training
from nst.training.units import scale_units

RECIPE = Distillation(steps=40, batch=2, side=32, learning_rate=1e-2, stages=((0.0, 1, 32), (0.2, 4, 32)))


def toy(widths: tuple[int, ...], seed: int) -> Network:
    """Return a network of VGG's shape, one convolution in each block, with random weights."""
    rng = np.random.default_rng(seed)
    arrays, channels = {}, 3
    for block, width in enumerate(widths, 1):
        for index in range(1, BLOCKS["slim"][block - 1][0] + 1):
            weight = rng.standard_normal((3, 3, channels, width)) * np.sqrt(2 / (9 * channels))
            arrays[f"conv{block}_{index}.weight"] = weight.astype(np.float32)
            arrays[f"conv{block}_{index}.bias"] = np.zeros(width, np.float32)
            channels = width
    return vgg(Weights(arrays, "slim", "RGB", (127.5,) * 3, (1 / 64,) * 3))


def pictures(number: int, count: int = 2) -> np.ndarray:
    """Return some random pictures with coarse patches."""
    rng = np.random.default_rng([7, number])
    coarse = rng.uniform(0, 255, (count, 8, 8, 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.float32)


def distiller(recipe: Distillation = RECIPE) -> Distiller:
    return Distiller(toy((4, 5, 6, 7), 1).unfreeze(), toy((6, 7, 8, 9), 2), recipe, pictures(0, 6))


def learn(it: Distiller, until: int) -> Distiller:
    while it.done < until:
        it.step(pictures(1 + it.done))
    return it


@pytest.fixture(scope="module")
def learned() -> Distiller:
    return learn(distiller(), 40)


def test_it_learns(learned):
    """After some steps it tells more of every tap than when its block had just joined, and its styles are nearer."""
    fresh = distiller()
    fresh.step(pictures(1))
    learn(fresh, 9)  # blocks 2 to 4 have joined
    held_out = [pictures(1000 + number, 1) for number in range(4)]
    before, after = fresh.validate(held_out)[0], learned.validate(held_out)[0]
    assert list(after) == learned.layers
    assert all(after[tap][0] < 0.9 * before[tap][0] for tap in TAPS[1:])
    assert sum(after[tap][1] for tap in TAPS) < 0.9 * sum(before[tap][1] for tap in TAPS)


def test_resuming_gives_the_same_bytes(learned):
    """A state taken in the second stage, put into a fresh distiller, leads to the same student to the bit."""
    first, second = learn(distiller(), 23), distiller()
    plain, arrays = first.state()
    second.load(plain, {name: array.copy() for name, array in arrays.items()})
    learn(second, 40)
    wanted, found = learned.state(), second.state()
    assert wanted[0] == found[0] and wanted[1].keys() == found[1].keys()
    assert all(np.array_equal(wanted[1][name], found[1][name]) for name in wanted[1])


def test_layers_learn_when_their_block_has_joined():
    """In the first stage nothing above the first block moves."""
    it = distiller()
    before = it.student.nodes["conv2_1"].layer.weight.copy()
    learn(it, 5)
    assert np.array_equal(it.student.nodes["conv2_1"].layer.weight, before)
    assert set(it.validate([pictures(9, 1)])[0]) == {"relu1_1", "relu1_2"}


def test_scaled_features_are_as_loud_as_the_teachers(learned):
    """Scaling makes features as loud as the teacher's on the first pictures, and changes nothing but their scale."""
    names, scaled = learned.layers, learned.scaled()
    wanted, plain, found = (
        one.forward(learned.first, names)[0] for one in (learned.teacher, learned.average.network, scaled)
    )
    for name in names:
        assert loudness(name, found[name]) == pytest.approx(loudness(name, wanted[name]), rel=1e-4)
        factor = loudness(name, found[name]) / loudness(name, plain[name])
        assert np.abs(found[name] - factor * plain[name]).max() < 1e-4 * found[name].max()


def test_units_are_scaled_by_what_they_answer():
    """Before its ReLU each unit then has mean 0 and deviation 1 over the pictures."""
    network, images = toy((4, 5, 6, 7), 3).unfreeze(), pictures(0, 4)
    scale_units(network, images, ["conv1_1", "conv1_2"])
    for name in ("conv1_1", "conv1_2"):
        answers = network.forward(images, [name])[0][name]
        assert np.abs(answers.mean((0, 1, 2))).max() < 1e-4
        assert np.abs(answers.std((0, 1, 2)) - 1).max() < 1e-3


def test_silent_units_are_counted():
    """A unit that answers nowhere on the pictures is told of, and one that answers is not."""
    it = learn(distiller(), 20)
    layer = it.average.network.nodes["conv4_1"].layer
    layer.weight[..., 1], layer.bias[1] = 0, 1
    _, speaking = it.validate([pictures(9, 1)])
    layer.bias[1] = -1
    _, silent = it.validate([pictures(9, 1)])
    assert silent == speaking + 1


def test_gradients_are_clipped_together():
    """The norm of all gradients together is cut to the limit, their directions stay; smaller ones are left alone."""
    gradients = {"a": {"weight": np.array([3.0, 0.0])}, "b": {"bias": np.array([4.0])}}
    assert clipped(gradients, 10.0) == 5.0 and gradients["b"]["bias"][0] == 4.0
    clipped(gradients, 1.0)
    assert gradients["a"]["weight"][0] == pytest.approx(0.6) and gradients["b"]["bias"][0] == pytest.approx(
        0.8
    )


def test_the_rate_warms_up_in_each_stage():
    """It rises over 60 steps from the first one of a stage, and ends near 0."""
    recipe = dataclasses.replace(RECIPE, steps=1000)
    assert recipe.rate(0) == pytest.approx(recipe.learning_rate / 60, rel=1e-6)
    assert recipe.rate(200) < recipe.rate(199) / 10 and recipe.rate(259) > 50 * recipe.rate(200)
    assert recipe.rate(999) < 1e-4 * recipe.learning_rate
    assert [recipe.stage(step) for step in (199, 200)] == [(1, 32), (4, 32)]


def test_slim_is_drawn_from_its_seed_and_read_back(tmp_path):
    """The same seed gives the same weights, others differ, and the file that is written is read as it was."""
    one, same, other = (fresh_slim(seed) for seed in (5, 5, 6))
    for name, of in one.parameters().items():
        assert np.array_equal(of["weight"], same.parameters()[name]["weight"])
        assert not np.array_equal(of["weight"], other.parameters()[name]["weight"])
    formats.write(tmp_path / "slim.h5", slim_weights(one, ["a note"]))
    found = formats.read(tmp_path / "slim.h5")
    assert (found.network, found.channel_order, found.notes) == ("slim", "RGB", ["a note"])
    image = pictures(3)
    taps = list(TAPS)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(
            one.forward(image, taps)[0].values(), vgg(found).forward(image, taps)[0].values(), strict=True
        )
    )


def test_the_door_asks_for_what_is_missing(tmp_path, monkeypatch, capsys):
    """No teacher, too few photographs and a name that is not .h5 are told in a line each."""
    monkeypatch.delenv("NST_WEIGHTS", raising=False)
    for number in range(3):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{number}.png")
    with pytest.raises(NstError, match=r"must end in \.h5"):
        main(["distil", str(tmp_path), "-o", "slim.npz"])
    with pytest.raises(NstError, match="there is no teacher"):
        main(["distil", str(tmp_path), "-o", str(tmp_path / "slim.h5")])


@pytest.fixture
def teacher_file(tmp_path) -> str:
    """A file of a toy that calls itself VGG-19, as deep as the student, and has its widths."""
    rng = np.random.default_rng(8)
    arrays = {}
    for name, shape in vgg_shapes("vgg19").items():
        if name.startswith(("conv1", "conv2", "conv3", "conv4_1")):
            size = np.sqrt(2 / np.prod(shape[:-1])) if name.endswith("weight") else 0
            arrays[name] = (size * rng.standard_normal(shape)).astype(np.float32)
    path = tmp_path / "teacher.h5"
    formats.write(path, Weights(arrays, "vgg19", "RGB", (127.5,) * 3, (1 / 64,) * 3))
    return str(path)


@pytest.fixture
def photographs(tmp_path) -> str:
    """A folder of small pictures, just as many as are needed."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(HELD_OUT):
        Image.fromarray(pictures(number, 1)[0].astype(np.uint8)).save(folder / f"{number:02d}.png")
    return str(folder)


def test_a_stopped_distillation_goes_on_to_the_same_weights(tmp_path, teacher_file, photographs, monkeypatch):
    """Stopped after each step and resumed, the door writes weights, log and report of an uninterrupted run.

    Two of its steps learn from what the student has painted, of which the checkpoint keeps the first.
    """
    monkeypatch.setattr(painted, "LOOKS", 2)
    monkeypatch.setattr(distil_session, "VALIDATED", 2)
    monkeypatch.setattr(distil_session, "SIDE", 32)
    common = [
        "distil",
        photographs,
        "--teacher",
        teacher_file,
        "--steps",
        "100",
        "--batch",
        "1",
        "--report-every",
        "3",
    ]
    recipe = Distillation(steps=6, batch=2, side=32, stages=((0.0, 1, 32), (0.4, 4, 32)), painted=1, mixed=1)
    monkeypatch.setattr(train_distil, "recipe_of", lambda options: recipe)
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    assert main([*common, "-o", str(whole)]) == 0
    assert main([*common, "-o", str(cut), "--stop-after", "1e-9"]) == 0
    for done, count in ((1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (5, 2)):  # of two pictures, one at a time
        saved = load_training(cut.with_suffix(".checkpoint.npz"))
        assert saved.state["done"] == done and len(saved.arrays["painted"]) == count
        assert main([*common, "-o", str(cut), "--resume", "--stop-after", "1e-9"]) == 0
    assert whole.read_bytes() == cut.read_bytes()
    last = [path.with_suffix(".csv").read_text().splitlines()[-1].split(",") for path in (whole, cut)]
    assert last[0][0] == last[1][0] == "6" and last[0][2:] == last[1][2:]
    page = whole.with_suffix(".html").read_text()
    assert page.count("<svg") == 3 and "relu4_1" in page
    saved = load_training(cut.with_suffix(".checkpoint.npz"))
    broken = dataclasses.replace(saved, arrays={**saved.arrays, "painted": saved.arrays["painted"][:-1]})
    save_training(cut.with_suffix(".checkpoint.npz"), broken)
    with pytest.raises(NstError, match=r"has not the .* painted pictures of its step"):
        main([*common, "-o", str(cut), "--resume"])
    for rows in ([[float("nan")] * 12], [[10**400, *[0.0] * 11]], [[1]]):
        broken = dataclasses.replace(saved, state={**saved.state, "rows": rows})
        save_training(cut.with_suffix(".checkpoint.npz"), broken)
        with pytest.raises(NstError, match="the log in the checkpoint"):
            main([*common, "-o", str(cut), "--resume"])
    save_training(cut.with_suffix(".checkpoint.npz"), saved)
    other = dataclasses.replace(recipe, learning_rate=0.5)
    monkeypatch.setattr(train_distil, "recipe_of", lambda options: other)
    with pytest.raises(NstError, match="another value of learning_rate"):
        main([*common, "-o", str(cut), "--resume"])


def test_painting_is_told_and_can_be_interrupted(tmp_path, teacher_file, photographs, monkeypatch):
    """A line says why no steps follow; stopped between two pictures and resumed, the weights become the same."""
    monkeypatch.setattr(painted, "LOOKS", 2)
    monkeypatch.setattr(distil_session, "VALIDATED", 1)
    monkeypatch.setattr(distil_session, "SIDE", 32)
    recipe = Distillation(steps=5, batch=2, side=32, stages=((0.0, 1, 32), (0.4, 4, 32)), painted=2, mixed=1)

    def session(name: str, *flags: str) -> Session:
        told = ["distil", photographs, "--teacher", teacher_file, "-o", str(tmp_path / f"{name}.h5"), *flags]
        return Session(parser().parse_args(told), recipe)

    assert [recipe.painting(step) for step in range(5)] == [0, 0, 0, 2, 6]
    lines = list(session("whole").run(lambda: False))
    assert [line for line in lines if line.startswith("step 3: the student paints 2 pictures")]
    first = session("cut")
    assert list(first.run(lambda: len(first.painted) == 1))[-1] == "stopped; --resume goes on"
    saved = load_training(tmp_path / "cut.checkpoint.npz")
    assert saved.state["done"] == 3 and len(saved.arrays["painted"]) == 1
    second = session("cut", "--resume")
    list(second.run(lambda: len(second.painted) == 5))
    assert load_training(tmp_path / "cut.checkpoint.npz").state["done"] == 4
    assert list(session("cut", "--resume").run(lambda: False))[-2].endswith("bytes")
    assert (tmp_path / "whole.h5").read_bytes() == (tmp_path / "cut.h5").read_bytes()


def test_painted_pictures_stand_in_for_the_first_crops():
    """As many as the recipe says and half of the crops at most, mirrored or not, the same ones for the same step; the
    others stay, and so do all while nothing has been painted."""
    crops, pool = pictures(1, 4), pictures(2, 3).astype(np.uint8)

    def mixed(step: int, count: int, of: np.ndarray) -> np.ndarray:
        recipe = dataclasses.replace(RECIPE, mixed=count)
        told = SimpleNamespace(painted=of, recipe=recipe, distiller=SimpleNamespace(done=step))
        return Session._mixed(told, crops.copy())

    assert np.array_equal(mixed(5, 1, pool[:0]), crops)
    known = [one.tobytes() for one in np.concatenate([pool, pool[:, :, ::-1]]).astype(np.float32)]
    for count, changed in ((0, 0), (1, 1), (2, 2), (4, 2)):
        found = mixed(5, count, pool)
        assert np.array_equal(found, mixed(5, count, pool)) and np.array_equal(
            found[changed:], crops[changed:]
        )
        assert all(one.tobytes() in known for one in found[:changed])
    assert len({mixed(step, 1, pool)[0].tobytes() for step in range(40)}) == 6


def test_what_is_painted_is_nearer_to_the_style():
    """The same seed paints the same pictures, also when the first is left out; as the painter sees it they are nearer
    to their styles than before."""
    network, contents, styles = toy((4, 5, 6, 7), 5), pictures(1), pictures(2)
    found = np.stack(list(painted.painted(network, contents, styles, (0, 1))))
    assert found.dtype == np.uint8 and found.shape == contents.shape
    [again] = painted.painted(network, contents, styles, (0, 1), begun=1)
    assert np.array_equal(found[1], again)
    for content, style, one in zip(contents[:, None], styles[:, None], found[:, None], strict=True):
        assert judge(network, one.astype(np.float32), (content, style)).style < 0.5


def test_the_student_paints_in_each_part_but_the_first():
    """At its beginning and in its middle, and the rate begins anew, lower."""
    recipe = dataclasses.replace(RECIPE, steps=1000, painted=5, parts=((0.0, 1.0), (0.6, 0.5), (0.8, 0.4)))
    before = [599, 600, 699, 700, 799, 800, 899, 900]
    assert [recipe.painting(step) for step in before] == [0, 5, 5, 10, 10, 15, 15, 20]
    assert recipe.rate(599) < 1e-4 * recipe.learning_rate and recipe.rate(799) < 1e-3 * recipe.learning_rate
    assert recipe.rate(700) == pytest.approx(recipe.learning_rate / 4, rel=1e-2)
    assert recipe.rate(900) == pytest.approx(recipe.learning_rate / 5, rel=1e-2)


def test_too_few_photographs_are_refused(tmp_path, teacher_file):
    """Held-out ones are taken from them, so there must be some."""
    Image.new("RGB", (40, 40)).save(tmp_path / "one.png")
    with pytest.raises(NstError, match="1 photographs are too few"):
        main(
            ["distil", str(tmp_path / "one.png"), "--teacher", teacher_file, "-o", str(tmp_path / "slim.h5")]
        )


def test_likeness_knows_the_teachers_own_kernels():
    """Kernels that are the teacher's have the cosine 1, also told in turned inputs; drawn ones have less."""
    rng = np.random.default_rng(11)
    network = toy((4, 5, 6, 7), 12).unfreeze()
    arrays = {f"{name}.weight": of["weight"].copy() for name, of in network.parameters().items()}
    readouts = {
        name: Readout(width, width) for name, width in (("relu1_1", 4), ("relu1_2", 4), ("relu2_1", 5))
    }
    readouts["relu2_1"] = Readout(5, 5, direct=[3, 1, 0, 2, 4])
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    readouts["relu1_2"].matrix = turn
    told = np.einsum("yxco,ic->yxio", arrays["conv2_1.weight"], turn)
    network.nodes["conv2_1"].layer.weight = told[..., [3, 1, 0, 2, 4]]
    found = likeness(network, Weights(arrays, "vgg19", "RGB"), readouts)
    assert found["conv1_1"] == pytest.approx(1) and found["conv2_1"] == pytest.approx(1)
    assert found["chance"] < 0.8 and set(found) == {"conv1_1", "chance", "conv2_1"}
    turned = {
        name: array[:, :, ::-1] if name == "conv1_1.weight" else array for name, array in arrays.items()
    }
    assert likeness(network, Weights(turned, "vgg19", "BGR"), readouts)["conv1_1"] == pytest.approx(1)


def test_the_teacher_is_not_written_over(teacher_file, photographs):
    """An output that leads to the teacher's file, or to a folder that is not there, is refused before any work."""
    before = Path(teacher_file).read_bytes()
    with pytest.raises(NstError, match="would overwrite an input"):
        main(["distil", photographs, "--teacher", teacher_file, "-o", teacher_file])
    assert Path(teacher_file).read_bytes() == before
    with pytest.raises(NstError, match="does not exist"):
        main(
            [
                "distil",
                photographs,
                "--teacher",
                teacher_file,
                "-o",
                str(Path(teacher_file).parent / "no" / "slim.h5"),
            ]
        )


def test_divergence_is_told_and_nothing_moves():
    """A pixel that is no number, or a rate that throws weights away, ends in a line; the weights stay as they were."""
    it, bad = learn(distiller(), 3), pictures(4)
    before = {name: array.copy() for name, array in it.state()[1].items() if name.startswith("student")}
    bad[0, 8:16, 8:16] = np.nan
    with pytest.raises(NstError, match="step 4: the features of relu1_1 are not finite"):
        it.step(bad)
    assert it.done == 3 and all(np.array_equal(it.state()[1][name], before[name]) for name in before)
    wild = distiller(dataclasses.replace(RECIPE, learning_rate=1e30))
    with pytest.raises(NstError, match="lower the learning rate"), np.errstate(all="ignore"):
        learn(wild, 5)


@pytest.mark.parametrize(
    "change",
    [{"done": "x"}, {"done": -5}, {"done": 10**9}, {"blocks": 3}, {"averaged": -1}],
    ids=str,
)
def test_edited_counts_are_refused(change):
    """Counts that are none, or do not belong together, are told in a line."""
    plain, arrays = learn(distiller(), 3).state()
    with pytest.raises(NstError, match="start anew"):
        distiller().load({**plain, **change}, arrays)


def test_edited_arrays_are_refused():
    """So are weights of another width, and a family that is missing."""
    plain, arrays = learn(distiller(), 3).state()
    with pytest.raises(NstError, match=r"conv1_1\.bias"):
        distiller().load(plain, {**arrays, "student:conv1_1.bias": np.zeros(3)})
    with pytest.raises(NstError, match="lacks"):
        distiller().load(
            plain, {name: array for name, array in arrays.items() if not name.startswith("average")}
        )
