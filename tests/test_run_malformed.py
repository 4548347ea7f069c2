"""Wrong arguments and wrong files at the main door: one line that says what to do, status 2, nothing left behind."""

from __future__ import annotations

import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from nst.run import main
from tests.engine.hostile import SENTINEL

PAIR = ["content.png", "style.png"]
QUICK = ["--network", "random", "--size", "32", "--iterations", "2"]

ARGUMENTS = {
    # arguments: what the line must say
    "--wrong": "unrecognized arguments: --wrong",
    "--iter 5": "unrecognized arguments: --iter",
    "content.png": "a style picture is missing",
    "--size 0": "0 is not a whole number from 16 to",
    "--size 15": "15 is not a whole number from 16 to",
    "--size -64": "--size",
    "--size 99999999999999999999": "is not a whole number from 16 to",
    "--size 100000": "would become 100000x75000 pixels, more than --max-pixels 64000000 allows",
    "--size 1000 --style-scale 20": "would become 15000x20000 pixels, more than",
    "--size large": "argument --size: invalid whole number value: 'large'",
    "--size 64.5": "invalid whole number value: '64.5'",
    "--size": "argument --size: expected one argument",
    "--iterations 0": "0 is not a whole number from 1 to",
    "--iterations 5,": "invalid whole number value: '5,'",
    "--iterations 9,0": "0 is not a whole number from 1 to",
    "--iterations 9,9 --scales 1": "--iterations has 2 numbers for 1 scales; give one, or one for each",
    "--scales 0": "0 is not a whole number from 1 to 20",
    "--scales 3": "--scales 3 would begin at 8 pixels; 32 pixels can be halved to no less than 16: use fewer",
    "--size 64 --scales 2 --padding zero --style-scale 0.2": "too small for pool3; use a larger --style-scale or "
    "--size, or fewer --scales",
    "--iterations nan": "invalid whole number value: 'nan'",
    "--style-weight -1": "-1 is not a number from 0",
    "--style-weight nan": "nan is not a number from 0",
    "--content-weight inf": "inf is not a number from 0",
    "--tv-weight much": "invalid number value: 'much'",
    "--range-weight -0.5": "is not a number from 0",
    "--content-weight 0 --style-weight 0": "there is nothing to paint",
    "--learning-rate 0": "0 is not a number above 0",
    "--style-scale 0": "0 is not a number above 0",
    "--style-scale 101": "101 is not a number",
    "--history 0": "0 is not a whole number from 1 to 1000",
    "--seed -1": "--seed",
    "--seed 9223372036854775808": "is not a whole number from 0",
    "--print-every 0": "0 is not a whole number from 1",
    "--save-every 0": "0 is not a whole number from 1",
    "--max-pixels 0": "0 is not a whole number from 1",
    "--max-pixels 100": "has 40x30 pixels, more than --max-pixels 100 allows",
    "--memory much": "argument --memory: ",
    "--memory 10MB --content-layers relu1_1 --style-layers relu1_1": "--memory 10MB is too little to paint 32x24",
    "--optimizer sgd": "invalid choice: 'sgd'",
    "--network vgg91": "invalid choice: 'vgg91'",
    "--pooling mean": "invalid choice: 'mean'",
    "--padding mirror": "invalid choice: 'mirror'",
    "--alpha black": "invalid choice: 'black'",
    "--original-colors maybe": "invalid choice: 'maybe'",
    "--init nowhere.png": "picture nowhere.png does not exist",
    "--init .": "picture . is not a file",
    "--style-layers relu9_9": "no layer 'relu9_9'",
    "--style-layers rleu4_1": "did you mean 'relu4_1'?; there are input, conv1_1",
    "--content-layers relu4_22": "did you mean 'relu4_2'?",
    "--style-layers relu1_1,relu1_1": "a layer is empty or named twice",
    "--style-layers relu1_1,block1_conv1": "--style-layers names relu1_1 twice",
    "--style-layers relu1_1,,relu2_1": "a layer is empty or named twice",
    "--style-layers relu1_1:x": "argument --style-layers",
    "--style-layers relu1_1:-2": "-2 is not a number from 0",
    "--style-blend 1,1": "--style-blend has 2 weights for 1 styles",
    "--style-blend 0": "all weights are zero",
    "--style-blend 1,x": "argument --style-blend",
    "--network vgg19 --size 32": "no weights of vgg19 are here; `python -m nst.weights get vgg19` fetches them",
    "--network random --weights x.h5": "leave out one of --network and --weights",
    "--weights missing.h5": "missing.h5 does not exist",
    "--weights .": "is not a file",
    "-o out.bmp": "unknown extension '.bmp'; known are .png",
    "-o out": "unknown extension ''",
    "-o missing/out.png --dry-run": "the folder missing does not exist",
    "-o taken.png": "cannot write taken.json: it is a folder",
    "-o page.png --init page.html": "would overwrite an input",
    "-o missing/out.png": "the folder missing does not exist",
    "-o folder.png": "it is a folder",
    "-o content.png": "would overwrite an input; choose another name",
    "-o ./sub/../style.png": "would overwrite an input",
    "-o link.png": "would overwrite an input",
    "-o start.png --init start.png": "would overwrite an input",
    "--resume": "checkpoint out.checkpoint.npz does not exist",
}


@pytest.fixture
def refused(door, pictures, tmp_path):
    """`refused(arguments, cause)` asserts status 2, one line with the cause, and a folder that is as before."""
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "taken.json").mkdir()
    (tmp_path / "link.png").symlink_to("content.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "start.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "page.html", "PNG")

    def check(arguments, cause):
        before = contents(tmp_path)
        ended = door(main, *arguments)
        assert ended.status == 2 and ended.out == "", ended
        assert ended.err.startswith("nst: ") and ended.err.count("\n") == 1 and ended.err.endswith("\n"), (
            ended.err
        )
        assert cause in ended.err, ended.err
        assert "Traceback" not in ended.err and len(ended.err) < 1200
        assert contents(tmp_path) == before

    return check


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every path in a folder, hidden ones too, and the bytes of the files."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("line", ARGUMENTS)
def test_wrong_arguments(refused, line):
    """Each is told from the others by a line that names the argument or the file, and what would be right."""
    words = line.split()
    given = [] if words[0] in ("content.png", "--resume") else PAIR
    network = [] if {"--network", "--weights", "--resume"} & set(words) else QUICK[:2]
    small = [] if "--size" in words else QUICK[2:4]
    refused([*given, *network, *small, *words], ARGUMENTS[line])


def bomb(path: Path) -> None:
    """A PNG whose header claims 100,000 x 100,000 pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    ihdr = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    idat = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + ihdr + idat + b"\0\0\0\0IEND\xaeB`\x82")


def cut(path: Path) -> None:
    """A JPEG of noise without its second half."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:3000])


PICTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (lambda path: path.write_text("hello\n" * 20), "is not a picture"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 9), "is not a picture"),
    "web page": (lambda path: path.write_text("<!DOCTYPE html><p>Not found"), "is a web page"),
    "drawing": (lambda path: path.write_text("<svg xmlns='x'/>"), "is an SVG drawing"),
    "cut": (cut, "damaged or cut short"),
    "bomb": (bomb, "more pixels than --max-pixels"),
    "folder": (lambda path: path.mkdir(), "is not a file"),
    "absent": (lambda path: None, "does not exist"),
    "pipe": (os.mkfifo, "is not a file"),
}


@pytest.mark.parametrize("role", ["content", "style", "init"])
@pytest.mark.parametrize("kind", PICTURES)
def test_wrong_pictures(refused, tmp_path, kind, role):
    """In each place where a picture is read."""
    make, cause = PICTURES[kind]
    make(tmp_path / "wrong.jpg")
    given = {
        "content": ["wrong.jpg", "style.png"],
        "style": ["content.png", "wrong.jpg"],
        "init": [*PAIR, "--init", "wrong.jpg"],
    }
    refused([*given[role], *QUICK], cause)


def test_names_that_are_too_long(refused):
    """A name beyond what the system allows, for each thing that is read or written, is one line too."""
    name = "n" * 300 + ".png"
    for arguments in ([name, "style.png"], [*PAIR, "--init", name], [*PAIR, "-o", name], ["--resume", name]):
        refused([*arguments, *QUICK], "nnn")
    refused([*PAIR, "--weights", name], "nnn")


@pytest.mark.parametrize(
    "height, width, extra, cause",
    [
        (2, 400, [], "too small for"),
        (400, 2, ["--padding", "zero"], "too small for"),
        (30, 40, ["--size", "64", "--style-scale", "0.05"], "style 1"),
    ],
)
def test_pictures_too_small_for_the_network(refused, tmp_path, height, width, extra, cause):
    """After the poolings nothing is left: the line names the picture, its size and the layer."""
    Image.new("RGB", (width, height), "teal").save(tmp_path / "thin.png")
    refused(["thin.png", "style.png", *QUICK, *extra], cause)


def write_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["conv1_1/weight"] = np.zeros((3, 3, 3, 7), np.float32)


def write_external(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["block1_conv1"] = h5py.ExternalLink("/etc/passwd", "/x")


class _Code:
    def __reduce__(self):
        return os.mkdir, (SENTINEL,)


WEIGHTS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("no weights"),
    "empty": lambda path: path.touch(),
    "a picture": lambda path: Image.new("RGB", (9, 9)).save(path, "PNG"),
    "HDF5 of something else": write_h5,
    "HDF5 with an external link": write_external,
    "HDF5 cut short": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 50),
    "a pickle": lambda path: path.write_bytes(pickle.dumps(_Code())),
    "a pickle with numbers behind": lambda path: np.save(
        path.open("wb"), np.array([_Code()], object), allow_pickle=True
    ),
    "64 TiB": lambda path: path.write_bytes(
        struct.pack("<Q", 99)
        + b'{"features.0.weight":{"dtype":"F32","shape":[64,3,3,99999999999],"data_offsets":[0,9]}}'.ljust(99)
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", WEIGHTS)
def test_wrong_weights(refused, tmp_path, kind):
    """Whatever is given for weights: nothing is executed, and the line names the file."""
    WEIGHTS[kind](tmp_path / "w.bin")
    refused([*PAIR, "--weights", "w.bin", "--size", "32"], "w.bin")
    assert not (tmp_path / SENTINEL).exists()


def test_weights_of_the_environment_that_are_absent(refused, monkeypatch):
    """$NST_WEIGHTS that names nothing is said, not passed over."""
    monkeypatch.setenv("NST_WEIGHTS", "/nowhere/at/all")
    refused([*PAIR, "--size", "32"], "NST_WEIGHTS names /nowhere/at/all, which does not exist")
