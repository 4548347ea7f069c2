"""Measure time and memory: `python -m nst.bench layers|step|train|fast|ladder`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst.cli import Parser, run_door
from nst.errors import NstError, printable
from nst.files import atomic_write
from nst.formats import read
from nst.kernels import card_lacks, card_name, no_card
from nst.measure import sides, tables
from nst.measure.arithmetic import of_step, of_training
from nst.measure.each_layer import facts_and_layers
from nst.measure.job import Job
from nst.measure.jobs import he_weights, layers_job, step_job
from nst.measure.machine import cores, machine
from nst.measure.painting import of_painting, painting_job
from nst.measure.peer import Side
from nst.measure.training_job import train_job
from nst.measure.whole_step import first_ever, measure
from nst.networks import Weights
from nst.report.trace import plain

ROUNDS, QUICK = 7, 3
PRECISIONS = ("float32", "tf32", "bf16")


def main(argv: Sequence[str]) -> int:
    """Measure what the first argument says, print tables, and return 0."""
    options = _parser().parse_args(argv)
    device = getattr(options, "device", "cpu")
    if device == "cuda":
        _check_card(options.precision)
    rivals = sides.rivals(options.vs, options.threads, options.isa, device) if options.vs else []
    about = machine() | ({"card": card_name()} if device == "cuda" else {})
    told = {key: value for key, value in vars(options).items() if key != "run"}
    record = Record(options.json, {"settings": told, "machine": about})
    where = about.get("card") or f"{about['processor']}, {options.threads} of {about['cpus']} cores"
    _say(f"{where}, nst {about['nst']}")
    options.run(options, rivals, record)
    return 0


def _check_card(precision: str) -> None:
    if missing := no_card():
        raise NstError(f"--device cuda: {missing}")
    if lacking := card_lacks(precision):
        raise NstError(f"--precision {precision}: {lacking}; give --precision float32")


class Record:
    """What has been measured so far, as it stands in a file from the beginning on: a run may be stopped at any time."""

    def __init__(self, path: Path | None, head: dict[str, Any]) -> None:
        self.path, self.head, self.rows = path, head, []
        self._write()

    def append(self, row: dict[str, Any]) -> None:
        """Add what was measured."""
        self.rows.append(row)
        self._write()

    def _write(self) -> None:
        if self.path:
            with atomic_write(self.path) as file:
                file.write(json.dumps(plain({**self.head, "rows": self.rows}), indent=1).encode())


def _parser() -> Parser:
    parser = Parser(prog="python -m nst.bench", description="Measure time and memory.")
    doors = parser.add_subparsers(required=True, metavar="layers|step|train|fast|ladder")
    door = doors.add_parser("layers", help="each layer of VGG-19 alone, forward and backward")
    _add_network(door, "256")
    door.set_defaults(run=layers)
    door = doors.add_parser("step", help="a whole step of style transfer")
    _add_network(door, "256,512")
    door.add_argument("--pooling", choices=("max", "avg"), default="max", help="between the blocks")
    _add_device(door)
    _add_steps(door)
    door.set_defaults(run=step)
    door = doors.add_parser("train", help="a training step of VGG-19 with batch normalisation")
    door.add_argument("--batch", type=_batch, default=128, help="pictures, of 32x32 pixels; two or more")
    _add_random(door)
    _add_steps(door)
    door.set_defaults(run=train)
    door = doors.add_parser("fast", help="a painting in one pass, as of nst.fast")
    door.add_argument(
        "--size", type=sizes, default="512", metavar="N|WxH,...", help="of the pictures, in pixels"
    )
    door.add_argument("--seed", type=_whole, default=0, help="of what is random")
    _add_steps(door)
    door.set_defaults(run=fast)
    for door in doors.choices.values():
        _add_common(door)
    door = doors.add_parser("ladder", help="one convolution from a loop to Winograd (lesson 6)")
    door.add_argument("--size", type=_count, default=64, help="of the map, in places")
    door.add_argument("--channels", type=_count, default=256, help="read, and written")
    door.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    door.set_defaults(run=ladder, vs=None, threads=cores())
    return parser


def _add_network(door: argparse.ArgumentParser, default: str) -> None:
    door.add_argument(
        "--size", type=sizes, default=default, metavar="N|WxH,...", help="of the pictures, in pixels"
    )
    door.add_argument("--weights", metavar="FILE", help="of a VGG-19 or VGG-16 (default: random numbers)")
    _add_random(door)


def _add_device(door: argparse.ArgumentParser) -> None:
    door.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of both sides")
    door.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="on a card; with anything but float32, PyTorch may use TF32 too",
    )


def _add_random(door: argparse.ArgumentParser) -> None:
    door.add_argument("--width", type=_share, default=1.0, help="share of VGG-19's channels")
    door.add_argument("--seed", type=_whole, default=0, help="of what is random")


def _add_steps(door: argparse.ArgumentParser) -> None:
    door.add_argument("--cold", action="store_true", help="time a start with nothing compiled as well")
    door.add_argument("--exact", action="store_true", help="compare with float64 as well (slow)")


def _add_common(door: argparse.ArgumentParser) -> None:
    door.add_argument(
        "--vs", choices=("torch", "reference"), help="measure in turns with PyTorch, or with NumPy"
    )
    door.add_argument("--isa", choices=("avx2",), help="use these vectors only, on both sides")
    door.add_argument("--threads", type=_threads, default=cores(), help="for each side")
    door.add_argument("--rounds", type=_count, help=f"that count (default: {ROUNDS}; {QUICK} with --quick)")
    door.add_argument("--quick", action="store_true", help="few rounds")
    door.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")


def sizes(text: str) -> list[tuple[int, int]]:
    """Parse `256,500x333` into heights and widths.

    >>> sizes("256,500x333")
    [(256, 256), (333, 500)]
    """
    found = []
    for part in text.split(","):
        width, times, height = part.lower().partition("x")
        if not width or (times and not height):
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of sizes such as 256,500x333")
        found.append((_side(height if times else width), _side(width)))
    return found


def _side(text: str) -> int:
    return _within(text, 16, 16384)


def _whole(text: str) -> int:
    """Parse a number that is not negative."""
    return _within(text, 0, 2**32 - 1)


def _count(text: str) -> int:
    return _within(text, 1, 10_000)


def _batch(text: str) -> int:
    """Parse a number of pictures: over one alone, the deepest maps of one place have no variance."""
    return _within(text, 2, 10_000)


def _threads(text: str) -> int:
    return _within(text, 1, cores())


def _within(text: str, low: int, high: int) -> int:
    if not text.strip().isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)


def _share(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.01 <= found <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.01 to 1")
    return found


def _rounds(options: argparse.Namespace) -> int:
    return options.rounds or (QUICK if options.quick else ROUNDS)


def _weights(options: argparse.Namespace) -> Weights:
    if not options.weights:
        return he_weights(options.seed, options.width)
    found = read(Path(options.weights), None)
    if "conv1_1.weight" not in found.arrays:
        raise NstError(f"{options.weights} holds no VGG; give the file of a VGG-19 or VGG-16")
    return found


def layers(options: argparse.Namespace, rivals: list[Side], record: Record) -> None:
    """Measure each layer alone."""
    weights, ours = _weights(options), sides.ours(options.threads, options.isa)
    for height, width in options.size:
        job, facts = layers_job(weights, height, width, options.seed), {}
        for found in facts_and_layers(job, ours, rivals, _rounds(options)):
            if isinstance(found, dict):
                facts = found
                _say(tables.vectors(facts), tables.layer_head(rivals))
            else:
                record.append({"size": [width, height], "facts": facts, "layer": found})
                _say(tables.layer_line(found, facts))


def step(options: argparse.Namespace, rivals: list[Side], record: Record) -> None:
    """Measure whole steps of style transfer."""
    weights = _weights(options)
    for height, width in options.size:
        job = step_job(weights, height, width, options.pooling, options.seed)
        job.settings |= {"device": options.device, "precision": options.precision}
        operations = of_step(layers_job(weights, height, width).settings["rows"])
        _measure(f"{width}x{height}", job, operations, options, rivals, record)


def train(options: argparse.Namespace, rivals: list[Side], record: Record) -> None:
    """Measure a training step."""
    job = train_job(options.batch, options.width, options.seed)
    _measure(f"batch {options.batch}", job, of_training(job), options, rivals, record)


def fast(options: argparse.Namespace, rivals: list[Side], record: Record) -> None:
    """Measure a painting in one pass."""
    for height, width in options.size:
        job = painting_job(height, width, options.seed)
        _measure(f"{width}x{height}", job, of_painting(job), options, rivals, record)


def ladder(options: argparse.Namespace, rivals: list[Side], record: Record) -> None:
    """Measure one convolution in each of the ways of lesson 6."""
    from nst.measure.ladder import climb  # kernels in this very process

    for rung in climb(options.size, options.channels):
        rate = 2 * 9 * options.channels**2 * options.size**2 / rung.seconds / 1e9
        record.append(vars(rung))
        _say(f"{rung.name:14}{1e3 * rung.seconds:11.2f} ms{rate:9.1f} GFLOP/s   error {rung.error:.1e}")


def _measure(
    name: str, job: Job, operations: int, options: argparse.Namespace, rivals: list[Side], record: Record
) -> None:
    ours = sides.ours(options.threads, options.isa)
    cold = first_ever(job, ours) if options.cold else None
    found = measure(job, ours, rivals, _rounds(options), options.exact)
    if not record.rows:
        _say(tables.about(job), tables.vectors(found.facts), tables.step_head(found))
    record.append({"name": name, "operations": operations, "cold": cold, "step": found})
    _say(*tables.step_lines(name, found, operations))
    if cold is not None:
        _say(f"{'':12}first step {cold:.2f} s after the start where nothing was compiled before")


def _say(*lines: str) -> None:
    print("\n".join(map(printable, lines)), flush=True)


if __name__ == "__main__":
    raise SystemExit(run_door(main))
