"""Folders of pictures by class: the three layouts, and what is wrong with other ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.errors import NstError
from nst.images import labelled_folder
from nst.images.decode import decode
from nst.images.labelled_folder import class_folder


def picture(path: Path, level: int, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, 0, 255 - level)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures of each of two classes, each of a colour of its own."""
    for number in range(10):
        picture(tmp_path / "cat" / f"{number}.png", number)
        picture(tmp_path / "dog" / f"{number}.png", 100 + number)
    return tmp_path


def reds(data) -> list[int]:
    return data.pictures(np.arange(len(data)))[:, 0, 0, 0].tolist()


def test_a_share_of_each_class_is_held_out(folder):
    """A fifth of each class is for testing, the rest for training; the seed decides which, and nothing else."""
    train, test = class_folder(folder, 4, test=0.2)
    assert train.classes == test.classes == ("cat", "dog") and train.shape == (4, 4, 3)
    assert np.bincount(test.labels).tolist() == [2, 2] and np.bincount(train.labels).tolist() == [8, 8]
    assert sorted(reds(train) + reds(test)) == [*range(10), *range(100, 110)]
    assert [red >= 100 for red in reds(train)] == train.labels.astype(bool).tolist()
    assert reds(class_folder(folder, 4, test=0.2)[1]) == reds(test)
    assert reds(class_folder(folder, 4, test=0.2, seed=1)[1]) != reds(test)


def test_folders_that_are_parted_already(folder):
    """train/ and test/ are taken as they are."""
    for name in ("train", "test"):
        (folder / name).mkdir()
    (folder / "cat").rename(folder / "train" / "cat")
    (folder / "dog").rename(folder / "train" / "dog")
    picture(folder / "test" / "dog" / "x.png", 50)
    train, test = class_folder(folder, 4)
    assert len(train) == 20 and reds(test) == [50] and test.labels.tolist() == [1]


@pytest.mark.parametrize("name", ["valid", "validation", "more"])
def test_a_folder_to_train_on_alone_is_no_class(folder, name):
    """train/ beside a folder that is not known would make classes of the two: that is refused, with what to do."""
    for part in ("train", name):
        for label in ("cat", "dog"):
            picture(folder / "all" / part / label / "1.png", 1)
            picture(folder / "all" / part / label / "2.png", 1)
    with pytest.raises(NstError, match="neither test/ nor val/"):
        class_folder(folder / "all", 4)
    assert class_folder(folder / "all" / "train", 4)[0].classes == ("cat", "dog")


def test_a_class_may_be_called_train(folder):
    """Where train/ holds pictures and no folders, it is a class like any other."""
    (folder / "cat").rename(folder / "train")
    assert class_folder(folder, 4)[0].classes == ("dog", "train")


def test_no_picture_is_in_both_lists(folder):
    """One that is trained on would be tested on, however its path is written."""
    (folder / "train.txt").write_text("cat/1.png\ndog/2.png\ncat/3.png")
    (folder / "test.txt").write_text("cat/./3.png\ndog/9.png")
    with pytest.raises(NstError, match=r"1 pictures are in train\.txt and in test\.txt, such as .*3\.png"):
        class_folder(folder, 4)


def test_lists_decide(folder):
    """train.txt and test.txt name the pictures, one a line; others stay out."""
    (folder / "train.txt").write_text("cat/1.png\ndog/2.png\n\ncat/3.png")
    (folder / "test.txt").write_text("dog/9.png\r\n")
    train, test = class_folder(folder, 4)
    assert reds(train) == [1, 3, 102] and reds(test) == [109] and train.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("line", ["../cat/1.png", "/etc/passwd", "1.png", "cat/11.png", "cat/\0.png"])
def test_lists_reach_nowhere_else(folder, line):
    """A list names pictures in the folder that exist: anything else is refused with the number of its line."""
    (folder / "train.txt").write_text(f"cat/1.png\n{line}\n")
    (folder / "test.txt").write_text("cat/2.png")
    with pytest.raises(NstError, match=r"train\.txt, line 2"):
        class_folder(folder, 4)


def test_too_little_is_one_line(tmp_path):
    """No folder, no classes, one class, a class of one picture or none, a class that is only tested."""
    with pytest.raises(NstError, match="does not exist"):
        class_folder(tmp_path / "nowhere", 4)
    with pytest.raises(NstError, match="0 class"):
        class_folder(tmp_path, 4)
    picture(tmp_path / "cat" / "1.png", 1)
    with pytest.raises(NstError, match="one picture"):
        class_folder(tmp_path, 4)
    picture(tmp_path / "cat" / "2.png", 1)
    with pytest.raises(NstError, match="1 class;"):
        class_folder(tmp_path, 4)
    (tmp_path / "dog").mkdir()
    with pytest.raises(NstError, match=r"no picture in .*dog"):
        class_folder(tmp_path, 4)
    picture(tmp_path / "dog" / "1.png", 1)
    (tmp_path / "train.txt").write_text("cat/1.png\ndog/1.png")
    (tmp_path / "test.txt").write_text("cat/2.png")
    (tmp_path / "eel").mkdir()
    picture(tmp_path / "eel" / "1.png", 1)
    (tmp_path / "test.txt").write_text("eel/1.png")
    with pytest.raises(NstError, match="train on of eel"):
        class_folder(tmp_path, 4)


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_is_a_share(folder, share):
    """Nothing, or everything, cannot be held out."""
    with pytest.raises(NstError, match="between 0 and 1"):
        class_folder(folder, 4, test=share)


def test_pictures_are_decoded_once_where_there_is_room(folder, monkeypatch):
    """With room for some pictures those are decoded once, the others each time; what is returned is the same."""
    calls: list[Path] = []

    def counted(path, *rest):
        calls.append(path)
        return decode(path, *rest)

    monkeypatch.setattr(labelled_folder, "decode", counted)
    everything, _ = class_folder(folder, 4)
    first = reds(everything)
    assert len(calls) == 16 and reds(everything) == first and len(calls) == 16
    some, _ = class_folder(folder, 4, cache=4 * 4 * 3 * 10)
    calls.clear()
    assert reds(some) == first == reds(some) and len(calls) == 16 + 16 - 8
    assert reds(some.part(np.array([3, 1]))) == [first[3], first[1]]


def test_threads_read_the_same(folder):
    """Several threads that ask for all pictures at once get what one gets."""
    train, _ = class_folder(folder, 4)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: reds(train), range(8)))
    assert answers == [reds(class_folder(folder, 4)[0])] * 8


def test_a_damaged_picture_is_named(folder):
    """A picture that cannot be decoded is an NstError with its name, when it is its turn."""
    (folder / "cat" / "3.png").write_bytes(b"no picture")
    (folder / "train.txt").write_text("cat/1.png\ncat/3.png\ndog/2.png")
    (folder / "test.txt").write_text("cat/2.png")
    train, _ = class_folder(folder, 4)
    assert train.pictures(np.array([0, 2])).shape == (2, 4, 4, 3)
    with pytest.raises(NstError, match=r"3\.png"):
        train.pictures(np.array([0, 1]))
