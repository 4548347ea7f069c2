"""Crops of photographs and what is done to their colours."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.errors import NstError
from nst.training import variety
from nst.training.crops import Crops
from nst.training.variety import VARIETY, varied


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Five photographs of several sizes, the smallest below the side of a crop; red tells the column, green the row."""
    (tmp_path / "below").mkdir()
    for number, (height, width) in enumerate([(40, 60), (64, 32), (20, 24), (8, 30), (33, 33)]):
        rows, columns = np.mgrid[0:height, 0:width]
        pixels = np.stack([4 * columns, 4 * rows, 0 * rows + number], -1).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / ("below" if number % 2 else ".") / f"{number}.png")
    return tmp_path


def test_a_step_depends_on_seed_and_number_alone(photographs):
    """Any step can be made alone, in any order, by any number of threads, with or without room to keep photographs."""
    crops = Crops([photographs], 16, 3, seed=7, workers=0)
    wanted = [crops.step(number).tobytes() for number in range(6)]
    for workers, keep in ((0, 0), (1, 1 << 20), (3, 8000)):
        stream = Crops([photographs], 16, 3, seed=7, workers=workers, keep=keep).steps(2)
        assert [one.tobytes() for one in islice(stream, 4)] == wanted[2:]
        stream.close()
    assert len(set(wanted)) == 6 and Crops([photographs], 16, 3, seed=8).step(0).tobytes() not in wanted


def test_a_crop_is_part_of_a_photograph(photographs):
    """Without variety a crop is square, between once and twice its side in the photograph, and some are mirrored."""
    crops = Crops([photographs], 16, 200, vary=False).step(0)
    assert crops.dtype == np.float32 and crops.shape == (200, 16, 16, 3)
    number = np.rint(crops[:, 8, 8, 2]).astype(int)
    across = (crops[:, 8, 12, 0] - crops[:, 8, 4, 0]) / 8 / 4  # pixels of the photograph for each of the crop
    down = (crops[:, 12, 8, 1] - crops[:, 4, 8, 1]) / 8 / 4
    assert set(number) == set(range(5)) and (across < 0).any() and (across > 0).any()
    np.testing.assert_allclose(np.abs(across), down, atol=0.1)
    large = np.isin(number, (0, 1, 4))
    assert 0.95 < down[large].min() < 1.15 and 1.85 < down[large].max() < 2.05
    assert np.allclose(down[number == 3], 0.5, atol=0.05)  # eight rows for sixteen, no fewer
    assert down[number == 2].max() < 1.3  # twenty rows are all there are


def test_flat_crops_are_drawn_again(photographs):
    """Where some photographs are of one colour no crop is; where all are, that is told in a line."""
    for path in photographs.rglob("[13].png"):
        Image.new("RGB", (60, 40), (9, 9, 9)).save(path)
    crops = Crops([photographs], 8, 300, vary=False).step(0)
    assert np.ptp(crops, axis=(1, 2)).any(axis=1).all()
    (photographs / "flat").mkdir()
    Image.new("RGB", (40, 40), (9, 9, 9)).save(photographs / "flat" / "one.png")
    with pytest.raises(NstError, match="of one colour"):
        Crops([photographs / "flat"], 8, 1, vary=False).step(0)


def test_photographs_are_decoded_once_where_there_is_room(photographs, monkeypatch):
    """Kept photographs stay within the bytes allowed; the others are decoded again."""
    from nst.training import crops as module

    calls: list[Path] = []
    decode = module.decode
    monkeypatch.setattr(module, "decode", lambda path: calls.append(path) or decode(path))
    Crops([photographs], 16, 100).step(0)
    assert len(calls) == 5
    calls.clear()
    Crops([photographs], 16, 100, keep=8 * 30 * 4 + 10).step(0)
    assert len(set(calls)) == 5 and len(calls) > 60


def test_senseless_crops_are_refused(photographs, tmp_path):
    """No photographs, no pixels, no crops: one line."""
    with pytest.raises(NstError, match="at least one"):
        Crops([photographs], 0, 1)
    with pytest.raises(NstError, match="at least one"):
        Crops([photographs], 8, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NstError, match="no picture"):
        Crops([tmp_path / "empty"], 8, 1)


def picture() -> np.ndarray:
    pixels = np.random.default_rng(0).uniform(60, 190, (24, 20, 3)).astype(np.float32)
    pixels.setflags(write=False)
    return pixels


@pytest.mark.parametrize("change", [change for _, change in VARIETY])
def test_changes_keep_size_and_type(change):
    """Each change leaves its input alone and gives a picture of the same size in float32."""
    changed = change(picture(), np.random.default_rng(3))
    assert changed.shape == (24, 20, 3) and changed.dtype == np.float32 and np.isfinite(changed).all()


def test_changes_are_what_they_are_called():
    """Channels are exchanged and not mixed; contrast is about the mean; noise has the deviation drawn for it."""
    pixels, rng = picture(), np.random.default_rng(5)
    permuted = variety.permuted_channels(pixels, rng)
    assert sorted(permuted.mean(axis=(0, 1))) == pytest.approx(sorted(pixels.mean(axis=(0, 1))))
    contrast = variety.contrast_and_colour(pixels, rng)
    factors, shifts = (
        contrast.std(axis=(0, 1)) / pixels.std(axis=(0, 1)),
        (contrast - pixels).mean(axis=(0, 1)),
    )
    assert np.ptp(factors) < 1e-4 and 0.5 <= factors[0] <= 1.8 and (np.abs(shifts) <= 40).all()
    large = np.zeros((200, 200, 3), np.float32)
    deviations = [variety.white_noise(large, rng).std() for _ in range(40)]
    assert max(deviations) < 30.5 and min(deviations) < 6 and max(deviations) > 24


def test_blurred_noise_is_smooth():
    """Neighbours differ less than pixels far apart."""
    rng, grey = np.random.default_rng(6), np.full((64, 64, 3), 127.5, np.float32)
    clouds = variety.blurred_noise(grey, rng)
    near, far = (np.abs(clouds[:, :-step] - clouds[:, step:]).mean() for step in (1, 20))
    assert 3 < clouds.std() < 80 and near < 0.7 * far


def test_the_table_says_how_often():
    """With every change recorded, each happens as often as its row says; results stay in 0..255."""
    seen = {change: 0 for _, change in VARIETY}

    def recorded(change):
        def record(pixels, rng):
            seen[change] += 1
            return change(pixels, rng)

        return record

    rng = np.random.default_rng(8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variety, "VARIETY", tuple((often, recorded(change)) for often, change in VARIETY))
        for _ in range(2000):
            result = varied(picture()[:4, :4], rng)
            assert 0 <= result.min() and result.max() <= 255
    for often, change in VARIETY:
        assert abs(seen[change] / 2000 - often) < 0.04
