"""Networks side by side: what each costs and what it is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from nst.errors import NstError
from nst.files import require_file
from nst.networks import architecture
from nst.pruning.costs import Batch, correct, costs, seconds_of_answer, seconds_of_step
from nst.pruning.data import at_once, test_pictures
from nst.pruning.distance import CONTENT_WEIGHT, STYLE_TAPS, Distance, Pair, average, style_at
from nst.pruning.source import Source, square

SECOND = 1.25
"""Times the content weight: the second measurement, which says how style and content go together."""
MOST_LABELS = 1 << 20  # bytes
LONGEST = 9  # digits of the number of a class

Row = dict[str, str]


def rows(
    sources: Sequence[Source],
    size: int,
    pairs: Sequence[Sequence[str]] = (),
    labels: str | None = None,
    data: str | None = None,
) -> list[Row]:
    """Measure networks of one architecture; the first is the whole one.

    Parameters
    ----------
    sources
    size
        Of pictures that are painted or timed, in pixels; those of a network of `nst.train` are as large as it wants.
    pairs
        Paths of photographs and paintings: each network paints them, and the first judges (see `nst.pruning.distance`).
    labels
        A file with a line for each picture, of its path beside that file and the number of its class.
    data
        The data set of networks of `nst.train`, whose test pictures are classified.
    """
    loaded = [tuple(square(path, size, zoom=True) for path in pair) for pair in pairs]
    judge = sources[0].network
    own = average(judge, judge, loaded, CONTENT_WEIGHT) if loaded else None
    found = []
    for source in sources:
        row = _costs(source, size)
        if own:
            at = own if source is sources[0] else _at_equal_content(source, judge, loaded, own.content)
            row |= {"style distance": f"{at.style:.4f}", "times": f"{at.style / own.style:.2f}"}
        if labels or data:
            row |= _answers(source, _labelled(labels, source) if labels else test_pictures(data, source))
        found.append(row)
    return found


def _costs(source: Source, size: int) -> Row:
    """Return what a network costs: numbers, operations, bytes, and the time of an answer, or of a step of painting."""
    shape = source.trained.shape if source.trained else (size, size, 3)
    cost = costs(source.network, (1, *shape))
    row = {
        "file": source.path.name,
        "parameters": f"{cost.parameters:,}",
        "GFLOP": f"{cost.operations / 1e9:.3g}",
        "bytes": f"{source.path.stat().st_size:,}",
    }
    rng = np.random.default_rng(0)
    taps = [tap for tap in STYLE_TAPS if tap in source.network.nodes]
    if taps and not source.trained:
        picture = rng.uniform(0, 255, (1, *shape)).astype(np.float32)
        row["step"] = f"{seconds_of_step(source.network, picture, taps):.3f} s"
    elif _scores(source) in source.network.nodes:
        pictures = rng.uniform(0, 255, (at_once(shape) if source.trained else 1, *shape)).astype(np.float32)
        seconds = seconds_of_answer(source.network, _scores(source), pictures)
        row["a picture"] = f"{1e3 * seconds:.3g} ms"
    return row


def _scores(source: Source) -> str:
    """Return the layer of a classifier's scores."""
    return source.network.names[-1] if source.trained else architecture(source.weights.network).scores


def _at_equal_content(source: Source, judge, pairs: Sequence[Pair], content: float) -> Distance:
    measured = [average(source.network, judge, pairs, CONTENT_WEIGHT * times) for times in (1, SECOND)]
    return Distance(style_at(content, *measured), content)


def _answers(source: Source, batches: Iterable[Batch]) -> Row:
    count, first, five = correct(source.network, source.network.resolve(_scores(source)), batches)
    return {"right": f"{first} of {count}", "among five": str(five)}


def _labelled(path: str, source: Source) -> Iterator[Batch]:
    """Yield the pictures that a file of labels names, their middles, each with its label."""
    if source.trained:
        raise NstError(f"{source.path} is a network of nst.train: name its data set with --data")
    crop, found = architecture(source.weights.network).crop, require_file(path, "file of labels")
    if found.stat().st_size > MOST_LABELS:
        raise NstError(f"{found} is too large for a file of labels")
    for number, line in enumerate(found.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        name, _, label = line.strip().rpartition(" ")
        if not name or not label.isdecimal() or len(label) > LONGEST:
            raise NstError(f"{found}, line {number}: a picture and the number of its class are expected")
        yield square(Path(found.parent, name), crop, managed=False), np.array([int(label)])


def table(found: Sequence[Row]) -> list[str]:
    """Return rows as lines of text, columns under their names, numbers to the right."""
    names = list(dict.fromkeys(name for row in found for name in row))
    cells = [names, *([row.get(name, "") for name in names] for row in found)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    columns = [
        [cell.ljust(width) if i == 0 else cell.rjust(width) for cell in column]
        for i, (column, width) in enumerate(zip(zip(*cells, strict=True), widths, strict=True))
    ]
    return ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
