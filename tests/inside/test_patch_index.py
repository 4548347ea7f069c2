"""The index of patches: what is best, growing by pictures and by layers, and files that are none."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from nst.errors import NstError
from nst.inside.patch_index import Best, Index, read_index

ABOUT = {"network": "tiny", "weights": "ab" * 32, "size": "64"}


def maps(count: int, channels: int = 6) -> list[np.ndarray]:
    """Feature maps of unlike sizes, with ties between pictures."""
    rng = np.random.default_rng(5)
    sizes = [(1, int(rng.integers(2, 6)), int(rng.integers(2, 6)), channels) for _ in range(count)]
    return [rng.integers(0, 40, size).astype(np.float32) for size in sizes]


@pytest.fixture
def files(tmp_path) -> list[Path]:
    found = [tmp_path / f"{number}.png" for number in range(12)]
    for path in found:
        path.write_text(path.name)
    return found


def test_the_best_are_those_of_sorting_everything():
    """Of each picture the best place counts, of equal ones the first, in order of values and then of pictures."""
    found, keep = maps(30), 4
    best = Best.empty(6, keep)
    for number, features in enumerate(found):
        best = best.with_picture(number, features)
    assert best.done == 30
    for channel in range(6):
        tops = [(-one[..., channel].max(), number) for number, one in enumerate(found)]
        for slot, (value, number) in enumerate(sorted(tops)[:keep]):
            plane = found[number][0, ..., channel]
            row, column = np.unravel_index(plane.argmax(), plane.shape)
            assert best.value[channel, slot] == -value and best.picture[channel, slot] == number
            assert (best.row[channel, slot], best.column[channel, slot]) == (row, column)


def test_fewer_pictures_than_places(files):
    """What is empty is left out, and a layer without places gives none."""
    index = Index(ABOUT)
    index.add_pictures(files[:2])
    index.absorb(0, {"prob": np.array([[1.0, 2.0]], np.float32)})
    index.absorb(1, {"prob": np.array([[5.0, 0.0]], np.float32)})
    assert [(hit.picture.name, hit.value, hit.place) for hit in index.top("prob", 0)] == [
        ("1.png", 5.0, None),
        ("0.png", 1.0, None),
    ]
    with pytest.raises(NstError, match="channels 0 to 1, no 2"):
        index.top("prob", 2)
    with pytest.raises(NstError, match="none of the 2 pictures"):
        index.top("conv1", 0)


def fill(index: Index, layers: list[str], found: list[np.ndarray], stop: int | None = None) -> list[int]:
    """Do what is missing, up to `stop` pictures; return which pictures were looked at."""
    done = []
    for number, wanted in list(index.missing(layers).items())[:stop]:
        index.absorb(number, {layer: found[number] * (1 + len(layer)) for layer in wanted})
        done.append(number)
    return done


def same(one: Index, other: Index) -> None:
    assert one.pictures == other.pictures and one.layers.keys() == other.layers.keys()
    for layer, best in one.layers.items():
        for part in ("done", "value", "picture", "row", "column"):
            np.testing.assert_array_equal(getattr(best, part), getattr(other.layers[layer], part))


def test_it_goes_on_where_it_was_and_grows(files, tmp_path):
    """Stopped, saved, read, given more pictures and then another layer, it is what one pass over all would give."""
    found = maps(12)
    straight = Index(ABOUT)
    straight.add_pictures(files)
    assert fill(straight, ["a", "bb"], found) == list(range(12))

    index = Index(ABOUT)
    index.add_pictures(files[:8])
    assert fill(index, ["a"], found, stop=3) == [0, 1, 2]
    index.save(tmp_path / "index.json")
    index = read_index(tmp_path / "index.json", ABOUT)
    index.add_pictures(files[:8])
    assert fill(index, ["a"], found) == [3, 4, 5, 6, 7]
    index.add_pictures(files)
    assert fill(index, ["a", "bb"], found) == list(range(12))
    assert fill(index, ["a", "bb"], found) == []
    same(index, straight)
    index.save(tmp_path / "index.json")
    same(read_index(tmp_path / "index.json", ABOUT), straight)


def test_a_picture_that_is_passed_over_is_not_asked_for_again(files):
    """It counts as looked at, and leaves nothing."""
    found = maps(3)
    index = Index(ABOUT)
    index.add_pictures(files[:3])
    index.absorb(0, {"a": found[0]})
    index.skip(1, ["a"])
    index.absorb(2, {"a": found[2]})
    assert not index.missing(["a"])
    assert {hit.picture.name for hit in index.top("a", 0)} == {"0.png", "2.png"}


@pytest.mark.parametrize("what", ["changed since", "gone that"])
def test_changed_and_vanished_pictures_are_noticed(files, what):
    """What they left in the lists would be wrong: the message says how to begin anew."""
    index = Index(ABOUT)
    index.add_pictures(files)
    if what == "gone that":
        files = files[1:]
    else:
        os.utime(files[0], ns=(1, 1))
    with pytest.raises(NstError, match=f"0.png has {what}.*--again"):
        index.add_pictures(files)


def test_another_network_is_refused(files, tmp_path):
    """The message has what differs and both ways out."""
    Index(ABOUT).save(tmp_path / "index.json")
    with pytest.raises(NstError, match=r"with size 64, not 128.*--index.*--again"):
        read_index(tmp_path / "index.json", ABOUT | {"size": "128"})


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"pictures": [["a"]]},
        {"keep": 0},
        {"keep": math.inf},
        {"layers": {"a": {}}},
        {"layers": []},
        {"about": 3},
        "channels",
        "picture",
        "done",
        "base64",
    ],
)
def test_what_is_no_index_is_one_line(change, files, tmp_path):
    """Neither a number too many nor a text instead of numbers gets through."""
    index = Index(ABOUT)
    index.add_pictures(files)
    fill(index, ["a"], maps(12))
    index.save(tmp_path / "index.json")
    content = json.loads((tmp_path / "index.json").read_text())
    layer = content["layers"]["a"]
    if change == "channels":
        layer["channels"] += 1
    elif change == "picture":
        layer["done"] = 3
    elif change == "done":
        layer["done"] = 13
    elif change == "base64":
        layer["value"] = "?" + layer["value"][1:]
    else:
        content |= change
    (tmp_path / "index.json").write_text(json.dumps(content))
    with pytest.raises(NstError, match="is no index of patches, or is damaged"):
        read_index(tmp_path / "index.json", ABOUT)
    (tmp_path / "index.json").write_bytes(b"\xff\x00")
    with pytest.raises(NstError, match="is no index of patches"):
        read_index(tmp_path / "index.json", ABOUT)
