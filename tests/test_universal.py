"""The door `python -m nst.universal`, its encoders and decoders, and PyTorch with the same weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst import universal
from nst.errors import NstError
from nst.feedforward.transforms import FLOOR, WCT, AdaIN, whitened
from nst.feedforward.universal import Universal, shares_of
from nst.formats.codec_files import read_adain, read_slim, read_wct
from nst.formats.known import bundled
from nst.images import load, resize
from nst.images.bundled import landscape_path, strokes_path
from nst.networks.codecs import ADAIN_DECODER, ADAIN_ENCODER, wct_stages
from nst.weights import main as weights_main
from tests.feedforward import codecs


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with random encoders and decoders: AdaIN's, and WCT's levels 3 to 1."""
    found = tmp_path_factory.mktemp("codecs")
    codecs.write_codecs(found)
    return found


@pytest.fixture(params=["trained", "random"])
def weights(request, folder) -> Path:
    """The folder of the trained ones where it is present, and that of the random ones."""
    if request.param == "random":
        return folder
    found = Path(os.environ.get("NST_WEIGHTS", ""))
    if not (found / "adain_encoder.npz").is_file() or not (found / "distilled_vgg19_encoder3.npz").is_file():
        pytest.skip("$NST_WEIGHTS has no encoders and decoders")
    return found


def two_pictures(size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Return a content and a style whose sides are multiples of 8."""
    content, style = (resize(load(path()).pixels, size) for path in (landscape_path, strokes_path))
    return content[: len(content) // 8 * 8], style[: len(style) // 8 * 8]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def tensors(torch, path: Path) -> dict:
    with np.load(path) as found:
        return {name: torch.tensor(found[name]) for name in found.files}


def test_adain_paints_as_pytorch_does(weights):
    """Encoder, AdaIN, decoder: relative L2 below 1e-4."""
    torch = pytest.importorskip("torch")
    content, style = two_pictures()
    encoder, decoder = (tensors(torch, weights / f"adain_{part}coder.npz") for part in ("en", "de"))
    c, s = (codecs.torch_encoded(torch, encoder, ADAIN_ENCODER, one, True) for one in (content, style))
    over = {"dim": (2, 3), "keepdim": True}
    scale = ((s.var(**over, correction=0) + 1e-5) / (c.var(**over, correction=0) + 1e-5)).sqrt()
    expected = codecs.torch_decoded(
        torch, decoder, ADAIN_DECODER, (c - c.mean(**over)) * scale + s.mean(**over)
    )
    painted = Universal(read_adain(weights), AdaIN()).paint(
        content, [style], shares_of(content.shape[:2], [1])
    )
    assert distance(painted, expected) < 1e-4


@pytest.mark.parametrize("level", [3, 1])
def test_a_level_of_wct_paints_as_pytorch_does(weights, level):
    """Encoder, whitening, colouring, decoder: relative L2 below 1e-4."""
    torch = pytest.importorskip("torch")
    content, style = two_pictures()
    encoder, decoder = (
        tensors(torch, weights / f"distilled_vgg19_{part}coder{level}.npz") for part in ("en", "de")
    )
    down, up = wct_stages(level)
    c, s = (codecs.torch_encoded(torch, encoder, down, one, False) for one in (content, style))
    expected = codecs.torch_decoded(torch, decoder, up, codecs.torch_wct(torch, c, s))
    painted = Universal(read_wct(weights, [level]), WCT()).paint(
        content, [style], shares_of(content.shape[:2], [1])
    )
    assert distance(painted, expected) < 1e-4


@pytest.mark.parametrize("level", [3, 2])
def test_the_deeper_codecs_are_pytorchs(weights, level):
    """Encoding and decoding without a style between."""
    torch = pytest.importorskip("torch")
    content, _ = two_pictures()
    encoder, decoder = (
        tensors(torch, weights / f"distilled_vgg19_{part}coder{level}.npz") for part in ("en", "de")
    )
    down, up = wct_stages(level)
    [codec] = read_wct(weights, [level])
    features = codecs.torch_encoded(torch, encoder, down, content, False)
    ours = codec.encode(content)
    assert distance(ours, features[0].permute(1, 2, 0).numpy()) < 1e-4
    expected = codecs.torch_decoded(torch, decoder, up, features)
    assert distance(codec.decode(ours, content.shape[:2]), expected) < 1e-4


def plainly(found, content: np.ndarray, passes: int = 1) -> np.ndarray:
    """Return what codecs make of a picture, one after the other, with nothing between encoding and decoding."""
    for codec in list(found) * passes:
        content = codec.decode(codec.encode(content), content.shape[:2])
    return content


@pytest.mark.parametrize("method", ["adain", "wct"])
def test_a_picture_in_its_own_style_is_the_plain_reconstruction(weights, method):
    """Style = content gives what encoding and decoding alone give, to 1e-5 (relative L2; measured: 3e-7); alpha 0 gives
    just that, whatever the style, through all codecs and passes."""
    content, style = two_pictures()
    found, transform = (
        (read_adain(weights), AdaIN()) if method == "adain" else (read_wct(weights, [3, 1]), WCT())
    )
    share = shares_of(content.shape[:2], [1])
    for codec in found:
        painted = Universal([codec], transform).paint(content, [content], share)
        assert distance(painted, plainly([codec], content)) < 1e-5
    unpainted = Universal(found, transform, 0.0, passes=2).paint(content, [style], share)
    np.testing.assert_array_equal(unpainted, plainly(found, content, 2))


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 50, 3), (17, 9, 3)])
def test_any_size_keeps_its_size(folder, shape):
    """Down to a single pixel, which is repeated, and never NaN."""
    content = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    share = shares_of(shape[:2], [1])
    for found, transform in ((read_adain(folder), AdaIN()), (read_wct(folder, [3, 1]), WCT())):
        painted = Universal(found, transform).paint(content, [np.full((20, 30, 3), 128, np.float32)], share)
        assert painted.shape == shape
        assert np.isfinite(painted).all()


def test_a_file_that_holds_something_else_is_refused(tmp_path, folder):
    """A decoder in the place of an encoder, half a file, and one that is missing: one line that names it."""
    for name in ("distilled_vgg19_encoder1", "distilled_vgg19_decoder1"):
        (tmp_path / f"{name}.npz").write_bytes((folder / f"{name}.npz").read_bytes())
    (tmp_path / "distilled_vgg19_encoder2.npz").write_bytes(
        (folder / "distilled_vgg19_decoder2.npz").read_bytes()
    )
    with pytest.raises(NstError, match=r"decoder2\.npz is missing"):
        read_wct(tmp_path, [2])
    (tmp_path / "distilled_vgg19_decoder2.npz").write_bytes(
        (folder / "distilled_vgg19_decoder2.npz").read_bytes()
    )
    with pytest.raises(
        NstError, match=r"encoder2\.npz is no distilled_vgg19_encoder2: the array 'conv0.bias' is missing"
    ):
        read_wct(tmp_path, [2])
    whole = (folder / "distilled_vgg19_decoder1.npz").read_bytes()
    (tmp_path / "distilled_vgg19_decoder1.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NstError, match=r"decoder1\.npz[^\n]*$"):
        read_wct(tmp_path, [1])


def run(door, folder, *arguments):
    return door(universal.main, *arguments, "--weights", folder, "--size", 32)


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(np.float64)


def test_both_methods_paint(door, pictures, folder):
    """The result has the size that is asked for, and the two methods and two alphas differ."""
    found = []
    for flags in ((), ("--alpha", 0.3), ("--method", "wct", "--levels", "21")):
        ended = run(door, folder, *pictures, "-o", "a.png", *flags)
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith("a.png  32x24, ")
        found.append(pixels("a.png"))
    assert all(np.abs(one - other).max() > 2 for one, other in zip(found, found[1:] + found[:1], strict=True))


def test_masks_send_each_style_to_its_place(door, pictures, folder):
    """With all of the picture under the first mask and a corner under the second, the far end is as without it."""
    far, near = np.full((30, 40), 255, np.uint8), np.zeros((30, 40), np.uint8)
    near[:4, :4], far[:4, :4] = 255, 0
    Image.fromarray(far).save("far.png")
    Image.fromarray(near).save("near.png")
    arguments = pictures[0], pictures[1], pictures[0], "--method", "wct", "--levels", "1", "--quiet"
    assert run(door, folder, *arguments, "-o", "m.png", "--masks", "far.png", "near.png").status == 0
    assert run(door, folder, *arguments, "-o", "b.png", "--style-blend", "1,0").status == 0
    change = np.abs(pixels("m.png") - pixels("b.png")).mean(axis=2)
    assert change[:3, :3].mean() > 4 * change[12:, 16:].mean()


def test_a_texture_needs_no_content(door, pictures, folder):
    """From noise of a seed: the same seed gives the same bytes, another seed others."""
    found = []
    for seed in (1, 1, 2):
        flags = "--texture", "--method", "wct", "--levels", "2", "--seed", seed, "--quiet", "-o", "t.png"
        ended = run(door, folder, pictures[1], *flags)
        assert (ended.status, ended.out) == (0, "")
        found.append(Path("t.png").read_bytes())
    assert found[0] == found[1] != found[2]
    assert Image.open("t.png").size == (32, 32)


def test_colours_are_kept(door, pictures, folder):
    """`after` and `before` each make another picture; `after` keeps the hue of a grey photograph: none."""
    Image.open(pictures[0]).convert("L").save("grey.png")
    found = {}
    for how in ("no", "before", "after"):
        assert run(door, folder, "grey.png", pictures[1], "-o", "c.png", "--original-colors", how).status == 0
        found[how] = pixels("c.png")
    assert np.ptp(found["after"], axis=2).max() == 0 < np.ptp(found["no"], axis=2).max()
    assert np.abs(found["no"] - found["before"]).max() > 2


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("content.png",), "a style picture is missing"),
        (("content.png", "nowhere.png"), "nowhere.png does not exist"),
        (("content.png", "style.png", "--style-blend", "1,2"), "2 weights for 1"),
        (("content.png", "style.png", "--masks", "a.png", "b.png"), "2 for 1 styles"),
        (("content.png", "style.png", "--alpha", "1.5"), "--alpha"),
        (("content.png", "style.png", "--method", "wct", "--levels", "6"), "--levels 6"),
        (("content.png", "style.png", "--levels", "3"), "--levels: AdaIN has one level"),
        (("content.png", "style.png", "--method", "wct", "--levels", "4"), "encoder4.npz is missing"),
        (("style.png", "--texture", "--original-colors", "after"), "--original-colors"),
        (("style.png", "--texture", "--max-pixels", "100"), "more than --max-pixels"),
        (("content.png", "style.png", "-o", "style.png"), "would overwrite an input"),
    ],
)
def test_what_is_wrong_is_one_line(door, pictures, folder, arguments, says):
    """Status 2, one line, nothing written."""
    ended = run(door, folder, *arguments)
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert says in ended.err
    assert not Path("out.png").exists()


@pytest.mark.parametrize("method", ["adain", "wct"])
def test_it_paints_with_what_comes_with_it(door, pictures, method):
    """Without a folder both methods paint with slim; a line says so, and how VGG-19 is had; --quiet leaves it out."""
    common = *pictures, "--method", method, "--size", 32
    ended = door(universal.main, *common)
    assert (ended.status, ended.err) == (0, "")
    first, last = ended.out.splitlines()
    assert first.startswith("with slim, which comes with nst; for VGG-19: --weights FOLDER that has ")
    assert f"{'adain_' if method == 'adain' else 'distilled_vgg19_'}" in first
    assert last.startswith("out.png  32x24, ")
    assert door(universal.main, *common, "--quiet").out == ""


def test_a_folder_named_by_the_environment_may_hold_something_else(
    door, pictures, folder, tmp_path, monkeypatch
):
    """$NST_WEIGHTS with VGG-19's codecs is used; one without them leaves slim's; --weights names a folder or a file."""
    paint = (universal.main, *pictures, "--size", 32)
    monkeypatch.setenv("NST_WEIGHTS", str(folder))
    assert door(*paint).out.startswith("out.png")
    theirs = pixels("out.png")
    assert door(*paint, "--method", "wct").out.startswith("with slim")  # the folder has no fifth level
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path))
    assert door(*paint).out.startswith("with slim")
    ours = pixels("out.png")
    assert np.abs(ours - theirs).max() > 2
    assert door(*paint, "--weights", bundled("slim-decoders.h5")).out.startswith("out.png")
    np.testing.assert_array_equal(pixels("out.png"), ours)
    assert "adain_encoder.npz is missing" in door(*paint, "--weights", tmp_path).err


def test_slim_has_four_levels(door, pictures):
    """The fifth is refused in a line; any others, in any order, are taken."""
    ended = door(universal.main, *pictures, "--method", "wct", "--levels", "54")
    assert ended.status == 2 and "slim has levels 1 to 4" in ended.err
    assert door(universal.main, *pictures, "--method", "wct", "--levels", "13", "--size", 32).status == 0


def test_slims_own_style_is_the_plain_reconstruction():
    """As for the others' codecs: to 1e-5, for AdaIN and each level of WCT, and exactly with alpha 0."""
    content, style = two_pictures()
    share = shares_of(content.shape[:2], [1])
    for codec in read_slim():
        plain = plainly([codec], content)
        for transform in (AdaIN(), WCT()):
            assert distance(Universal([codec], transform).paint(content, [content], share), plain) < 1e-5
        np.testing.assert_array_equal(Universal([codec], WCT(), 0.0).paint(content, [style], share), plain)


def test_slims_decoders_reconstruct():
    """What comes back is the picture, nearer from the shallower layers: the mean difference of 255 is below a bound for
    each level."""
    content, _ = two_pictures(128)
    found = {codec.step: float(np.abs(plainly([codec], content) - content).mean()) for codec in read_slim()}
    assert all(found[step] < bound for step, bound in ((1, 5), (2, 12), (4, 16), (8, 28)))


def test_slims_features_are_white():
    """A photograph's features have, at all four levels and in every direction above the floor, covariance 1 to 1e-4."""
    content, _ = two_pictures(160)
    for codec in read_slim():
        features = codec.encode(content)
        f = features.reshape(-1, features.shape[-1])
        values, vectors = np.linalg.eigh(WCT().measure(f).spread)
        kept = vectors[:, values > FLOOR * values[-1]]
        white = whitened(f).astype(np.float64) @ kept
        white -= white.mean(axis=0)
        np.testing.assert_allclose(white.T @ white / len(white), np.eye(kept.shape[1]), atol=1e-4)


@pytest.mark.parametrize("flat", ["content", "style", "both"])
def test_flat_pictures_are_never_nan(flat):
    """Black, white, grey, as content, style or both, through all levels of both methods: finite numbers in 0..255."""
    content, style = two_pictures(64)
    share = shares_of(content.shape[:2], [1])
    for value in (0, 255, 128) if flat == "both" else (128,):
        of = [np.full_like(one, value) if flat in (name, "both") else one
              for name, one in (("content", content), ("style", style))]  # fmt: skip
        for transform, found in ((AdaIN(), read_slim(levels=[4])), (WCT(), read_slim())):
            painted = Universal(found, transform).paint(of[0], [of[1]], share)
            assert painted.min() >= 0 and painted.max() <= 255 and np.isfinite(painted).all()


def test_the_file_of_decoders_tells_what_it_is(capsys):
    """`nst.weights info` names network, source and terms."""
    assert weights_main(["info", str(bundled("slim-decoders.h5"))]) == 0
    told = capsys.readouterr().out
    assert all(
        words in told for words in ("slim-decoders", "nst.train decoder", "MIT", "decoder4/conv11.weight")
    )
