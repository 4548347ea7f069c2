"""Files are written whole or not at all, and read only when there is something to read."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from nst.errors import NstError
from nst.files import atomic_write, made_folder, require_file, sha256


def test_the_new_file_appears_at_the_end_only(tmp_path):
    """While the new bytes are written the old ones stay; afterwards nothing else lies beside them."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with atomic_write(target) as stream:
        stream.write(b"new bytes")
        stream.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new bytes"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), NstError("no")])
def test_an_exception_leaves_the_old_file(tmp_path, error):
    """Whatever is raised while writing comes out as it is; the old file stays and the temporary one goes."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(type(error)) as caught, atomic_write(target) as stream:
        stream.write(b"half")
        raise error
    assert caught.value is error
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_full_disk_is_one_line(tmp_path, monkeypatch, step):
    """An error of the system at any step names the target and the cause, and leaves the old file."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with (
        pytest.raises(NstError, match=r"^cannot write .*a\.bin: No space left on device$"),
        atomic_write(target) as f,
    ):
        f.write(b"new")
    monkeypatch.undo()
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.bin"]


def test_a_folder_that_is_missing_is_one_line(tmp_path):
    """The message names the target; no folder is made."""
    with (
        pytest.raises(NstError, match=r"cannot write .*there/a\.bin: No such file"),
        atomic_write(tmp_path / "there/a.bin"),
    ):
        pass
    assert os.listdir(tmp_path) == []


def test_a_folder_is_not_overwritten(tmp_path):
    """A target that is a folder is refused before anything is written."""
    (tmp_path / "a").mkdir()
    with pytest.raises(NstError, match="is a folder"), atomic_write(tmp_path / "a"):
        pass


def test_permissions_are_those_of_a_new_file(tmp_path):
    """The file may be read by whom the umask lets, not only by its owner as temporary files are."""
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a") as stream:
            stream.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("size", [0, 5, (1 << 20) - 1, (1 << 20) + 1])
def test_sha256_is_the_standard_one(tmp_path, size):
    """The digest of hashlib, whatever the size is to the pieces in which the file is read."""
    data = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "a").write_bytes(data[:size])
    assert sha256(tmp_path / "a") == hashlib.sha256(data[:size]).hexdigest()


def test_require_file_says_what_is_missing(tmp_path):
    """Missing, a folder, empty, too long a name: each message begins with what the file was to be."""
    (tmp_path / "empty").touch()
    (tmp_path / "full").write_text("x")
    assert require_file(str(tmp_path / "full"), "thing") == Path(tmp_path / "full")
    for name, cause in [
        ("none", "does not exist"),
        (".", "is not a file"),
        ("empty", "is empty"),
        ("n" * 300, ""),
    ]:
        with pytest.raises(NstError, match=rf"^thing .*{cause}"):
            require_file(tmp_path / name, "thing")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_require_file_says_when_it_may_not_read(tmp_path):
    """A file without permission to read is refused with that reason."""
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(NstError, match="permission denied"):
        require_file(path, "thing")


def test_a_pipe_is_no_file(tmp_path):
    """A named pipe, which would block a reader for ever, is refused."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NstError, match="is not a file"):
        require_file(tmp_path / "pipe", "thing")


def test_a_folder_is_made_with_its_parents(tmp_path):
    """What is there serves as it is; what is missing is made; where a file lies, nothing can be made."""
    assert made_folder(tmp_path / "a" / "b").is_dir()
    assert made_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NstError, match="cannot make the folder"):
        made_folder(tmp_path / "file" / "below")
