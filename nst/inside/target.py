"""What shall be excited, from words: `inception_4c/output:12`, `class:flamingo`, `inception_4c/output`."""

from __future__ import annotations

import re

import numpy as np

from nst.errors import NstError, nearest
from nst.inside.source import Source
from nst.losses import Channel, ClassScore, Direction, Energy, Unit
from nst.networks.extent import shapes

WHOLE = r"\d{1,9}"  # more digits are no channel, and Python refuses to read some thousands of them
NUMBER = rf"-?{WHOLE}(?:\.\d{{1,99}})?"
CHANNEL = re.compile(rf"({WHOLE})(?:@(?:({WHOLE}),({WHOLE})|(middle)))?")
MIXTURE = re.compile(rf"{WHOLE}(?:\*{NUMBER})?(?:\+{WHOLE}(?:\*{NUMBER})?)+|{WHOLE}\*{NUMBER}")

WAYS = "LAYER, LAYER:CHANNEL, LAYER:CHANNEL@ROW,COLUMN or @middle, LAYER:1+7*0.5 (a direction), class:NAME"


def term_of(
    target: str, source: Source, power: float = 0.0
) -> Unit | Channel | Energy | ClassScore | Direction:
    """Return the term that a target means.

    `LAYER` alone is the energy of all of it, `LAYER:7` the mean of channel 7, `LAYER:7@3,4` its unit in row 3 and
    column 4, `LAYER:7@middle` the one in the middle, `LAYER:7+9*0.5` the direction with 1 in channel 7 and 0.5 in
    channel 9 (`power` as in `nst.losses.Direction`), `class:340` or `class:zebra` the score of a class.

    Raises
    ------
    NstError
        For a target that means nothing, or something that the network does not have.
    """
    layer, colon, what = target.partition(":")
    if layer == "class":
        return ClassScore(scores_of(source), class_number(what))
    layer = source.network.resolve(layer)
    if not colon:
        return Energy(layer)
    if MIXTURE.fullmatch(what):
        return _direction(layer, what, source, power)
    found = CHANNEL.fullmatch(what)
    if not found:
        raise NstError(f"{target!r:.80} is no target; a target is {WAYS}")
    channel, row, column, middle = found.groups()
    _check(layer, int(channel), source)
    if middle:
        return Unit(layer, int(channel))
    return Channel(layer, int(channel)) if row is None else Unit(layer, int(channel), (int(row), int(column)))


def scores_of(source: Source) -> str:
    """Return the layer of the scores before softmax, or raise an `NstError` where there is none."""
    if source.scores is None:
        raise NstError(
            f"the weights in {source.path} end at {source.network.names[-1]}: they know no classes"
        )
    return source.scores


def class_number(name: str) -> int:
    """Return the number of a class of ImageNet, from 0, by its number or by its name.

    Raises
    ------
    NstError
        When no class, or more than one, has that name.
    """
    from nst.images.imagenet import class_names

    names = class_names()
    if re.fullmatch(WHOLE, name) and int(name) < len(names):
        return int(name)
    words = [[word.strip().lower() for word in names[k].split(",")] for k in range(len(names))]
    found = [k for k, known in enumerate(words) if name.lower() in known]
    if len(found) == 1:
        return found[0]
    if found:
        raise NstError(f"class {name!r} is ambiguous: give one of the numbers {', '.join(map(str, found))}")
    hint = nearest(name.lower(), [word for known in words for word in known])
    raise NstError(f"no class is called {name!r:.80}{hint}; or give its number, 0 to {len(names) - 1}")


def _direction(layer: str, what: str, source: Source, power: float) -> Direction:
    vector = np.zeros(_channels(layer, source))
    for part in what.split("+"):
        channel, _, weight = part.partition("*")
        _check(layer, int(channel), source)
        vector[int(channel)] += float(weight or 1)
    return Direction(layer, vector, power, name=what)


def _check(layer: str, channel: int, source: Source) -> None:
    """Raise an `NstError` now, and not when a picture has been made, for a channel that there is not."""
    if channel >= (count := _channels(layer, source)):
        raise NstError(f"{layer} has channels 0 to {count - 1}, no {channel}")


def _channels(layer: str, source: Source) -> int:
    shape = shapes(source.network, (1, source.crop, source.crop, 3), [layer])[layer]
    if len(shape) != 4:
        raise NstError(f"{layer} has no places and channels, only scores: ask for class:NAME")
    return shape[3]
