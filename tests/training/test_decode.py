"""Training slim's decoders: gradients, learning, resuming to the same bytes, and the door."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst import formats
from nst.errors import NstError
from nst.formats.codec_files import bundled_slim, read_slim
from nst.networks.slim_codecs import DECODERS, TAPS, fresh_decoder, slim_encoder
from nst.train import main
from nst.training import decode_session, train_decoder
from nst.training.decode import DecoderTrainer, in_the_style_of
from nst.training.decoding import RATES, Decoding
from nst.training.photographs import HELD_OUT
from nst.training.training_checkpoint import load_training, save_training

RECIPE = Decoding(steps=20, batch=2, side=16)


def pictures(number: int, count: int = 2) -> np.ndarray:
    """Return some random pictures with coarse patches."""
    coarse = np.random.default_rng([7, number]).uniform(0, 255, (count, 4, 4, 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def encoder():
    return slim_encoder(bundled_slim()[0])


def trainer(encoder, recipe: Decoding = RECIPE) -> DecoderTrainer:
    return DecoderTrainer(encoder, recipe, pictures(0, 4))


def learn(it: DecoderTrainer, until: int) -> list[dict[str, float]]:
    return [it.step(pictures(1 + it.done % 5)) for _ in range(until - it.done)]


def test_the_gradient_is_that_of_the_losses(encoder):
    """In float64, along a random direction of all weights of the deepest decoder, with a crop that is styled and one
    that is not, to 1e-5 of the difference quotient."""
    it = trainer(
        encoder.astype(np.float64), dataclasses.replace(RECIPE, style_weight=0.7, feature_weight=0.9)
    )
    it.done = it.recipe.steps - 1
    decoder = it.decoders[4] = fresh_decoder(4, 1).astype(np.float64)
    images, rng = pictures(1).astype(np.float64), np.random.default_rng(2)
    for of in decoder.parameters().values():
        of["bias"] += 0.1 * rng.standard_normal(of["bias"].shape)
    decoder.nodes["conv41"].layer.weight *= 0.01
    losses, gradients = it.slopes(images)
    assert min(losses.values()) > 0
    ways = {
        (name, part): rng.standard_normal(array.shape) * np.abs(array).mean()
        for name, of in decoder.parameters().items()
        for part, array in of.items()
    }
    slope = sum(float(np.vdot(gradients[name][part], way)) for (name, part), way in ways.items())
    sums = []
    for h in (1e-6, -2e-6):
        for (name, part), way in ways.items():
            decoder.parameters()[name][part] += h * way
        sums.append(sum(it.slopes(images)[0].values()))
    assert slope == pytest.approx((sums[0] - sums[1]) / 2e-6, rel=1e-5)


def test_decoders_learn_one_after_the_other(encoder):
    """Each level begins when its turn comes and gets better in it; those before stay as they were."""
    it = trainer(encoder, dataclasses.replace(RECIPE, steps=200))
    starts = it.recipe.starts()
    for level in (1, 2, 3, 4):
        before = {name: array.copy() for name, array in it.arrays().items()}
        told = [one["pixels"] + one["features"] for one in learn(it, starts[level])]
        assert set(it.decoders) == set(range(1, level + 1))
        assert sum(told[-5:]) < 0.95 * sum(told[:5])
        assert all(np.array_equal(it.arrays()[name], array) for name, array in before.items())
    found = it.validate([pictures(50, 1), pictures(51, 1)])
    assert 0 < found["pixels"] < 128 and 0 < found["features"] < 1 and 0 < found["style"] < 1


def test_the_deepest_goes_on_from_the_one_before_it(encoder):
    """Its layers next to the picture begin as those of the third level are; crops in a style come later in its turn."""
    it = trainer(encoder)
    told = learn(it, 10)
    third = {name: array.copy() for name, array in it.arrays().items() if name.startswith("decoder3")}
    it._begin(4)
    same = [
        name for name, array in third.items() if np.array_equal(it.arrays()[name.replace("3", "4", 1)], array)
    ]
    assert {name.split("/")[1].split(".")[0] for name in same} == {"conv22", "conv21", "conv12", "conv11"}
    told += learn(it, 20)
    assert [one["style"] > 0 for one in told] == [False] * 13 + [True] * 7


def test_resuming_gives_the_same_bytes(encoder):
    """A state taken in the turn of the third level, put into a fresh trainer, leads to the same decoders to the bit."""
    whole, second = trainer(encoder), trainer(encoder)
    learn(whole, 6)
    plain, arrays = whole.state()
    second.load(plain, {name: array.copy() for name, array in arrays.items()})
    for it in (whole, second):
        learn(it, 12)
    wanted, found = whole.state(), second.state()
    assert wanted[0] == found[0] and wanted[1].keys() == found[1].keys()
    assert all(np.array_equal(wanted[1][name], found[1][name]) for name in wanted[1])


def test_without_a_style_weight_nothing_is_styled(encoder):
    """All crops of the deepest decoder then come back plain, and style is not measured."""
    it = trainer(encoder, dataclasses.replace(RECIPE, style_weight=0.0))
    losses = learn(it, 20)[-1]
    assert it.recipe.level(19) == 4 and losses["style"] == losses["styled"] == 0
    assert math.isnan(it.validate([pictures(50, 1)])["style"])


def test_the_rate_begins_anew_for_each_level():
    """It rises over 60 steps, higher for those that are less deep, and ends near 0."""
    recipe = Decoding(steps=10000)
    starts = recipe.starts()
    assert starts == [0, 600, 2400, 5100, 10000]
    assert [recipe.level(step) for step in (0, 599, 600, 5099, 5100, 9999)] == [1, 1, 2, 3, 4, 4]
    for level, (begun, ends) in enumerate(pairwise(starts), 1):
        assert recipe.rate(begun) == pytest.approx(recipe.learning_rate * RATES[level - 1] / 60)
        assert recipe.rate(begun + 60) > 50 * recipe.rate(begun) > 0
        assert recipe.rate(ends - 1) < 1e-3 * recipe.learning_rate


def test_a_style_is_a_mean_and_a_deviation():
    """What is decoded has those of the other crop, channel by channel."""
    one, other = np.random.default_rng(3).uniform(0, 5, (2, 6, 7, 4)).astype(np.float32) * [[[[1]]], [[[3]]]]
    found = in_the_style_of(one.astype(np.float32), other.astype(np.float32))
    np.testing.assert_allclose(found.mean((0, 1)), other.mean((0, 1)), rtol=1e-4)
    np.testing.assert_allclose(found.std((0, 1)), other.std((0, 1)), rtol=1e-3)


def test_what_diverges_is_told_and_nothing_moves(encoder):
    """A pixel that is no number ends in a line; the weights stay as they were."""
    it, bad = trainer(encoder), pictures(4)
    learn(it, 3)
    before = {name: array.copy() for name, array in it.arrays().items()}
    bad[0, 4:8, 4:8] = np.nan
    with pytest.raises(NstError, match="step 4: a loss is not finite"):
        it.step(bad)
    assert it.done == 3 and all(np.array_equal(it.arrays()[name], before[name]) for name in before)


def test_edited_checkpoints_are_refused(encoder):
    """A count that is none, one beyond the end, a decoder that is missing, and one of another shape: one line each."""
    it = trainer(encoder)
    learn(it, 3)
    plain, arrays = it.state()
    for done in ("x", -1, 10**9, True):
        with pytest.raises(NstError, match="start anew"):
            trainer(encoder).load({"done": done}, arrays)
    with pytest.raises(NstError, match="decoder of level 2"):
        trainer(encoder).load(plain, {n: a for n, a in arrays.items() if not n.startswith("decoder2")})
    with pytest.raises(NstError, match=r"conv11\.bias"):
        trainer(encoder).load(plain, {**arrays, "decoder1:conv11.bias": np.zeros(2, np.float32)})


@pytest.fixture
def photographs(tmp_path) -> str:
    """A folder of small pictures, just as many as are needed."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(HELD_OUT):
        Image.fromarray(pictures(number, 1)[0].astype(np.uint8)).save(folder / f"{number:02d}.png")
    return str(folder)


def test_a_stopped_training_goes_on_to_the_same_file(tmp_path, photographs, monkeypatch):
    """Stopped and resumed at several steps, the door writes the decoders of an uninterrupted run; the file
    is one that paints, and knows what it was trained for."""
    monkeypatch.setattr(decode_session, "VALIDATED", 2)
    monkeypatch.setattr(decode_session, "SIDE", 16)
    monkeypatch.setattr(train_decoder, "recipe_of", lambda options: RECIPE)
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    common = ["decoder", photographs, "--report-every", "7"]
    assert main([*common, "-o", str(whole)]) == 0
    assert main([*common, "-o", str(cut), "--stop-after", "1e-9"]) == 0
    with pytest.raises(NstError, match="no decoder of level 4; finish"):
        read_slim(cut)
    for done in (1, 2, 3):
        assert load_training(cut.with_suffix(".checkpoint.npz")).state["done"] == done
        assert main([*common, "-o", str(cut), "--resume", "--stop-after", "1e-9"]) == 0
    assert main([*common, "-o", str(cut), "--resume"]) == 0
    assert whole.read_bytes() == cut.read_bytes()
    last = [path.with_suffix(".csv").read_text().splitlines()[-1].split(",") for path in (whole, cut)]
    assert last[0][0] == "20" and [*last[0][:1], *last[0][2:]] == [*last[1][:1], *last[1][2:]]
    page = whole.with_suffix(".html").read_text()
    assert page.count("<svg") == 4 and "relu4_1" in page
    [codec] = read_slim(whole, [4])
    painted = codec.decode(codec.encode(pictures(60, 1)[0]), (16, 16))
    assert painted.shape == (16, 16, 3) and codec.tap == TAPS[4]
    saved = load_training(cut.with_suffix(".checkpoint.npz"))
    save_training(
        cut.with_suffix(".checkpoint.npz"), dataclasses.replace(saved, state={**saved.state, "rows": [[1]]})
    )
    with pytest.raises(NstError, match="the log in the checkpoint"):
        main([*common, "-o", str(cut), "--resume"])
    save_training(cut.with_suffix(".checkpoint.npz"), saved)
    monkeypatch.setattr(train_decoder, "recipe_of", lambda options: dataclasses.replace(RECIPE, seed=1))
    with pytest.raises(NstError, match="another value of seed"):
        main([*common, "-o", str(cut), "--resume"])


def test_decoders_of_another_slim_are_refused(tmp_path, encoder):
    """The file names its encoder by hash; another one is told in a line, and so are numbers that are not finite."""
    it = trainer(encoder)
    slim, _ = bundled_slim()
    learn(it, 11)
    weights = dataclasses.replace(slim, arrays=it.arrays(), network=DECODERS, sha256="0" * 64)
    path = Path(tmp_path / "d.h5")
    formats.write(path, weights, "float16")
    with pytest.raises(NstError, match="another slim"):
        read_slim(path)
    formats.write(path, dataclasses.replace(weights, sha256=slim.sha256), "float16")
    assert [codec.step for codec in read_slim(path)] == [8, 4, 2, 1]
    weights.arrays["decoder2/conv21.bias"][0] = np.nan
    formats.write(path, dataclasses.replace(weights, sha256=slim.sha256), "float16")
    with pytest.raises(NstError, match="not finite"):
        read_slim(path)


def test_the_door_refuses_what_it_cannot_write(tmp_path, photographs):
    """A name that is not .h5, and a folder that is not there."""
    with pytest.raises(NstError, match=r"must end in \.h5"):
        main(["decoder", photographs, "-o", str(tmp_path / "d.npz")])
    with pytest.raises(NstError, match="does not exist"):
        main(["decoder", photographs, "-o", str(tmp_path / "no" / "d.h5")])


def test_a_side_that_does_not_come_back_is_refused(tmp_path, photographs):
    """A crop of 20 pixels would come back as 16 from the deepest layer: told before anything is read."""
    with pytest.raises(NstError, match=r"--side 20: .* multiple of 8"):
        main(["decoder", photographs, "--side", "20", "-o", str(tmp_path / "out.h5")])
