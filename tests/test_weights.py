"""The door `python -m nst.weights`: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nst.weights as door
from nst.cli import run_door
from nst.formats import read, write
from nst.formats.known import KnownFile
from nst.networks.weights import Weights
from tests.formats.test_verify import like_oxford


def keras_file(path: Path, weights: Weights) -> Path:
    """Write conv1_1 as Keras' own VGG-19 file holds it."""
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1")
        group["block1_conv1_W_1:0"] = weights.arrays["conv1_1.weight"]
        group["block1_conv1_b_1:0"] = weights.arrays["conv1_1.bias"]
        group.attrs["weight_names"] = [b"block1_conv1_W_1:0", b"block1_conv1_b_1:0"]
        file.attrs["layer_names"] = [b"block1_conv1"]
    return path


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Give the door an empty folder for its results."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("NST_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def web(tmp_path, monkeypatch) -> Iterator[list[bytes]]:
    """Serve one file as the official one; the list holds what is sent, and can be changed."""
    content = keras_file(tmp_path / "official.h5", like_oxford()).read_bytes()
    sent = [content]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(sent[0])))
            self.end_headers()
            self.wfile.write(sent[0])
            sent.append(b"asked")

        def log_message(self, *arguments: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        url = f"http://127.0.0.1:{listener.server_port}/v/tiny_notop.h5"
        md5 = hashlib.md5(content).hexdigest()
        known = KnownFile("tiny_notop.h5", "vgg19", "keras-h5", url, len(content), md5)
        monkeypatch.setattr(door, "official", lambda network: known)
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        yield sent
        listener.shutdown()
        thread.join()


def call(*arguments: object) -> int:
    return run_door(door.main, [str(argument) for argument in arguments])


def one_line(capsys) -> str:
    """Return the error, which must be a single line."""
    text = capsys.readouterr().err
    lines = [line for line in text.splitlines() if not line.startswith("tiny_notop.h5: ")]  # progress
    assert len(lines) == 1 and lines[0].startswith("nst: "), text
    return lines[0]


def test_get_downloads_checks_and_converts(home, web, capsys):
    """The canonical file holds the served numbers and says where they come from; the source is gone."""
    assert call("get", "vgg19") == 0
    assert [path.name for path in home.iterdir()] == ["vgg19.h5"]
    weights = read(home / "vgg19.h5")
    np.testing.assert_array_equal(weights.arrays["conv1_1.weight"], like_oxford().arrays["conv1_1.weight"])
    assert weights.source.endswith("/v/tiny_notop.h5") and weights.channel_order == "BGR"
    assert weights.sha256 == hashlib.sha256(web[0]).hexdigest()
    assert "100 %" in capsys.readouterr().err


def test_what_a_file_says_of_itself_commands_no_terminal(tmp_path, capsys):
    """Escape sequences and line breaks in the attributes of a file are shown as marks."""
    write(tmp_path / "w.h5", replace(like_oxford(), source="\x1b[2Jx\nlicence    mine", notes=["\x1b]0;y"]))
    for command in ("info", "verify"):
        assert call(command, tmp_path / "w.h5") == 0
        assert "\x1b" not in capsys.readouterr().out
    assert call("convert", tmp_path / "w.h5", tmp_path / "v.h5") == 0
    assert "\x1b" not in capsys.readouterr().out


def test_get_twice_asks_the_server_once(home, web, capsys):
    """What is there and verified is left alone, and the door says so."""
    assert call("get", "vgg19") == call("get", "vgg19") == 0
    assert web.count(b"asked") == 1
    assert "is there and verified" in capsys.readouterr().out
    assert call("get", "vgg19", "--force") == 0
    assert web.count(b"asked") == 2


def test_get_keeps_the_source_when_asked(home, web):
    """--keep-source leaves the download beside the result, and a kept one serves the next time."""
    assert call("get", "vgg19", "--keep-source") == 0
    assert (home / "tiny_notop.h5").read_bytes() == web[0]
    assert call("get", "vgg19", "--force") == 0
    assert web.count(b"asked") == 1
    assert (home / "tiny_notop.h5").exists(), "a file that lay there before is not ours to delete"


def test_get_to_another_folder_and_address(home, web, tmp_path, monkeypatch):
    """--dest makes the folder; --url replaces the address but not the hash."""
    known = door.official("vgg19")
    monkeypatch.setattr(door, "official", lambda network: replace(known, url="http://["))
    assert call("get", "vgg19", "--dest", tmp_path / "a" / "b", "--url", known.url) == 0
    assert (tmp_path / "a" / "b" / "vgg19.h5").is_file() and not list(home.iterdir())


def test_get_refuses_a_corrupt_file(home, web, capsys):
    """A failed hash exits 2 in one line and leaves the good file that was there."""
    assert call("get", "vgg19") == 0
    good = (home / "vgg19.h5").read_bytes()
    web[0] = web[0][:-1] + bytes([web[0][-1] ^ 1])
    capsys.readouterr()
    assert call("get", "vgg19", "--force") == 2
    assert "md5" in one_line(capsys)
    assert (home / "vgg19.h5").read_bytes() == good
    assert [path.name for path in home.iterdir()] == ["vgg19.h5"]


def test_get_replaces_a_broken_result(home, web, capsys):
    """A canonical file that cannot be read, or fails a check, is fetched again."""
    (home / "vgg19.h5").write_bytes(b"not weights")
    assert call("get", "vgg19") == 0
    assert "fetching it again" in capsys.readouterr().err
    weights = like_oxford()
    weights.arrays["conv1_1.bias"][0] = np.nan
    write(home / "vgg19.h5", weights)
    assert call("get", "vgg19") == 0
    assert np.isfinite(read(home / "vgg19.h5").arrays["conv1_1.bias"]).all()


def test_get_unknown_network(home, capsys):
    """A network without published weights is refused with the nearest name."""
    assert call("get", "vgg99") == 2
    assert "did you mean 'vgg" in one_line(capsys)


def test_get_into_a_folder_that_cannot_be_made(home, web, tmp_path, capsys):
    """A file in the way of the folder is one line."""
    (tmp_path / "file").write_bytes(b"x")
    assert call("get", "vgg19", "--dest", tmp_path / "file" / "sub") == 2
    assert "cannot make the folder" in one_line(capsys)


def test_convert_any_format_to_the_canonical_one(home, tmp_path, capsys):
    """Default name and folder; the numbers stay; a second time is refused without --force."""
    source = keras_file(tmp_path / "a.h5", like_oxford())
    assert call("convert", source, "--network", "vgg19") == 0
    np.testing.assert_array_equal(
        read(home / "vgg19.h5").arrays["conv1_1.weight"], like_oxford().arrays["conv1_1.weight"]
    )
    before = (home / "vgg19.h5").read_bytes()
    capsys.readouterr()
    assert call("convert", source, "--network", "vgg19") == 2
    assert "--force" in one_line(capsys)
    assert (home / "vgg19.h5").read_bytes() == before
    assert call("convert", source, "--network", "vgg19", "--force", "--dtype", "float16") == 0
    assert (home / "vgg19.h5").stat().st_size < len(before)


def test_convert_to_a_named_file_and_folder(home, tmp_path, capsys):
    """A folder gets NETWORK.h5; a name that is not HDF5's is refused."""
    source = keras_file(tmp_path / "a.h5", like_oxford())
    (tmp_path / "folder").mkdir()
    assert call("convert", source, tmp_path / "folder", "--network", "vgg16") == 0
    assert read(tmp_path / "folder" / "vgg16.h5").network == "vgg16"
    assert call("convert", source, tmp_path / "b.h5", "--network", "vgg19") == 0
    assert call("convert", source, tmp_path / "b.npz", "--network", "vgg19") == 2
    assert "must end in .h5" in one_line(capsys)
    assert not (tmp_path / "b.npz").exists()


def test_convert_refuses_swapped_kernels(home, tmp_path, capsys):
    """A file that fails a check is not written, status 1, unless forced."""
    weights = like_oxford()
    weights.arrays["conv1_1.weight"] = weights.arrays["conv1_1.weight"].transpose(1, 0, 2, 3)
    source = keras_file(tmp_path / "a.h5", weights)
    assert call("convert", source, "--network", "vgg19") == 1
    assert "swapped axes" in capsys.readouterr().out
    assert not list(home.iterdir())
    assert call("convert", source, "--network", "vgg19", "--force") == 0
    assert (home / "vgg19.h5").is_file()


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        (lambda w: w, 0, "OK"),
        (lambda w: w.transpose(1, 0, 2, 3), 1, "swapped axes"),
        (lambda w: w[:, :, ::-1], 1, "swapped channel order"),
        (lambda w: w[..., ::-1], 0, "no expectation for these weights"),
        (lambda w: w * 1e30, 1, "FAILED"),
    ],
)
def test_verify_status(tmp_path, capsys, change, status, word):
    """0 when nothing is wrong or nothing is known, 1 with the verdict when a check fails."""
    weights = like_oxford()
    weights.arrays["conv1_1.weight"] = change(weights.arrays["conv1_1.weight"])
    assert call("verify", keras_file(tmp_path / "a.h5", weights), "--network", "vgg19") == status
    assert word in capsys.readouterr().out


def test_verify_names_what_a_converted_file_comes_from(tmp_path, capsys):
    """The canonical file's own word on its source is passed on as such."""
    write(tmp_path / "a.h5", replace(like_oxford(), source="somewhere.npy", sha256="0" * 64))
    assert call("verify", tmp_path / "a.h5") == 0
    assert "by its own word converted from somewhere.npy" in capsys.readouterr().out


def test_info_describes_a_file(tmp_path, capsys):
    """Format, network, depth, parameters, preprocessing, licence and each array are there."""
    assert call("info", keras_file(tmp_path / "a.h5", like_oxford()), "--network", "vgg19") == 0
    text = capsys.readouterr().out
    for part in (
        "Keras HDF5",
        "vgg19, deepest layer conv1_1",
        "1,792 in 2 arrays",
        "BGR 0..255 minus (103.939, 116.779, 123.68)",
        "CC BY 4.0",
        "3 x 3 x 3 x 64",
        "float32",
        hashlib.sha256((tmp_path / "a.h5").read_bytes()).hexdigest(),
    ):
        assert part in text


@pytest.mark.parametrize("command", ["info", "verify", "convert"])
@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"<!doctype html><title>404</title>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        b"\x89HDF\r\n\x1a\n" + bytes(40),
        b"PK\x03\x04" + bytes(40),
    ],
)
def test_unreadable_files_are_one_line(home, tmp_path, capsys, command, content):
    """A missing, empty, foreign or cut file is status 2 and one line, and nothing is written."""
    path = tmp_path / "a.h5"
    if content is not None:
        path.write_bytes(content)
    assert call(command, path) == 2
    one_line(capsys)
    assert not list(home.iterdir())


@pytest.mark.parametrize(
    "arguments", [[], ["fetch"], ["get"], ["verify"], ["info", "a", "b"], ["get", "--nope"]]
)
def test_wrong_arguments_are_one_line(capsys, arguments):
    """What cannot be parsed is status 2 with a pointer to --help."""
    assert call(*arguments) == 2
    assert "--help" in one_line(capsys)


def test_as_a_command(tmp_path):
    """`python -m nst.weights` passes the status to the shell and shows no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "nst.weights", "info", str(tmp_path / "missing.h5")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert "does not exist" in done.stderr and "Traceback" not in done.stderr
