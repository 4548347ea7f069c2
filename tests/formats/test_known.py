"""Naming files by size and hash, and finding the folders where weights lie."""

from __future__ import annotations

import hashlib

import pytest

from nst import formats
from nst.errors import NstError
from nst.formats import known as known_files
from nst.formats.known import (
    KnownFile,
    bundled,
    bundled_weights,
    find_weights,
    fingerprint,
    official,
    weights_folder,
)
from nst.networks import vgg_shapes

PAYLOAD = bytes(range(256)) * 10
KNOWN = KnownFile("tiny.h5", "vgg19", "keras-h5", bytes=len(PAYLOAD), md5=hashlib.md5(PAYLOAD).hexdigest())


def test_fingerprint_names_known_files(tmp_path, monkeypatch):
    """Name by hash whatever the file is called; right name and size with another hash is damage."""
    monkeypatch.setattr(known_files, "KNOWN", (KNOWN,))
    path = tmp_path / "renamed.bin"
    path.write_bytes(PAYLOAD)
    assert fingerprint(path) == (KNOWN, "")
    damaged = tmp_path / KNOWN.name
    damaged.write_bytes(PAYLOAD[:-1] + b"?")
    assert fingerprint(damaged)[0] is None and "damaged" in fingerprint(damaged)[1]
    damaged.write_bytes(b"something else")
    assert fingerprint(damaged) == (None, "")


def test_sha256_prefix_counts_as_hash(tmp_path):
    """Torch puts the first eight digits into the name; they suffice, and wrong ones are a mismatch."""
    path = tmp_path / "x.pth"
    path.write_bytes(PAYLOAD)
    digest = hashlib.sha256(PAYLOAD).hexdigest()
    assert KnownFile("x.pth", "vgg19", "torch-zip", sha256=digest[:8]).mismatch(path) == ""
    assert "sha256" in KnownFile("x.pth", "vgg19", "torch-zip", sha256="0" * 8).mismatch(path)


def test_table_of_known_files_is_well_formed():
    """Each entry can be recognised by a hash, and the official ones can be fetched and checked."""
    for file in known_files.KNOWN:
        assert file.md5 or file.sha256
        assert len(file.md5) in (0, 32) and set(file.md5 + file.sha256) <= set("0123456789abcdef")
    for network, size in (("vgg19", 80_134_624), ("vgg16", 58_889_256)):
        file = official(network)
        assert file.url.startswith("https://") and file.bytes == size and file.md5
    with pytest.raises(NstError, match="vgg19"):
        official("vgg18")


def test_folders(tmp_path, monkeypatch):
    """$NST_WEIGHTS when it is a writable folder, else XDG's cache, else the home's; relative is void."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path))
    assert weights_folder() == tmp_path
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path / "missing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert weights_folder() == tmp_path / "cache" / "nst"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert weights_folder() == tmp_path / "home" / ".cache" / "nst"


def test_find_weights_order(tmp_path, monkeypatch):
    """A file named by $NST_WEIGHTS, then its folder, then the cache; ours before others, in a fixed order."""
    cache, named = tmp_path / "nst", tmp_path / "named"
    cache.mkdir()
    named.mkdir()
    monkeypatch.delenv("NST_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_weights("vgg19") is None
    for name in ("vgg19.npy", "vgg19-b.pth", "vgg19-a.pth", "vgg19_notop.h5", "vgg19.h5"):
        (cache / name).write_bytes(b"x")
        assert find_weights("vgg19") == cache / name
    assert find_weights("vgg16") is None
    monkeypatch.setenv("NST_WEIGHTS", str(named))
    assert find_weights("vgg19") == cache / "vgg19.h5"
    (named / "vgg19.safetensors").write_bytes(b"x")
    assert find_weights("vgg19") == named / "vgg19.safetensors"
    monkeypatch.setenv("NST_WEIGHTS", str(cache / "vgg19.npy"))
    assert find_weights("vgg19") == cache / "vgg19.npy"
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path / "missing"))
    with pytest.raises(NstError, match="NST_WEIGHTS"):
        find_weights("vgg19")


def test_our_own_network_is_found_beside_the_program(tmp_path, monkeypatch):
    """Whatever lies in the named folder, `slim` is the file that comes with the program, of known size and terms."""
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path))
    (tmp_path / "slim.h5").write_bytes(b"another")
    found = find_weights("slim")
    assert found == bundled_weights() and found.name == "slim.h5" and found.parent != tmp_path
    assert found.stat().st_size < 8 << 20
    weights = formats.read(found)
    assert (weights.network, weights.licence) == ("slim", "MIT")
    assert {name: array.shape for name, array in weights.arrays.items()} == vgg_shapes("slim")


def test_our_own_network_is_found_where_pip_puts_it(tmp_path, monkeypatch):
    """Installed from a wheel it lies in `share/nst` below the environment; where it is nowhere, there is none."""
    monkeypatch.setattr(known_files.nst, "__file__", str(tmp_path / "site" / "nst" / "__init__.py"))
    monkeypatch.setattr(known_files.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(known_files.site, "getuserbase", lambda: str(tmp_path / "user"))
    assert bundled_weights() is None
    folder = tmp_path / "share" / "nst"
    folder.mkdir(parents=True)
    for name in ("slim.h5", "slim-decoders.h5", "starry-night.npz"):
        assert bundled(name) is None
        (folder / name).touch()
        assert bundled(name) == folder / name
    assert bundled_weights() == folder / "slim.h5"


def test_what_comes_with_the_program_is_small():
    """All that lies in `weights/` is at most 8 MB, the decoders of it at most 1.5, the net at most 1."""
    folder = bundled_weights().parent
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8 << 20
    assert bundled("slim-decoders.h5").stat().st_size < 1_500_000
    assert bundled("starry-night.npz").stat().st_size < 1_000_000
