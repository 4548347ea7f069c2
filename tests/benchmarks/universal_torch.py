"""PyTorch's side of `tests.benchmarks.universal`: the layers of the same codecs, one by one, run by PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from nst.feedforward.transforms import FLOOR, TINY
from nst.layers import Conv2d, ConvReLU, MaxPool2d, Preprocess, ReLU, UpsampleNearest
from nst.measure.job import Job
from nst.measure.worker import serve
from nst.networks import Network
from tests.benchmarks.universal_ours import codecs_of

FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
EPS = 1e-5
Step = Callable[[torch.Tensor], torch.Tensor]


class Painting:
    """The same picture."""

    def __init__(self, job: Job, layout: str) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.format, self.codecs = FORMATS[layout], codecs_of(job)
        self.move = adain if job.settings["method"] == "adain" else wct
        self.steps = [(self.steps_of(one.encoder, one.tap), self.steps_of(one.decoder, "picture"))
                      for one in self.codecs]  # fmt: skip
        self.content, self.style = job.arrays["content"], job.arrays["style"]

    def steps_of(self, network: Network, last: str) -> list[Step]:
        """Return what a plain network does to a tensor as far as a node, one function after the other."""
        steps: list[Step] = []
        for node in network.nodes.values():
            steps += self.step_of(node.layer)
            if node.name == last:
                break
        return steps

    def step_of(self, layer: Any) -> list[Step]:
        """Return what one layer does."""
        if isinstance(layer, ConvReLU):
            follow = [lambda x: F.relu_(x)] * layer.relu + [lambda x: F.max_pool2d(x, 2)] * (
                layer.pool == "max"
            )
            return [*self.step_of(layer.conv), *follow]
        if isinstance(layer, Conv2d):
            weight = torch.tensor(layer.weight).permute(3, 2, 0, 1).contiguous(memory_format=self.format)
            bias, (rows, columns) = torch.tensor(layer.bias), layer.padding
            if layer.padding_mode == "reflect":
                return [lambda x: F.conv2d(F.pad(x, (*columns, *rows), mode="reflect"), weight, bias)]
            return [lambda x: F.conv2d(x, weight, bias, padding=(rows[0], columns[0]))]
        if isinstance(layer, Preprocess):
            mean, scale = (
                torch.tensor(one, dtype=torch.float32).view(-1, 1, 1) for one in (layer.mean, layer.scale)
            )
            return [lambda x: ((x.flip(1) if layer.reverse else x) - mean) * scale]
        known = {ReLU: F.relu_, MaxPool2d: lambda x: F.max_pool2d(x, 2)}
        known[UpsampleNearest] = lambda x: F.interpolate(x, scale_factor=2, mode="nearest")
        return [known[type(layer)]]

    @torch.no_grad()
    def run(self, item: str) -> dict[str, float]:
        """Paint once."""
        styles = [walked(encode, self.tensor(codec.room(self.style)))
                  for codec, (encode, _) in zip(self.codecs, self.steps, strict=True)]  # fmt: skip
        picture = self.content
        height, width = picture.shape[:2]
        for codec, (encode, decode), style in zip(self.codecs, self.steps, styles, strict=True):
            found = self.move(walked(encode, self.tensor(codec.room(picture))), style)
            picture = walked(decode, found)[0].permute(1, 2, 0)[:height, :width].clamp(0, 255).numpy()
        self.picture = picture
        return {}

    def tensor(self, picture: np.ndarray) -> torch.Tensor:
        """Return (H, W, 3) as (1, 3, H, W)."""
        return torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous(memory_format=self.format)

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the picture."""
        self.run(item)
        return {"picture": np.ascontiguousarray(self.picture)}

    def facts(self) -> dict[str, Any]:
        """Return the version."""
        return {"version": torch.__version__}


def walked(steps: list[Step], x: torch.Tensor) -> torch.Tensor:
    """Return what steps make of a tensor, one after the other."""
    for step in steps:
        x = step(x)
    return x


def adain(content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    """Return features (1, C, h, w) with the mean and the deviation of others."""
    over = {"dim": (2, 3), "keepdim": True}
    scale = ((style.var(**over, correction=0) + EPS) / (content.var(**over, correction=0) + EPS)).sqrt()
    return (content - content.mean(**over)) * scale + style.mean(**over)


def wct(content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    """Return features (1, C, h, w) whitened and coloured, the statistics in float64 as ours are."""
    mu, root = root_of(content, -0.5)
    wanted, spread = root_of(style, 0.5)
    rows = (spread @ root).float() @ (content[0].flatten(1) - mu.float()) + wanted.float()
    return rows.reshape(content.shape)


def root_of(features: torch.Tensor, exponent: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean (C, 1), and a power of the covariance above its floor."""
    rows = features[0].flatten(1).double()
    mu = rows.mean(1, keepdim=True)
    rows = rows - mu
    values, vectors = torch.linalg.eigh(rows @ rows.T / rows.shape[1])
    floor = max(FLOOR * values[-1].item(), TINY)
    return mu, vectors * values.clamp_min(floor) ** exponent @ vectors.T


if __name__ == "__main__":
    serve(Painting)
