"""Pictures in folders."""

from __future__ import annotations

from pathlib import Path

from nst.images.folder import pictures_in


def test_what_is_no_picture_is_passed_over(tmp_path: Path) -> None:
    """Only files with a picture's extension count: no hidden ones, no other files, no links that lead nowhere."""
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "a.JPG", "deep/c.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "lost.png").symlink_to("nowhere.png")
    found = pictures_in([tmp_path])
    assert [path.relative_to(tmp_path).as_posix() for path, _ in found] == ["a.JPG", "b.png", "deep/c.png"]
    assert not any(named for _, named in found)
