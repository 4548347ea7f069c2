"""How a run is laid out in memory: whole or in tiles, what is kept and what is put away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nst.networks.tiling import Tiling


@dataclass(frozen=True)
class Layout:
    """What `nst.engine.fit` decides before a run.

    Attributes
    ----------
    content : Tiling or None
        Of the picture that is painted; `None` when one walk takes it whole.
    styles : tuple of Tiling or None
        Of each style picture.
    keep : {"memory", "file", "nothing"}
        Where the content features of a tiled picture are; `"nothing"` computes them anew each time.
    history : int
        How many pairs L-BFGS may keep.
    parts : dict of str to int
        What will be in memory when it is fullest, in bytes, by what it is.
    notes : tuple of str
        What the maker should know, in sentences.
    """

    content: Tiling | None = None
    styles: tuple[Tiling | None, ...] = ()
    keep: str = "memory"
    history: int = 10
    parts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def tiled(self) -> bool:
        """Whether the picture is taken in tiles."""
        return self.content is not None

    @property
    def total(self) -> int:
        """The peak of the process's memory, in bytes."""
        return sum(self.parts.values())

    @property
    def work(self) -> float:
        """The time of an evaluation, as a multiple of one that takes the picture whole.

        Three walks in place of two, four when the content features are computed anew, over pixels of which those in
        the halos count more than once.
        """
        if self.content is None:
            return 1.0
        return self.content.work * (2.0 if self.keep == "nothing" else 1.5)

    def describe(self) -> str:
        """Return the tiles in words."""
        if self.content is None:
            return "the whole picture at once"
        rows, columns = self.content.counts
        height, width = self.content.largest
        return f"{len(self.content)} tiles ({columns} across, {rows} down) of up to {width}x{height} with their halo"
