"""The arguments of a run: what their types accept, what the defaults are, what a resumed run may change."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from nst.errors import NstError
from nst.session.arguments import choose_layers, parse
from nst.session.resuming import resumed, spelled
from nst.session.values import layers, number, shares, statistics, whole


def test_defaults_are_those_of_neural_style_where_they_make_sense():
    """jcjohnson's weights of content and style, L-BFGS, size 512; a start from the content."""
    options = parse([])
    assert (options.content_weight, options.style_weight) == (5, 100)
    assert (options.size, options.optimizer, options.learning_rate, options.init) == (
        512,
        "lbfgs",
        10,
        "content",
    )
    assert options.range_weight > 0 and options.history == 10
    assert options.pictures == [] and options.output == "out.png"


@pytest.mark.parametrize("text, value", [("0", 0), ("1e3", 1000), ("-0", 0), ("2.5", 2.5)])
def test_numbers(text, value):
    """Anything finite from the lowest value on."""
    assert number(0)(text) == value


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1e-9", "1e999"])
def test_numbers_that_are_refused(text):
    """Not finite, or too low."""
    with pytest.raises(argparse.ArgumentTypeError):
        number(0)(text)


def test_bounds_may_be_excluded_or_included():
    """`above` excludes the lower bound; whole numbers include both."""
    assert number(0)("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="0 is not a number above 0"):
        number(0, above=True)("0")
    assert [whole(1, 3)(text) for text in "13"] == [1, 3]
    for text in "04":
        with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 3"):
            whole(1, 3)(text)


def test_layers_have_weights_of_one_unless_they_say_otherwise():
    """In the order given, spaces around commas allowed."""
    assert layers("relu1_1, relu2_1:0.5,relu3_1:0") == {"relu1_1": 1, "relu2_1": 0.5, "relu3_1": 0}
    for wrong in ("", ",", "a,", "a,a", "a,a:2", ":3"):
        with pytest.raises(argparse.ArgumentTypeError, match="empty or named twice"):
            layers(wrong)


def test_shares_are_numbers_of_which_one_counts():
    """All zero would leave nothing to divide by."""
    assert shares("0.7,0,3") == [0.7, 0, 3]
    with pytest.raises(argparse.ArgumentTypeError, match="all weights are zero"):
        shares("0,0")


def test_layers_are_chosen_under_the_networks_own_names(small):
    """Aliases are resolved, the default is cut to what exists, a layer under two names is refused."""
    asked = {"block1_conv1": 2.0, "relu2_1": 1.0}
    assert choose_layers(asked, [], small, "style") == {"relu1_1": 2.0, "relu2_1": 1.0}
    assert choose_layers(None, ["relu1_1", "relu5_9"], small, "style") == {"relu1_1": 1.0}
    with pytest.raises(NstError, match="--style-layers names relu1_1 twice"):
        choose_layers({"relu1_1": 1.0, "block1_conv1": 1.0}, [], small, "style")


SAVED = [
    "a.jpg",
    "b.jpg",
    "--size",
    "64",
    "-o",
    "x.png",
    "--iterations",
    "9",
    "--style-blend",
    "2",
    "--quiet",
]


def test_a_resumed_run_takes_over_everything():
    """Without further arguments the options are those of the run before."""
    now = resumed(["--resume"], SAVED, Path())
    assert now.resume == "" and {**vars(now), "resume": None} == vars(parse(SAVED))


@pytest.mark.parametrize(
    "argv, key, value",
    [
        (["--iterations", "20"], "iterations", [20]),
        (["-o", "y.png"], "output", "y.png"),
        (["--save-every", "3"], "save_every", 3),
        (["--dry-run"], "dry_run", True),
        (["--size", "64"], "size", 64),
        (["a.jpg", "b.jpg"], "pictures", ["a.jpg", "b.jpg"]),
    ],
)
def test_a_resumed_run_may_be_told_more(argv, key, value):
    """What does not touch the iterations may change; what does may be repeated as it was."""
    now = resumed(["--resume", "c.npz", *argv], SAVED, Path())
    assert getattr(now, key) == value
    assert (now.size, now.pictures, now.style_blend) == (64, ["a.jpg", "b.jpg"], [2.0])


@pytest.mark.parametrize(
    "argv, flag",
    [
        (["--size", "65"], "--size: the checkpoint was made with 64"),
        (["--init", "other.png"], "--init: the checkpoint was made with content"),
        (["--pooling", "avg"], "--pooling: the checkpoint was made with its default"),
        (["--history", "11"], "--history: the checkpoint was made with 10"),
        (["--style-blend", "3"], "--style-blend: the checkpoint was made with"),
    ],
)
def test_a_resumed_run_may_not_become_another(argv, flag):
    """What influences the iterations is refused with what it was."""
    with pytest.raises(NstError, match=flag):
        resumed(["--resume", *argv], SAVED, Path())


@pytest.mark.parametrize(
    "argv",
    [
        [],
        SAVED,
        ["a.png", "--init", "c d.png", "b.jpg", "--style-blend=0.1", "--content-layers=a:1e-7,b"],
        "a b --init=x.png --weights=/w/f.h5 --tv-weight=0.1 --optimizer=adam --history=3 --save-every=7".split(),
    ],
)
def test_options_are_spelled_as_arguments(argv):
    """What is spelled means the same options, also when it is spelled for, and read from, another folder."""
    options = argparse.Namespace(**{**vars(parse(argv)), "quiet": False})  # of the one call
    for folder in (Path(), Path("some/folder")):
        assert resumed([], spelled(options, folder), folder) == options
    assert f"--output={Path('../..', options.output)}" in spelled(options, Path("some/folder"))


def test_names_that_look_like_flags_are_spelled_as_names():
    """A picture whose name begins with a dash is still a picture when a run goes on."""
    options = parse(["./-a.png", "./--size"])
    assert resumed([], spelled(options, Path()), Path()).pictures == ["-a.png", "--size"]


def test_bounds_of_numbers_are_told_from_both_sides():
    """Too large a number is told how large it may be."""
    with pytest.raises(argparse.ArgumentTypeError, match="101 is not a number above 0 to 100"):
        number(0, 100, above=True)("101")


@pytest.mark.parametrize(
    "line",
    [
        "--content-weight 0 --style-weight 0",
        "--content-weight 0 --style-layers relu1_1:0",
        "--content-layers a:0,b:0 --style-layers relu1_1:0",
    ],
)
def test_a_run_wants_something(line):
    """Where content and style weigh nothing, whether as a whole or layer by layer, there is nothing to paint."""
    with pytest.raises(NstError, match="there is nothing to paint"):
        parse(line.split())


@pytest.mark.parametrize("saved", [None, "a b", [1], {"size": 3}])
def test_saved_arguments_are_words(saved):
    """Anything but a list of words does not come from a run."""
    with pytest.raises(NstError, match="does not say what its run was asked for"):
        resumed(["--resume"], saved, Path())


@pytest.mark.parametrize("text", ["gram,histogram:0.5", "gram+histogram:0.5", " gram + histogram:0.5"])
def test_statistics(text):
    """Several with weights, joined by a plus or a comma; a checkpoint spells them so that they are read again."""
    assert statistics(text) == {"gram": 1.0, "histogram": 0.5}
    options = parse(["--style-statistic", text])
    assert parse(spelled(options, Path())).style_statistic == options.style_statistic


@pytest.mark.parametrize(
    "text, message", [("grim", "did you mean 'gram'"), ("gram:0", "all weights are zero"), ("gram+", "empty")]
)
def test_statistics_that_are_refused(text, message):
    """One that does not exist, none at all, an empty name: each in a line that says which."""
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        statistics(text)
