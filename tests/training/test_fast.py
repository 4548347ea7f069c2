"""Training a generator, with a toy that looks: the loss is nst.run's; it learns, resumes to the same bytes, stops."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst import fast
from nst.engine import StyleTransfer
from nst.errors import NstError
from nst.formats.generators import read_generator
from nst.layers import ConditionalInstanceNorm
from nst.networks import Weights, vgg
from nst.networks.generators import Design, state
from nst.networks.vgg import BLOCKS
from nst.training.fast_loss import Perceptual
from nst.training.fast_recipe import PRESETS, FastRecipe, existing
from nst.training.fast_trainer import FastTraining
from nst.training.training_checkpoint import load_training, save_training

SIDE = 32
RECIPE = FastRecipe(steps=30, batch=2, side=SIDE, learning_rate=1e-2, warmup=3)
DESIGN = Design(width=2, depth=1)
TRANSFER = StyleTransfer({"relu2_1": 1.0}, {"relu1_1": 1.0, "relu3_1": 0.5}, 5.0, 100.0, 10.0, 1e4)


def looking() -> Weights:
    """Return weights of a network of slim's shape, very narrow."""
    rng = np.random.default_rng(8)
    arrays, channels = {}, 3
    for block, (count, _) in enumerate(BLOCKS["slim"], 1):
        for index in range(1, count + 1):
            weight = rng.standard_normal((3, 3, channels, 6)) * np.sqrt(2 / (9 * channels))
            arrays[f"conv{block}_{index}.weight"] = weight.astype(np.float32)
            arrays[f"conv{block}_{index}.bias"] = np.zeros(6, np.float32)
            channels = 6
    return Weights(arrays, "slim", "RGB", (127.5,) * 3, (1 / 64,) * 3)


def picture(seed: int, count: int = 1, side: int = SIDE) -> np.ndarray:
    """Return patches of colour, (count, side, side, 3)."""
    coarse = np.random.default_rng([3, seed]).uniform(0, 255, (count, side // 4, side // 4, 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.float32)


def perceptual(styles: int = 1, transfer: StyleTransfer = TRANSFER) -> Perceptual:
    return Perceptual(vgg(looking()), transfer, [picture(100 + at) for at in range(styles)], SIDE)


def learn(it: FastTraining, until: int) -> FastTraining:
    while it.step < until:
        it.advance(picture(it.step, it.recipe.batch))
    return it


def test_the_loss_is_that_of_painting_by_pixels():
    """For each picture value, parts and gradient are those of nst.run's objective, and the batch has their mean."""
    loss, painted, photographs = perceptual(2), picture(1, 2) + 3, picture(2, 2)
    parts, gradient = loss(painted, photographs, [1, 0])
    total = 0.0
    for at, style in enumerate([1, 0]):
        objective = TRANSFER.objective(vgg(looking()), photographs[at : at + 1], [picture(100 + style)])
        expected = objective(painted[at : at + 1])
        np.testing.assert_allclose(2 * gradient[at], expected.gradient[0], rtol=1e-4, atol=1e-6)
        total += expected.value / 2
    assert sum(parts.values()) == pytest.approx(total, rel=1e-5)
    assert list(parts) == ["content relu2_1", "style relu1_1", "style relu3_1", "tv", "range"]


@pytest.mark.parametrize(
    "design",
    [
        DESIGN,
        Design(width=2, depth=1, norm="batch"),
        Design("pyramid", width=3, depth=3),
        Design("pyramid", width=3, depth=2, mode="texture", norm="batch"),
        Design(width=2, depth=1, styles=2),
    ],
    ids=["instance", "batch", "pyramid", "texture", "styles"],
)
def test_it_learns(design):
    """The mean loss of the last steps is well below that of the first."""
    texture = design.mode == "texture"
    transfer = dataclasses.replace(TRANSFER, content_weight=0.0) if texture else TRANSFER
    it = learn(FastTraining(design, RECIPE, perceptual(design.styles, transfer)), 30)
    losses = np.sum(it.losses, axis=1)
    assert losses[-5:].mean() < 0.75 * losses[:3].mean()
    assert it.painted(picture(50)).shape == (1, SIDE, SIDE, 3)


def test_resuming_gives_the_same_numbers(tmp_path):
    """A state saved in the middle and loaded into a fresh training leads to the same weights to the bit."""
    design = Design(width=2, depth=1, norm="batch")
    first = learn(FastTraining(design, RECIPE, perceptual()), 7)
    plain, arrays = first.state()
    second = FastTraining(design, RECIPE, perceptual())
    second.load(plain, {name: array.copy() for name, array in arrays.items()})
    one, other = (state(learn(it, 12).network) for it in (first, second))
    assert all(np.array_equal(array, other[name]) for name, array in one.items())
    assert first.losses == second.losses


def test_a_style_that_no_picture_has_stays():
    """Scales and shifts of the style that was drawn move, the other's do not."""
    it = FastTraining(Design(width=2, depth=1, styles=2), RECIPE, perceptual(2))
    drawn = it._rng(3).integers(2, size=1)[0]
    it.advance(picture(0, 1))
    for node in it.network.nodes.values():
        if isinstance(node.layer, ConditionalInstanceNorm):
            gamma, beta = node.layer.gamma, node.layer.beta
            assert (
                (gamma[drawn] != 1).all() and (gamma[1 - drawn] == 1).all() and (beta[1 - drawn] == 0).all()
            )


def test_a_loss_that_is_not_finite_stops_it():
    """The step, the term and what to do are told; weights and Adam stay as they were."""
    it = learn(FastTraining(DESIGN, RECIPE, perceptual()), 2)
    before = {name: array.copy() for name, array in it.state()[1].items()}
    photographs = picture(9, 2)
    photographs[0, 3, 3, 1] = np.nan
    with pytest.raises(NstError, match=r"step 3: the loss is not finite .*learning rate"):
        it.advance(photographs)
    assert it.step == 2
    assert all(np.array_equal(array, before[name]) for name, array in it.state()[1].items())


def test_rates():
    """Constant; a cosine after a warm-up; Ulyanov's drops by 0.7 at step 1000 and every 200 from there."""
    assert PRESETS["johnson"].recipe.rate(0) == PRESETS["johnson"].recipe.rate(39_999) == 1e-3
    drops = PRESETS["ulyanov-texture"].recipe
    assert [drops.rate(step) for step in (999, 1000, 1199, 1200)] == pytest.approx([0.1, 0.07, 0.07, 0.049])
    cosine = FastRecipe(steps=100, warmup=10, learning_rate=1.0)
    assert cosine.rate(0) < 0.2 < 0.9 < cosine.rate(10) < 1 and cosine.rate(99) < 1e-3


def test_layers_that_are_missing_give_way_to_the_last_before_them():
    """As the slim network has no relu4_3, and no fifth block."""
    network = vgg(looking())
    layers = PRESETS["johnson"].recipe.style_layers + (("relu5_1", 1.0), ("relu4_1", 0.5))
    found = existing(layers, network)
    assert found == (("relu1_2", 1.0), ("relu2_2", 1.0), ("relu3_3", 1.0), ("relu4_1", 1.5))


@pytest.fixture
def photographs(tmp_path, monkeypatch) -> Path:
    """A folder of small pictures; the door's network is a toy."""
    monkeypatch.setattr("nst.session.plan.read_weights", lambda options: (looking(), None, "network: a toy"))
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(6):
        pixels = picture(number, 1, 48)[0]
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    Image.fromarray(picture(77)[0].astype(np.uint8)).save(tmp_path / "style.png")
    return folder


TOY = (
    "--side",
    SIDE,
    "--style-size",
    SIDE,
    "--steps",
    5,
    "--batch",
    1,
    "--width",
    2,
    "--depth",
    1,
    "--save-every",
    2,
)


def test_a_stopped_training_goes_on_to_the_same_bytes(door, photographs):
    """Stopped after each step and resumed, the door writes the net of an uninterrupted training, and a report."""
    common = ("train", "style.png", "--photos", photographs, *TOY)
    assert door(fast.main, *common, "-o", "whole.npz").status == 0
    assert door(fast.main, *common, "-o", "cut.npz", "--stop-after", 1e-9).status == 0
    for done in range(1, 5):
        assert load_training("cut.checkpoint.npz").state["step"] == done
        ended = door(fast.main, *common, "-o", "cut.npz", "--resume", "--stop-after", 1e-9)
        assert (ended.status, "not finite" in ended.err) == (0, False)
    assert Path("whole.npz").read_bytes() == Path("cut.npz").read_bytes()
    page = Path("cut.html").read_text("utf-8")
    assert "style relu1_1" in page and page.count("<img") >= 4
    assert read_generator("cut.npz").styles == ("style",)


def test_two_styles_a_texture_and_what_applies_them(door, photographs):
    """The door trains a net of two styles and a texture's, and paints with each."""
    Image.fromarray(picture(78)[0].astype(np.uint8)).save("other.png")
    ended = door(fast.main, "train", "style.png", "other.png", "--photos", photographs, *TOY, "--quiet")
    assert ended == (0, "", "")
    for number, flags in enumerate([(), ("--style", "other"), ("--style", 2), ("--style-blend", "0.5,0.5")]):
        source = photographs / "1.png"
        assert door(fast.main, "apply", "net.npz", source, "-o", f"{number}.png", *flags).status == 0
    shown = [np.asarray(Image.open(f"{number}.png")) for number in range(4)]
    np.testing.assert_array_equal(shown[1], shown[2])
    flags = "--generator", "pyramid", "--mode", "texture", "--depth", 2, "--dtype", "float16"
    assert door(fast.main, "train", "style.png", *TOY, *flags, "-o", "tile.npz").status == 0
    assert door(fast.main, "texture", "tile.npz", "--size", 33, "--seed", 4).status == 0
    assert Image.open("out.png").size == (34, 34)
    refused = door(fast.main, "apply", "net.npz", photographs / "1.png", "--style", "third")
    assert refused.status == 2 and "it has style, other" in refused.err
    refused = door(fast.main, "apply", "tile.npz", photographs / "1.png")
    assert refused.status == 2 and "nst.fast texture" in refused.err


def test_a_checkpoint_that_does_not_belong_is_refused(door, photographs):
    """Another recipe, and numbers that make no sense, each in a line."""
    common = ("train", "style.png", "--photos", photographs, *TOY)
    assert door(fast.main, *common, "--stop-after", 1e-9).status == 0
    ended = door(fast.main, *common, "--resume", "--seed", 1)
    assert (ended.status, ended.err.count("\n")) == (2, 1) and "another seed" in ended.err
    saved = load_training("net.checkpoint.npz")
    for change in (
        {"state": {**saved.state, "step": 4}},
        {"state": {**saved.state, "judged": [["1", 2]]}},
        {"arrays": {**saved.arrays, "network.out.bias": np.full(3, np.inf, np.float32)}},
        {"arrays": {**saved.arrays, "picture.x": np.zeros((2, 2, 3), np.uint8)}},
        {"arrays": {**saved.arrays, "picture.999999": np.zeros((2, 2, 3), np.uint8)}},
        {"arrays": {name: a for name, a in saved.arrays.items() if not name.startswith("optimizer.")}},
    ):
        save_training("net.checkpoint.npz", dataclasses.replace(saved, **change))
        ended = door(fast.main, *common, "--resume")
        assert (ended.status, ended.err.count("\n")) == (2, 1)
