"""CIFAR-10's binary version: read as it is meant, from a folder or the archive, and refused where it lies."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nst.errors import NstError
from nst.images import cifar_binary
from nst.images.cifar_binary import CLASSES, TEST, TRAINING, cifar10

RECORDS = 3  # instead of ten thousand


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of three records, so that the tests are quick; the archive is bounded accordingly."""
    monkeypatch.setattr(cifar_binary, "RECORDS", RECORDS)
    monkeypatch.setattr(cifar_binary, "LARGEST", 1 << 20)


def record(label: int, pixels: np.ndarray) -> bytes:
    return bytes([label]) + pixels.transpose(2, 0, 1).tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The six files and the names of the classes, in a folder as the archive has it."""
    rng, here = np.random.default_rng(3), tmp_path / "cifar-10-batches-bin"
    here.mkdir()
    for number, name in enumerate((*TRAINING, TEST)):
        pixels = rng.integers(0, 256, (RECORDS, 32, 32, 3), dtype=np.uint8)
        pixels[0, 0, 0] = number, 100 + number, 200 + number
        (here / name).write_bytes(b"".join(record(number, one) for one in pixels))
    (here / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    return here


def archived(folder: Path, change: Callable[[tarfile.TarInfo, bytes], bytes] = lambda _, data: data) -> Path:
    path = folder.parent / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for one in sorted(folder.iterdir()):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{one.name}")
            data = change(info, one.read_bytes())
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_records_become_pictures(folder):
    """The first pixel of each file is the one written, red first; labels follow the order of the files."""
    train, test = cifar10(folder)
    assert len(train) == 5 * RECORDS and len(test) == RECORDS and train.shape == (32, 32, 3)
    assert train.labels.tolist() == [n for n in range(5) for _ in range(RECORDS)]
    assert train.pictures(np.array([2 * RECORDS]))[0, 0, 0].tolist() == [2, 102, 202]
    assert train.classes == CLASSES


def test_the_archive_holds_the_same(folder):
    """The folder, the folder above it and the archive give the same pictures; nothing is unpacked to disk."""
    archive = archived(folder)
    before = set(folder.parent.rglob("*"))
    unpacked = cifar10(folder.parent)[0].pictures(np.arange(5))
    np.testing.assert_array_equal(cifar10(archive)[0].pictures(np.arange(5)), unpacked)
    assert set(folder.parent.rglob("*")) == before


def test_a_link_or_another_size_is_no_batch(folder):
    """A member that is a link is passed over, one of another size refused, wherever it claims to lie."""

    def link(info: tarfile.TarInfo, data: bytes) -> bytes:
        if not info.name.endswith(TEST):
            return data
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        return b""

    with pytest.raises(NstError, match=f"lacks {TEST}"):
        cifar10(archived(folder, link))
    with pytest.raises(NstError, match=r"data_batch_1\.bin has 1 bytes"):
        cifar10(archived(folder, lambda _, data: data[:1]))


def test_a_bomb_is_left_alone(folder):
    """An archive that unpacks to more than CIFAR-10 can have is refused on the way, even where nobody looks."""
    (folder / "aaa").write_bytes(bytes(2 << 20))
    with pytest.raises(NstError, match="unpacks to more than"):
        cifar10(archived(folder))


def test_too_many_members_are_not_listed(folder):
    """Thousands of empty members would fill memory with their names: the archive is refused after a few."""
    for number in range(100):
        (folder / f"a{number}").write_bytes(b"")
    with pytest.raises(NstError, match="more than 64 members"):
        cifar10(archived(folder))


def test_headers_that_nest_without_end(folder):
    """A header that only announces another one, thousands of times over, is damage like any other."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XGLTYPE, 0
    (folder.parent / "x.tar.gz").write_bytes(gzip.compress(info.tobuf() * 1900, 1))
    with pytest.raises(NstError, match=r"damaged|lacks"):
        cifar10(folder.parent / "x.tar.gz")


def test_the_python_version_is_named(folder):
    """Whoever fetched the archive of pickles is told which one to fetch."""

    def rename(info: tarfile.TarInfo, data: bytes) -> bytes:
        info.name = "cifar-10-batches-py/data_batch_1"
        return data

    with pytest.raises(NstError, match="fetch cifar-10-binary"):
        cifar10(archived(folder, rename))


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("data_batch_2.bin", b"", "is empty"),
        ("data_batch_2.bin", bytes(3072 * RECORDS), "has 9216 bytes, not 9219"),
        (TEST, bytes([10]) + bytes(3 * 3073 - 1), "label 10"),
        ("batches.meta.txt", bytes(5000), "too many for ten names"),
    ],
)
def test_a_wrong_file_is_one_line(folder, name, data, cause):
    """Sizes are compared before anything is read; a label beyond the classes is refused."""
    (folder / name).write_bytes(data)
    with pytest.raises(NstError, match=cause) as caught:
        cifar10(folder)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["data_batch_4.bin", TEST])
def test_a_missing_file_is_named(folder, missing):
    """The error says what is not there."""
    (folder / missing).unlink()
    with pytest.raises(NstError, match=missing):
        cifar10(folder)


def test_names_are_not_needed(folder):
    """Without its list of names the classes have the ones that everybody knows."""
    (folder / "batches.meta.txt").unlink()
    assert cifar10(folder)[1].classes == CLASSES


def test_damage_ends_in_one_line(folder):
    """Wherever the archive is cut or a byte of it changed, inside or around the packing: an NstError or CIFAR-10."""
    path, rng = archived(folder), np.random.default_rng(4)
    good = path.read_bytes()
    plain = gzip.decompress(good)
    for turn in range(60):
        bad = bytearray(plain if turn % 2 else good)
        at = rng.integers(len(bad) if turn % 2 == 0 else 600)
        bad[at] ^= rng.integers(1, 256)
        bad = bad[: rng.integers(len(bad))] if turn % 3 == 0 else bad
        path.write_bytes(gzip.compress(bytes(bad), 1) if turn % 2 else bytes(bad))
        try:
            assert len(cifar10(path)[0]) == 5 * RECORDS
        except NstError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
