"""The door `python -m nst.fast`, its trained nets from elsewhere, and PyTorch with the same weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst import fast
from nst.errors import NstError
from nst.feedforward.painters import read_painter
from nst.formats.fast_style import read_fast_style
from nst.formats.generators import read_generator
from nst.formats.known import bundled
from nst.images import load, luminance, resize
from nst.images.bundled import landscape_path
from nst.networks.fast_style import fast_style_shapes


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Return a net with random weights as its file has it."""
    rng = np.random.default_rng(seed)
    found = {}
    for number, shape in enumerate(fast_style_shapes().values()):
        spread = np.sqrt(1 / np.prod(shape[:-1])) if len(shape) == 4 else 0.5
        array = spread * rng.standard_normal(shape) + (number % 3 == 2)
        found[f"Variable_{number}" if number else "Variable"] = array.astype(np.float32)
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The file of that net."""
    path = tmp_path_factory.mktemp("model") / "net.npz"
    np.savez(path, **arrays())
    return path


def torchs(variables: dict[str, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Return what TensorFlow's program of this net does, written in PyTorch: picture and result (H, W, 3)."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    held = iter([torch.tensor(array) for array in variables.values()])

    def same(x, kernel, stride):
        ends = []
        for length in (x.shape[3], x.shape[2]):  # PyTorch's pad counts columns first
            total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            ends += [total // 2, total - total // 2]
        return functional.pad(x, ends)

    def normed(x):
        shift, scale = next(held), next(held)
        mu, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
        return scale[:, None, None] * (x - mu) / torch.sqrt(variance + 1e-3) + shift[:, None, None]

    def conv(x, stride=1):
        weight = next(held).permute(3, 2, 0, 1)
        return normed(functional.conv2d(same(x, weight.shape[2], stride), weight, stride=stride))

    def up(x):
        height, width = 2 * x.shape[2], 2 * x.shape[3]
        whole = functional.conv_transpose2d(x, next(held).permute(3, 2, 0, 1), stride=2)
        return normed(whole[:, :, :height, :width]).relu()

    x = torch.tensor(picture.transpose(2, 0, 1)[None])
    for stride in (1, 2, 2):
        x = conv(x, stride).relu()
    for _ in range(5):
        x = x + conv(conv(x).relu())
    x = torch.tanh(conv(up(up(x)))) * 150 + 127.5
    return x[0].numpy().transpose(1, 2, 0)


def in_order(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file by their numbers."""
    with np.load(path) as found:
        names = sorted(found.files, key=lambda name: int(name.partition("_")[2] or 0))
        return {name: found[name] for name in names}


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def test_a_random_net_paints_as_pytorch_does(model):
    """Relative L2 below 1e-4, whatever the weights are."""
    picture = resize(load(landscape_path()).pixels, 64)[:40]
    assert distance(read_painter(model).paint(picture), torchs(arrays(), picture)) < 1e-4


def test_a_trained_net_of_others_paints_as_pytorch_does():
    """The Great Wave's net, whole to its 48 arrays: relative L2 below 1e-4 of a painting of 192 pixels."""
    path = Path(os.environ.get("NST_WEIGHTS", ""), "fast_style_wave.npz")
    if not path.is_file():
        pytest.skip("$NST_WEIGHTS/fast_style_wave.npz is absent")
    picture = resize(load(landscape_path()).pixels, 192)
    picture = picture[: len(picture) // 4 * 4]
    painting = read_painter(path).paint(picture)
    assert painting.std() > 20  # there is something to see
    assert distance(painting, torchs(in_order(path), picture)) < 1e-4


@pytest.mark.parametrize("height, width", [(9, 17), (18, 22), (31, 16)])
def test_any_size_is_that_of_the_picture_with_its_ends_repeated(model, height, width):
    """A picture that no grid of four suits is painted as one with its last pixels repeated, and cut."""
    picture = np.random.default_rng(1).uniform(0, 255, (height, width, 3)).astype(np.float32)
    painter = read_painter(model)
    larger = np.pad(picture, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    painting = painter.paint(picture)
    assert painting.shape == picture.shape
    np.testing.assert_array_equal(painting, painter.paint(larger)[:height, :width])


BAD = {
    "an array is missing": ("Variable_17", None),
    "another shape": ("Variable_12", np.zeros((3, 3, 128, 64), np.float32)),
    "another dtype": ("Variable_5", np.zeros(64)),
    "not finite": ("Variable_5", np.full(64, np.nan, np.float32)),
    "one too many": ("Variable_48", np.zeros(3, np.float32)),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_holds_something_else_is_refused(tmp_path, what):
    """Each array is compared with the table before it is read; the error names it."""
    name, array = BAD[what]
    held = {**arrays(), name: array}
    np.savez(tmp_path / "net.npz", **{key: value for key, value in held.items() if value is not None})
    with pytest.raises(NstError, match=f"net.npz.*{name}"):
        read_fast_style(tmp_path / "net.npz")


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"PK\x03\x04" + bytes(300)], ids=["empty", "GIF", "zip"])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
    """One line with the file's name."""
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(NstError, match=r"net\.npz[^\n]*$"):
        read_fast_style(tmp_path / "net.npz")


def test_pickles_and_cut_files_are_refused(tmp_path, model):
    """An array of objects is never loaded, and half a file is damaged."""
    np.savez(tmp_path / "objects.npz", **{**arrays(), "Variable_1": np.array([{}] * 32, dtype=object)})
    whole = model.read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    for name in ("objects", "half"):
        with pytest.raises(NstError, match=name):
            read_fast_style(tmp_path / f"{name}.npz")


def test_one_picture_into_one_file(door, pictures, model):
    """The painting has the size of the picture, and the line tells where it is."""
    ended = door(fast.main, "apply", model, pictures[0], "-o", "painting.png")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"{pictures[0]} -> painting.png  40x30, ")
    assert Image.open("painting.png").size == (40, 30)


def test_the_net_that_comes_with_it(door, pictures):
    """It paints by its name; a file of that name goes before it."""
    assert door(fast.main, "apply", "starry-night", pictures[0]).status == 0
    painting, photograph = (np.asarray(Image.open(path)).astype(int) for path in ("out.png", pictures[0]))
    assert painting.shape == photograph.shape
    assert np.abs(painting - photograph).mean() > 10
    assert read_generator(bundled("starry-night.npz")).styles == ("van_gogh_starry_night_1889",)
    Path("starry-night").write_bytes(b"no net")
    assert "starry-night" in door(fast.main, "apply", "starry-night", pictures[0]).err


def test_a_folder_into_a_folder(door, tmp_path, pictures, model):
    """Every picture below is painted at --size; one that cannot be read is told, left out, and makes the status 1."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in pictures:
        path.rename(folder / path.name)
    (folder / "broken.png").write_bytes(b"no picture")
    ended = door(fast.main, "apply", model, folder, "--size", 24, "-o", "shown", "--quiet")
    assert (ended.status, ended.out) == (1, "")
    assert "left out" in ended.err
    assert {path.name: Image.open(path).size for path in Path("shown").iterdir()} == {
        "content.png": (24, 18),
        "style.png": (18, 24),
    }


@pytest.mark.parametrize("how", ["shared", "smooth"])
def test_frames_whose_statistics_are_held(door, tmp_path, model, how):
    """A folder of one frame twice is painted alike, as each by its own statistics; a broken frame is left out."""
    folder = tmp_path / "frames"
    folder.mkdir()
    pixels = np.random.default_rng(6).integers(0, 256, (20, 24, 3), np.uint8)
    for name in ("1.png", "3.png"):
        Image.fromarray(pixels).save(folder / name)
    (folder / "2.png").write_bytes(b"no picture")
    assert door(fast.main, "apply", model, folder, "-o", "each", "--quiet").status == 1
    ended = door(fast.main, "apply", model, folder, "-o", "held", "--frames", how)
    assert (ended.status, ended.err.count("left out")) == (1, 1)
    each, *held = (
        np.asarray(Image.open(path)).astype(int) for path in ("each/1.png", "held/1.png", "held/3.png")
    )
    assert max(np.abs(one - each).max() for one in held) <= 1


def test_colours_and_transparency_are_kept(door, tmp_path, model):
    """With both flags the hues are the photograph's, the luminance the painting's, and the opacity as it was."""
    rows, columns = np.mgrid[0:24, 0:32]
    pixels = np.stack([90 + 4 * rows, 90 + 2 * columns, 128 + 0 * rows, 8 * columns], axis=-1).astype(
        np.uint8
    )
    Image.fromarray(pixels).save("veil.png")
    assert door(fast.main, "apply", model, "veil.png", "-o", "plain.png").status == 0
    flags = "--original-colors", "after", "--alpha-channel", "keep"
    assert door(fast.main, "apply", model, "veil.png", "-o", "kept.png", *flags).status == 0
    kept = np.asarray(Image.open("kept.png")).astype(np.float64)
    np.testing.assert_array_equal(kept[..., 3], pixels[..., 3])
    colour = kept[..., :3] - luminance(kept[..., :3])[..., None]
    given = pixels[..., :3] - luminance(pixels[..., :3].astype(np.float64))[..., None]
    inside = ((kept[..., :3] > 0) & (kept[..., :3] < 255)).all(axis=-1) & (pixels[..., 3] > 0)
    assert inside.sum() > 30
    assert np.abs(colour - given)[inside].max() < 1
    assert np.asarray(Image.open("plain.png")).shape == (24, 32, 3)


def test_tiles_never_show(door, model):
    """A picture larger than two tiles is painted in tiles, to the same bytes but for a level here and there."""
    pixels = np.random.default_rng(3).integers(0, 256, (91, 102, 3), np.uint8)
    Image.fromarray(pixels).save("large.png")
    for tile in (64, 1024):
        flags = "--tile", tile, "-o", f"{tile}.png", "--quiet"
        assert door(fast.main, "apply", model, "large.png", *flags).status == 0
    tiled, whole = (np.asarray(Image.open(f"{tile}.png")).astype(int) for tile in (64, 1024))
    assert np.abs(tiled - whole).max() <= 1
    assert np.mean(tiled != whole) < 0.01
    assert whole.std() > 10


@pytest.mark.parametrize(
    "arguments, says",
    [
        ((), "COMMAND"),
        (("apply", "nowhere.npz", "content.png"), "nowhere.npz does not exist"),
        (("apply", "{model}", "nowhere.png"), "nowhere.png does not exist"),
        (("apply", "{model}", "content.png", "-o", "content.png"), "would overwrite an input"),
        (("apply", "{model}", "content.png", "-o", "a.xyz"), "unknown extension"),
        (("apply", "{model}", "content.png", "sub/content.png"), "would both become"),
        (("apply", "{model}", "content.png", "--size", "8"), "--size"),
        (("apply", "{model}", "content.png", "--size", "50000"), "--max-pixels"),
        (("apply", "{model}", "content.png", "--style", "2"), "knows one style"),
        (("apply", "{model}", "content.png", "--keep", "0.5"), "--frames smooth"),
        (("texture", "{model}"), "nst.fast apply"),
        (("train", "style.png"), "--photos"),
        (("train", "style.png", "--photos", ".", "-o", "net.h5"), ".npz"),
        (("train", "style.png", "--photos", ".", "-o", "style.png"), ".npz"),
        (("train", "style.png", "--mode", "texture"), "choose a pyramid"),
        (("train", "style.png", "--photos", ".", "--side", "18"), "multiple of 4"),
        (("train", "style.png", "content.png", "--photos", ".", "--normalisation", "batch"), "instance"),
        (("train", "style.png", "--photos", ".", "--style-layers", "relu9_1"), "relu9_1"),
        (("train", "style.png", "--photos", ".", "--resume"), "does not exist"),
    ],
)
def test_what_is_wrong_is_one_line(door, tmp_path, pictures, model, arguments, says):
    """Status 2, one line, nothing written."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "content.png").write_bytes(pictures[0].read_bytes())
    ended = door(fast.main, *(str(one).format(model=model) for one in arguments))
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert says in ended.err
    assert not any(Path(name).exists() for name in ("out.png", "painted", "net.npz"))
