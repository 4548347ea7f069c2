"""Which pictures excite each unit most, and where: an index that grows with layers and pictures."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nst.errors import NstError
from nst.files import atomic_write

FORMAT = "nst patches 1"
DTYPES = {"value": "<f4", "picture": "<i4", "row": "<i4", "column": "<i4"}


@dataclass(frozen=True)
class Stamp:
    """A picture as it was when it was looked at: a file that has changed since is another one."""

    path: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Return the stamp of a file."""
        status = path.stat()
        return cls(os.path.abspath(path), status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Best:
    """The best places of each channel of a layer, in the first `done` pictures; at most one in a picture.

    All arrays are (channels, keep), the best first; where there are fewer, the picture is -1 and the value -inf. Row
    and column are -1 in a layer without places.
    """

    done: int
    value: np.ndarray
    picture: np.ndarray
    row: np.ndarray
    column: np.ndarray

    @classmethod
    def empty(cls, channels: int, keep: int) -> Best:
        """Return nothing yet."""
        nothing = np.full((channels, keep), -1, np.int32)
        return cls(0, np.full((channels, keep), -np.inf, np.float32), nothing, nothing, nothing)

    def with_picture(self, number: int, features: np.ndarray) -> Best:
        """Return what is best when picture `number`, with `features` (1, H, W, C) or (1, C), is counted in.

        Of equal values the earlier picture, and in a picture the first place in reading order, comes first.
        """
        flat = features.reshape(-1, features.shape[-1])
        width = features.shape[2] if features.ndim == 4 else 0
        better = np.flatnonzero(flat.max(axis=0) > self.value[:, -1])
        among = flat[:, better]
        place = among.argmax(axis=0)
        new = {
            "value": among[place, np.arange(len(better))],
            "picture": np.full(len(better), number),
            "row": place // width if width else np.full(len(better), -1),
            "column": place % width if width else np.full(len(better), -1),
        }
        values = np.append(self.value[better], new["value"][:, None], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        arrays = {}
        for name, added in new.items():
            arrays[name] = getattr(self, name).copy()
            both = np.append(arrays[name][better], added[:, None].astype(DTYPES[name]), axis=1)
            arrays[name][better] = np.take_along_axis(both, order[:, :-1], axis=1)
        return Best(number + 1, **arrays)


@dataclass(frozen=True)
class Hit:
    """One of the best places of a unit."""

    picture: Path
    value: float
    place: tuple[int, int] | None


class Index:
    """Per layer, how many of the pictures have been looked at, and what was best in them.

    Pictures are only ever added at the end, and each layer counts how far it has got: so a pass that was broken off
    goes on, new pictures cost only themselves, and a new layer only itself.

    Parameters
    ----------
    about : dict of str
        What the values depend on: network, hash of the weights, size of the pictures. An index about something else
        is refused.
    keep : int
        How many places are kept of each unit.
    """

    def __init__(self, about: dict[str, str], keep: int = 9) -> None:
        self.about, self.keep = dict(about), keep
        self.pictures: list[Stamp] = []
        self.layers: dict[str, Best] = {}

    def add_pictures(self, paths: Iterable[Path]) -> None:
        """Add those that are not there yet.

        Raises
        ------
        NstError
            When a picture of the index has changed, or is not among them: what it left in the lists would be wrong.
        """
        stamps = {stamp.path: stamp for stamp in map(Stamp.of, paths)}
        for old in self.pictures:
            if stamps.get(old.path) != old:
                raise NstError(
                    f"{old.path} has {'changed since it' if old.path in stamps else 'gone that'} was indexed; "
                    "--again makes the index anew"
                )
        known = {stamp.path for stamp in self.pictures}
        self.pictures += [stamp for path, stamp in stamps.items() if path not in known]

    def missing(self, layers: Iterable[str]) -> dict[int, list[str]]:
        """Return, for each picture that is still to be looked at, by which of the layers."""
        done = {layer: self.layers[layer].done if layer in self.layers else 0 for layer in layers}
        first = min(done.values(), default=len(self.pictures))
        return {
            number: [layer for layer in done if done[layer] <= number]
            for number in range(first, len(self.pictures))
        }

    def absorb(self, number: int, features: dict[str, np.ndarray]) -> None:
        """Count in what some layers made of picture `number`."""
        for layer, found in features.items():
            best = self.layers.get(layer) or Best.empty(found.shape[-1], self.keep)
            self.layers[layer] = best.with_picture(number, found)

    def skip(self, number: int, layers: Iterable[str]) -> None:
        """Count picture `number` as looked at, though it cannot be read; a layer that has seen nothing waits."""
        for layer in layers:
            if layer in self.layers:
                best = self.layers[layer]
                arrays = {name: getattr(best, name) for name in DTYPES}
                self.layers[layer] = Best(number + 1, **arrays)

    def top(self, layer: str, channel: int, count: int = 9) -> list[Hit]:
        """Return the best places of a unit, the best first.

        Raises
        ------
        NstError
            For a channel that there is not.
        """
        if layer not in self.layers:
            raise NstError(f"none of the {len(self.pictures)} pictures could be looked at")
        best = self.layers[layer]
        if not 0 <= channel < len(best.value):
            raise NstError(f"{layer} has channels 0 to {len(best.value) - 1}, no {channel}")
        hits = []
        for slot in range(min(count, self.keep)):
            picture = int(best.picture[channel, slot])
            if picture >= 0:
                row, column = int(best.row[channel, slot]), int(best.column[channel, slot])
                path = Path(self.pictures[picture].path)
                hits.append(Hit(path, float(best.value[channel, slot]), None if row < 0 else (row, column)))
        return hits

    def save(self, path: str | os.PathLike) -> None:
        """Write the index, whole or not at all."""
        layers = {
            name: {
                "done": best.done,
                "channels": len(best.value),
                **{
                    part: base64.b64encode(np.asarray(getattr(best, part), kind).tobytes()).decode()
                    for part, kind in DTYPES.items()
                },
            }
            for name, best in self.layers.items()
        }
        pictures = [[stamp.path, stamp.size, stamp.changed] for stamp in self.pictures]
        content = {
            "format": FORMAT,
            "about": self.about,
            "keep": self.keep,
            "pictures": pictures,
            "layers": layers,
        }
        with atomic_write(path) as stream:
            stream.write(json.dumps(content).encode("utf-8", "surrogateescape"))


def read_index(path: str | os.PathLike, about: dict[str, str]) -> Index:
    """Return the index in a file, which must be about the same network, weights and size.

    Raises
    ------
    NstError
        When it is about something else, or no index at all.
    """
    try:
        content = json.loads(Path(path).read_bytes().decode("utf-8", "surrogateescape"))
        if content["format"] != FORMAT:
            raise ValueError("another format")
        index = Index({str(key): str(value) for key, value in content["about"].items()}, int(content["keep"]))
        if not 1 <= index.keep <= 1000:
            raise ValueError("it keeps nothing")
        index.pictures = [Stamp(str(name), int(size), int(time)) for name, size, time in content["pictures"]]
        index.layers = {
            str(name): _best(stored, index.keep, len(index.pictures))
            for name, stored in content["layers"].items()
        }
    except OSError as error:
        raise NstError(f"index {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise NstError(f"{path} is no index of patches, or is damaged: --again makes it anew") from error
    for key, value in about.items():
        if index.about.get(key) != value:
            raise NstError(
                f"index {path} was made with {key} {index.about.get(key)}, not {value}; name another file with "
                "--index, or make this one anew with --again"
            )
    return index


def _best(stored: dict, keep: int, pictures: int) -> Best:
    channels, done = int(stored["channels"]), int(stored["done"])
    arrays = {
        part: np.frombuffer(base64.b64decode(stored[part], validate=True), kind).reshape(channels, keep)
        for part, kind in DTYPES.items()
    }
    if not 0 <= done <= pictures or arrays["picture"].max(initial=-1) >= done:
        raise ValueError("it tells of pictures that it does not have")
    return Best(done, **arrays)
