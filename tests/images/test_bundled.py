"""The two pictures that come with the package."""

from __future__ import annotations

import numpy as np
import pytest

from nst.images import load
from nst.images.bundled import landscape_path, strokes_path
from nst.images.bundled.draw import PICTURES, draw


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The folder into which the script has drawn them again."""
    folder = tmp_path_factory.mktemp("drawn")
    draw(folder)
    return folder


@pytest.mark.parametrize("path", [landscape_path(), strokes_path()], ids=lambda path: path.name)
def test_the_committed_picture_is_what_the_script_draws(path, drawn):
    """Anyone can draw it again: the same size, and the same pixels up to what another JPEG encoder does."""
    committed, again = load(path), load(drawn / path.name)
    assert committed.size == again.size
    assert np.abs(committed.pixels - again.pixels).mean() < 2


@pytest.mark.parametrize("path", [landscape_path(), strokes_path()], ids=lambda path: path.name)
def test_size_and_content(path):
    """Each is below 300 KB, of a few hundred pixels, needs no note, and is no flat field."""
    assert path.name in PICTURES and path.stat().st_size < 300_000
    picture = load(path)
    assert picture.notes == [] and 400 <= min(picture.size) and max(picture.size) <= 800
    assert picture.pixels.std() > 40 and picture.pixels.reshape(-1, 3).std(axis=0).min() > 20
