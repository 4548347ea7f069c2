"""`python -m nst.texture` as a user meets it: sizes, statistics, seams, records, going on, errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.engine.checkpoint import load_checkpoint
from nst.errors import NstError
from nst.images import eight_bits, load, resize_to
from nst.session.texture_arguments import parse, resolved
from nst.session.texture_plan import begun_where_quiet, make_plan
from nst.texture import main

QUICK = "--network", "random", "--style-layers", "relu1_1,pool1", "--scales", 2, "--iterations", "3,2"


@pytest.fixture
def sample(tmp_path):
    """Stuff of 40x32 pixels: soft red spots on grey."""
    spots = np.random.default_rng(5).uniform(-1, 1, (12, 14))
    spots = resize_to(np.repeat(spots[:, :, None], 3, axis=2).astype(np.float32), (32, 40))
    path = tmp_path / "sample.png"
    Image.fromarray(np.clip(120 + spots * [130, 60, 40], 0, 255).astype(np.uint8)).save(path)
    return path


def pixels(name: str) -> np.ndarray:
    return load(name).pixels.astype(np.float32)


def seams(picture: np.ndarray) -> list[tuple[float, float]]:
    """Return, for both axes, the root mean square difference of neighbours across the border and inside."""
    found = []
    for axis in (0, 1):
        inside = np.diff(picture, axis=axis)
        across = picture.take(0, axis) - picture.take(-1, axis)
        found.append((float(np.sqrt(np.square(across).mean())), float(np.sqrt(np.square(inside).mean()))))
    return found


def test_it_makes_a_texture_and_its_record(door, sample):
    """Twice the sample by default, in four files; the record names the sample, the page shows it."""
    ended = door(main, sample, *QUICK)
    assert ended.status == 0 and ended.out == "", ended
    assert (
        ended.err.splitlines()[-1] == "all 5 iterations done; wrote texture.png, texture.json, texture.html"
    )
    assert pixels("texture.png").shape == (64, 80, 3)
    record = json.loads(Path("texture.json").read_text())
    assert set(record["hashes"]) == {"network", "sample"}
    assert record["settings"]["style_statistic"] == {"gram": 1.0}
    assert "texture of sample.png" in Path("texture.html").read_text()
    assert Path("texture.checkpoint.npz").exists()


@pytest.mark.parametrize("size, shape", [("50x20", (20, 50)), ("1.5x", (48, 60)), ("1x", (32, 40))])
def test_any_size(door, sample, size, shape):
    """Of pixels or of samples, with any sides, smaller in one direction too."""
    assert door(main, sample, *QUICK, "--size", size, "--quiet") == (0, "", "")
    assert pixels("texture.png").shape == (*shape, 3)


def test_it_comes_near_the_sample(door, sample):
    """The loss falls far below that of the noise that it begins with, which has the sample's own colours."""
    assert door(main, sample, *QUICK[:-1], "20,10", "--quiet").status == 0
    rows = json.loads(Path("texture.json").read_text())["trace"]["rows"]
    assert rows[19]["loss"] < 0.5 * rows[0]["loss"]  # at the first scale


@pytest.mark.parametrize("statistic", ["moments", "covariance", "histogram", "gram+histogram"])
def test_every_statistic(door, sample, statistic):
    """Each makes another texture than the Gram matrix from the same noise."""
    assert door(main, sample, *QUICK, "--quiet", "-o", "gram.png").status == 0
    assert door(main, sample, *QUICK, "--quiet", "--style-statistic", statistic).status == 0
    assert np.abs(pixels("gram.png") - pixels("texture.png")).max() > 2


def test_of_a_grey_sample_it_is_grey(door, sample):
    """Though the network sees three channels, and no term asks that they be the same."""
    Image.open(sample).convert("L").save("grey.png")
    assert door(main, "grey.png", *QUICK, "--quiet") == (0, "", "")
    assert np.ptp(pixels("texture.png"), axis=2).max() <= 1


def test_the_seed_decides(door, sample):
    """The same seed gives the same bytes, another one another texture."""
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        assert door(main, sample, *QUICK, "--quiet", "-o", name, "--seed", seed).status == 0
    a, b, c = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b != c


def test_a_seamless_texture_goes_round(door, sample):
    """Where it was made as a border it differs no more than inside, which without --seamless it does."""
    line = (sample, *QUICK[:-1], "30,20", "--size", "64x48", "--quiet")
    made = {}
    for name, *flags in (("round", "--seamless"), ("plain",)):
        assert door(main, *line, *flags, "-o", f"{name}.png").status == 0
        made[name] = load_checkpoint(Path(f"{name}.checkpoint.npz")).image[0]
    assert all(across < 1.1 * inside for across, inside in seams(made["round"]))
    assert max(across / inside for across, inside in seams(made["plain"])) > 1.3
    assert all(across < inside for across, inside in seams(pixels("round.png")))
    assert np.array_equal(pixels("plain.png"), eight_bits(made["plain"]))


@pytest.mark.parametrize("place", [(0, 0), (7, 0), (0, 4), (11, 8), (5, 3)])
def test_a_seamless_texture_begins_where_neighbours_differ_least(place):
    """Wherever that is, on both axes; it is the same picture, rolled."""
    picture = np.random.default_rng(3).integers(0, 256, (12, 9, 3), np.uint8)
    picture[1] = picture[0]
    picture[:, 1] = picture[:, 0]
    calm = np.roll(picture, -1, (0, 1))  # the two equal rows, and columns, are the last and the first
    found = begun_where_quiet(np.roll(picture, place, (0, 1)))
    assert found.dtype == np.uint8 and np.array_equal(found, calm)


@pytest.mark.parametrize(
    "flags, iterations",
    [
        ((), [100] * 4),
        (("--scales", 2), [100] * 2),
        (("--iterations", 7), [7] * 4),
        (("--iterations", "5,3"), [5, 3]),
    ],
)
def test_each_size_gets_as_many_iterations_unless_told_otherwise(sample, flags, iterations):
    """One number is that of every size; several are of one size each."""
    line = [str(sample), "--network", "random", "--style-layers", "relu1_1", "--size", "4x", *map(str, flags)]
    plan = make_plan(parse(line))
    assert [scale.iterations for scale in plan.scales] == iterations


@pytest.mark.parametrize(
    "network, layers",
    [
        ("slim", ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]),
        ("random", ["relu1_1", "pool1", "pool2", "pool3", "relu4_1", "pool4"]),
    ],
)
def test_each_network_is_asked_at_its_own_layers(sample, network, layers):
    """slim where it was taught to have VGG-19's Gram matrices; others at the pools, as Gatys et al. had it."""
    flags = [] if network == "slim" else ["--network", network]
    plan = make_plan(parse([str(sample), *flags, "--scales", "1"]), {"cpu": 1})
    assert list(plan.transfer.style_layers) == layers


def test_a_seamless_objective_does_not_see_where_the_picture_begins(sample):
    """Rolled by whole steps of the pools, a picture has the same loss, and a gradient that is rolled as well."""
    plan = make_plan(parse([*map(str, (sample, *QUICK)), "--size", "64x48", "--seamless"]))
    scale = plan.scales[-1]
    content = plan.sources.content_at(scale)
    objective = plan.objective(1, content, plan.sources.styles_at(scale, content))
    image = np.random.default_rng(0).uniform(0, 255, content.shape).astype(np.float32)
    here, there = objective(image), objective(np.roll(image, (10, -6), axis=(1, 2)))
    assert there.value == pytest.approx(here.value, rel=1e-5)
    rolled = np.roll(here.gradient, (10, -6), axis=(1, 2))
    assert np.linalg.norm(there.gradient - rolled) < 1e-4 * np.linalg.norm(rolled)


def test_a_seamless_picture_is_enlarged_seamlessly(sample):
    """Rolled and then enlarged is enlarged and then rolled, also by factors that are not whole."""
    sources = make_plan(parse([*map(str, (sample, *QUICK)), "--seamless"])).sources
    picture = np.random.default_rng(1).uniform(0, 255, (24, 32, 3)).astype(np.float32)
    for size, shift in (((48, 64), (12, 8)), ((36, 56), (12, 14))):
        moved = np.roll(picture, [s * a // b for s, a, b in zip(shift, (24, 32), size, strict=True)], (0, 1))
        expected = np.roll(sources.enlarged(picture, size), shift, (0, 1))
        np.testing.assert_allclose(sources.enlarged(moved, size), expected, atol=1e-3)


def test_going_on_ends_at_the_same_bytes(door, sample, monkeypatch):
    """Stopped within the first scale, and resumed, it is the texture of one go; other arguments are refused."""
    line = (sample, *QUICK, "--seamless", "--quiet", "--save-every", 1)
    assert door(main, *line, "-o", "straight.png").status == 0
    from nst.session.paint import Run

    record = Run._record

    def interrupted(run, step, objective):
        record(run, step, objective)
        if run.iteration == 2:
            run.save("running")
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_record", interrupted)
        assert door(main, *line).status == 130
    assert door(main, "--resume", "--quiet") == (0, "", "")
    assert Path("texture.png").read_bytes() == Path("straight.png").read_bytes()
    ended = door(main, "--resume", "--size", "3x")
    assert ended.status == 2 and "--size: the checkpoint was made with" in ended.err


def test_a_dry_run_says_what_it_would_do(door, sample):
    """Sizes, layers, iterations at each scale; no file."""
    ended = door(main, sample, *QUICK, "--seamless", "--size", "1.6x", "--dry-run")
    assert ended.status == 0, ended
    for part in (
        "sample: 40x32, texture: 64x52, seamless",
        "layers: relu1_1, pool1",
        "3 iterations at 32 px",
    ):
        assert part in ended.out
    assert not Path("texture.png").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "give one sample, not none"),
        (["sample.png", "sample.png"], "give one sample, not 2"),
        (["sample.png", "--size", "big"], "'big' is no size: write 1024x768, or 2x"),
        (["sample.png", "--size", "0x100"], "is no size"),
        (["sample.png", "--size", "0.0x"], "is no size"),
        (["sample.png", "--size", "9" * 400 + "x"], "is no size"),
        (["sample.png", "--size", "9" * 5000 + "x9"], "is no size"),
        (["sample.png", "--size", "65x48", "--seamless"], "multiple of 16x16 pixels; use 64x48"),
        (["sample.png", "--size", "99999x99999"], "more than --max-pixels"),
        (["sample.png", "--size", "32x32", "--scales", "3"], "use fewer"),
        (["sample.png", "--sample-size", "16", "--size", "64x64"], "sample at 16x13"),
        (["sample.png", "--style-statistic", "entropy"], "'entropy' is no statistic"),
        (["missing.png"], "missing.png"),
    ],
)
def test_mistakes_end_in_one_line(door, sample, arguments, message):
    """Status 2, one line that says what is wrong and what to do, and no file."""
    ended = door(main, "--network", "random", "--scales", 1, *arguments)
    assert (ended.status, ended.out) == (2, "") and ended.err.count("\n") == 1, ended
    assert message in ended.err
    assert not Path("texture.png").exists()


def test_seamless_in_tiles_is_the_same_objective(sample):
    """With too little --memory for the whole it is taken in tiles, whose halos go round; the sample's do not."""
    line = [*map(str, (sample, *QUICK)), "--size", "512x512", "--sample-size", "512", "--seamless"]
    plan = make_plan(parse(line))
    memory = plan.layouts[-1].total - plan.layouts[-1].parts["network"] // 2
    tiled = make_plan(parse([*line, "--memory", f"{memory / 1e6:.0f}MB"]))
    (texture, (measured,)) = (tiled.layouts[-1].content, tiled.layouts[-1].styles)
    assert texture.circular and not measured.circular and plan.layouts[-1].content is None
    content = plan.sources.content_at(plan.scales[-1])
    image = np.random.default_rng(0).uniform(0, 255, content.shape).astype(np.float32)
    whole, parts = (
        one.objective(1, content, one.sources.styles_at(one.scales[-1], content))(image)
        for one in (plan, tiled)
    )
    assert parts.value == pytest.approx(whole.value, rel=1e-5)
    assert np.linalg.norm(parts.gradient - whole.gradient) < 1e-4 * np.linalg.norm(whole.gradient)


def test_sizes_of_the_sample_are_rounded():
    """Width comes first where it is written, height first where it is returned."""
    assert resolved("1024x768", (9, 9)) == (768, 1024) and resolved(".5x", (25, 50)) == (12, 25)
    with pytest.raises(NstError, match="is no size"):
        parse(["sample.png", "--size", "2"])
