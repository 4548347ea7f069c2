"""This library's side of `tests.benchmarks.universal`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nst.feedforward.transforms import WCT, AdaIN
from nst.feedforward.universal import Universal, shares_of
from nst.formats.codec_files import read_adain, read_slim, read_wct
from nst.measure.job import Job
from nst.measure.worker import serve
from nst.networks.codecs import Codec


def codecs_of(job: Job) -> list[Codec]:
    """Return the codecs that a job names."""
    folder, adain = job.settings["weights"], job.settings["method"] == "adain"
    if folder is None:
        return read_slim(levels=[4] if adain else [4, 3, 2, 1])
    return read_adain(Path(folder)) if adain else read_wct(Path(folder))


class Painting:
    """A picture in another's style, with all of it."""

    def __init__(self, job: Job) -> None:
        self.content, self.style = job.arrays["content"], job.arrays["style"]
        self.universal = Universal(codecs_of(job), AdaIN() if job.settings["method"] == "adain" else WCT())
        self.share = shares_of(self.content.shape[:2], [1.0])

    def run(self, item: str) -> dict[str, float]:
        """Paint once."""
        self.picture = self.universal.paint(self.content, [self.style], self.share)
        return {}

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the picture."""
        self.run(item)
        return {"picture": self.picture}

    def facts(self) -> dict[str, Any]:
        """Return nothing."""
        return {}


if __name__ == "__main__":
    serve(Painting)
