"""Coarse to fine: which sizes, and how many iterations at each."""

from __future__ import annotations

import pytest

from nst.session.arguments import parse
from nst.session.scales import COARSEST, Scale, schedule


def sizes(line: str) -> list[int]:
    return [scale.size for scale in schedule(parse(line.split()))]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("", [512]),
        ("--size 16", [16]),
        ("--size 513", [256, 513]),
        ("--size 1000", [500, 1000]),
        ("--size 1024", [512, 1024]),
        ("--size 1025", [256, 512, 1025]),
        ("--size 4096", [512, 1024, 2048, 4096]),
        ("--size 4096 --scales 1", [4096]),
        ("--size 300 --scales 3", [75, 150, 300]),
        ("--size 300 --iterations 5,3", [150, 300]),
    ],
)
def test_each_size_is_twice_the_one_before(line, expected):
    """One up to 512 pixels; above, as many as bring the first to that; as many as are asked for, or have iterations."""
    assert sizes(line) == expected
    assert "--" in line.replace("--size", "") or expected[0] <= COARSEST


@pytest.mark.parametrize(
    "line, expected",
    [
        ("", [200]),
        ("--size 2048", [200, 100, 50]),
        ("--size 2048 --iterations 3", [3, 2, 1]),
        ("--size 2048 --iterations 1", [1, 1, 1]),
        ("--size 2048 --iterations 7,1,9", [7, 1, 9]),
    ],
)
def test_finer_sizes_get_fewer_iterations(line, expected):
    """Half as many as the one before, but at least one; or what each is given."""
    assert [scale.iterations for scale in schedule(parse(line.split()))] == expected


def test_one_scale_is_the_size_itself():
    """Whatever is asked for in numbers arrives in numbers."""
    assert schedule(parse(["--size", "700", "--scales", "1", "--iterations", "12"])) == [Scale(700, 12)]
