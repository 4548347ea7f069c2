"""The figures of lesson 13: the training of vgg-small on CIFAR-10, and small trainings with one piece left out.

The small trainings take the data set, which this repository does not hold, and a quarter of an hour. What they came
to is kept in `training-pieces.jsonl`, from which the figure is drawn; this measures it anew::

    python lessons/figures/training.py cifar-10-binary.tar.gz
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from lessons.figures.drawing import (  # noqa: E402  (found through the line above)
    BLUE,
    FAINT,
    INK,
    ORANGE,
    RED,
    curve,
    figure,
    line,
    ramp,
    svg,
    text,
)
from nst.errors import NstError  # noqa: E402
from nst.images.cifar_binary import cifar10  # noqa: E402
from nst.images.dataset import channel_statistics  # noqa: E402
from nst.layers import BatchNorm, Conv2d  # noqa: E402
from nst.networks import Network, Node, vgg_small  # noqa: E402
from nst.networks.initial import he_normal  # noqa: E402
from nst.training.augment import Augment  # noqa: E402
from nst.training.batches import Batches  # noqa: E402
from nst.training.evaluate import evaluate  # noqa: E402
from nst.training.recipe import Recipe  # noqa: E402
from nst.training.recipes import recipe  # noqa: E402
from nst.training.trainer import Training, train  # noqa: E402

PICTURES, WIDTH = 3000, 8
WHOLE = dataclasses.replace(recipe("vgg-small"), epochs=12, warmup=3, batch=64)
PIECES: dict[str, tuple[dict, str]] = {
    "everything": ({}, ""),
    "everything, seed 1": ({"seed": 1}, ""),
    "everything, seed 2": ({"seed": 2}, ""),
    "no flips, shifts and cutout": ({"flip": False, "shift": 0.0, "cutout": 0}, ""),
    "no cutout": ({"cutout": 0}, ""),
    "no label smoothing": ({"label_smoothing": 0.0}, ""),
    "no weight decay": ({"weight_decay": 0.0}, ""),
    "with dropout of 0.5": ({"dropout": 0.5}, ""),
    "classical momentum": ({"nesterov": False}, ""),
    "no momentum": ({"momentum": 0.0, "nesterov": False}, ""),
    "no momentum, 10 times the rate": ({"momentum": 0.0, "nesterov": False, "learning_rate": 2.0}, ""),
    "no average of weights": ({"average": 0.0}, ""),
    "the rate stays": ({"schedule": "constant", "warmup": 0.0}, ""),
    "the rate stays, no average": ({"schedule": "constant", "warmup": 0.0, "average": 0.0}, ""),
    "He's weights in all kernels": ({}, "he"),
    "weights from N(0, 0.01²)": ({}, "0.01"),
    "no batch normalisation": ({}, "he, plain"),
    "the same at a 20th of the rate": ({"learning_rate": 0.01}, "he, plain"),
    "... and weights from N(0, 0.01²)": ({"learning_rate": 0.01}, "0.01, plain"),
}
"""What is left out, or added: settings that change, and what becomes of the network."""


def changed(network: Network, how: str) -> Network:
    """Return the network with other kernels, drawn as He does or small, and without normalisations if "plain"."""
    nodes, rng = [], np.random.default_rng(7)
    for node in network.nodes.values():
        layer = node.layer
        if how and isinstance(layer, Conv2d):
            shape = layer.weight.shape
            weight = 0.01 * rng.standard_normal(shape, np.float32) if "0.01" in how else he_normal(rng, shape)
            layer = Conv2d(weight, np.zeros(shape[-1], np.float32) if "plain" in how else None, padding=1)
        if not ("plain" in how and isinstance(layer, BatchNorm)):
            nodes.append(Node(node.name, layer))
    return Network(nodes)


def measured(archive: str) -> Iterator[dict]:
    """Train without each of the pieces; yield what came out on the 10 000 test pictures."""
    pictures, test = cifar10(archive)
    few = pictures.part(np.random.default_rng(0).permutation(len(pictures))[:PICTURES])
    for name, (settings, how) in PIECES.items():
        one: Recipe = dataclasses.replace(WHOLE, **settings)
        mean = tuple(channel_statistics(few)[0])
        moved = round(one.shift * few.shape[0])
        change = Augment(flip=one.flip, shift=moved, border=one.border, cutout=one.cutout, fill=mean)
        batches = Batches(few, one.batch, change, one.seed)
        network = changed(vgg_small(one.seed, width=WIDTH, dropout=one.dropout, mean=mean), how)
        training = Training(network, one, batches.steps_per_epoch)
        found = {"left out": name}
        try:
            train(training, batches)
            score, last = evaluate(training.result, test), training.history[-1]
            found |= {"accuracy": score.accuracy, "loss": score.loss}
            found |= {"trained accuracy": last.accuracy, "trained loss": last.loss}
        except NstError as error:
            found["diverged"] = str(error)
        yield found


def kept(name: str) -> list[dict]:
    """Return the lines of a log beside this file."""
    return [json.loads(one) for one in (HERE / name).read_text("utf-8").splitlines()]


@figure("training-pieces.svg")
def pieces() -> str:
    """Draw the share of right answers without each piece, and how far three seeds are apart."""
    found = {one["left out"]: one.get("accuracy") for one in kept("training-pieces.jsonl")}
    seeds = [accuracy for name, accuracy in found.items() if name.startswith("everything")]
    x = ramp(0.0, 1.0, 250, 970)
    rows = [name for name in found if not name.startswith("everything, ")]
    low, high, bottom = x(min(seeds)), x(max(seeds)), 46 + 24 * len(rows)
    parts = [
        f'<rect x="{low:.1f}" y="30" width="{high - low:.1f}" height="{bottom - 36}" fill="{BLUE}" opacity="0.25"/>',
        text((low + high) / 2, 22, "three seeds", size=12, colour=BLUE),
    ]
    for place, name in enumerate(rows):
        y, accuracy = 46 + 24 * place, found[name]
        parts.append(text(242, y + 5, name, anchor="end", colour=INK))
        if accuracy is None:
            parts.append(text(256, y + 5, "diverges", anchor="start", colour=RED, size=13))
            continue
        colour = BLUE if name == "everything" else ORANGE
        parts.append(line(250, y, x(accuracy), y, colour=colour, width=13))
        parts.append(text(x(accuracy) + 6, y + 5, f"{100 * accuracy:.1f} %", anchor="start", size=13))
    return svg(860, bottom + 6, parts)


@figure("training-curve.svg")
def course() -> str:
    """Draw right answers while training and on test pictures, and the rate, of the official run."""
    log = kept("vgg-small.log.jsonl")
    epochs = [one["epoch"] for one in log]
    x, y = ramp(0, epochs[-1], 60, 640), ramp(0.3, 1.0, 290, 30)
    highest = max(one["learning_rate"] for one in log)
    rate = ramp(0.0, highest, 290, 150)
    parts = []
    for tenth in range(3, 11):
        parts.append(line(60, y(tenth / 10), 640, y(tenth / 10), colour="#e4e3de"))
        parts.append(text(52, y(tenth / 10) + 4, f"{10 * tenth} %", anchor="end", size=12))
    for epoch in epochs[3::4]:
        parts.append(text(x(epoch), 308, str(epoch), size=12))
    shown = (
        ([rate(one["learning_rate"]) for one in log], FAINT, "rate", -12),
        ([y(one["accuracy"]) for one in log], ORANGE, "as they were trained on", 16),
        ([y(one["test_accuracy"]) for one in log], BLUE, "test pictures", -8),
    )
    xs = [x(epoch) for epoch in epochs]
    for values, colour, name, beside in shown:
        parts.append(curve(xs, values, colour, dots=colour != FAINT, dash="4 4" if colour == FAINT else ""))
        middle = len(xs) // 2
        parts.append(text(xs[middle], values[middle] + beside, name, anchor="start", size=13, colour=colour))
    return svg(670, 336, [*parts, text(350, 328, "epochs", size=13)])


if __name__ == "__main__":
    with (HERE / "training-pieces.jsonl").open("w", encoding="utf-8") as stream:
        for result in measured(*sys.argv[1:]):
            print(json.dumps(result), flush=True)
            stream.write(json.dumps(result) + "\n")
            stream.flush()
