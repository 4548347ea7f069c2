"""Whatever a weight file contains: one line says what is wrong, and nothing else happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc

import h5py
import numpy as np
import pytest

from nst import formats
from nst.errors import NstError
from tests.formats import hostile_hdf5, hostile_others, hostile_pickles, miniature

# The miniature has under 1,000 numbers; what a reader takes beside them is buffers.
MEMORY = 8 << 20
CASES = hostile_hdf5.CASES | hostile_pickles.CASES | hostile_others.CASES


def refused(path) -> str:
    """Read a file that must be refused, under watch, and return the message."""
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        with pytest.raises(NstError) as caught:
            formats.read(path, top=True, shapes=miniature.SHAPES)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak:,} bytes were taken"
    assert time.perf_counter() - begin < 10
    return str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_hostile_file_is_refused_in_one_line(name, tmp_path):
    """The line names the file and the cause, is printable and short; no code runs, no memory is taken."""
    write, message = CASES[name]
    path, canary = tmp_path / "weights.bin", tmp_path / "canary"
    write(path, canary)
    before = sorted(tmp_path.iterdir())
    line = refused(path)
    assert message in line, line
    assert str(path) in line and line.isprintable() and len(line) < len(str(path)) + 400
    assert not canary.exists()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", [*miniature.WRITERS, "nst-h5"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.95, -1])
def test_truncated_file_is_refused(kind, kept, tmp_path):
    """A file of any format that was cut at any place is refused, down to the last byte."""
    if kind == "nst-h5":
        path = tmp_path / "weights.bin"
        hostile_hdf5.canonical()(path, None)
    else:
        path = miniature.write(kind, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if kept > 0 else kept])
    line = refused(path)
    assert str(path) in line and line.isprintable()


@pytest.mark.parametrize("kind", miniature.WRITERS)
def test_damaged_bytes_give_weights_or_one_line(kind, tmp_path):
    """With random bytes overwritten a file is read or refused; no other error escapes, shapes stay right."""
    path = miniature.write(kind, tmp_path)
    data = path.read_bytes()
    rng = np.random.default_rng(len(data))
    read = 0
    for _ in range(40):
        spoiled = bytearray(data)
        for place in rng.integers(0, min(len(data), 1500), 3):
            spoiled[place] = rng.integers(256)
        path.write_bytes(spoiled)
        try:
            found = formats.read(path, top=True, shapes=miniature.SHAPES)
        except NstError as error:
            assert "\n" not in str(error) and str(error).isprintable()
        else:
            read += 1
            assert all(array.shape == miniature.SHAPES[name] for name, array in found.arrays.items())
    assert read < 40


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("way", ["link", "storage", "virtual"])
def test_hdf5_opens_no_other_file(way, tmp_path):
    """What an HDF5 file points to is not even opened: it is a pipe here, and opening it waits for ever."""
    path, pipe = tmp_path / "weights.bin", tmp_path / "pipe"
    with h5py.File(pipe, "w") as file:
        file.create_dataset("secret", (4,), "f4", maxshape=(None,))
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1")
        if way == "link":
            group["bias:0"] = h5py.ExternalLink(pipe, "/secret")
        elif way == "storage":
            group.create_dataset("bias:0", (4,), "f4", external=[(os.fspath(pipe), 0, 16)])
        else:  # unlimited, so that even the shape depends on the other file
            source = h5py.VirtualSource(pipe, "secret", (4,), maxshape=(None,))
            layout = h5py.VirtualLayout((4,), "f4", maxshape=(None,))
            layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
            group.create_virtual_dataset("bias:0", layout)
    pipe.unlink()
    os.mkfifo(pipe)
    script = "import sys; from nst import formats; formats.read(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "NstError" in done.stderr
    assert any(word in done.stderr for word in ("points elsewhere", "another file", "virtual"))


def test_missing_file_and_folder_are_said_plainly(tmp_path):
    """What is not a file is an error of one line too."""
    with pytest.raises(NstError, match="does not exist"):
        formats.read(tmp_path / "none.h5")
    with pytest.raises(NstError, match="is not a file"):
        formats.read(tmp_path)
