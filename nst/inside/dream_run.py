"""One run of `nst.dream`, from its arguments to its files."""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nst.engine.objective import Term
from nst.errors import NstError
from nst.files import sha256
from nst.images import Picture, check_target, eight_bits, fit_size, load, resize, resize_to, save
from nst.images.bundled import landscape_path
from nst.inside.dream import Dream, Dreamt, dream, sizes, zoom_sequence
from nst.inside.dream_resume import EXACT, last_frame, resumed
from nst.inside.source import Source, read_network
from nst.inside.target import term_of
from nst.losses import Guide
from nst.report import Trace, versions, write_json, write_report
from nst.session.outputs import refuse_overwriting, small

LAYERS = {"googlenet": "inception_4c/output", "squeezenet": "fire8/concat"}
"""What is dreamt of when no layer is named; of another network the third ReLU from its end."""
GUIDE = 320  # pixels: longest side of a guide
MOST = 40  # pictures along the way, in the report
RESULT, SHOWN = (
    1280,
    480,
)  # pixels: longest side in the report, of the result and of the pictures along the way


@dataclass
class _Diary:
    """What is kept of a run while it goes on."""

    say: Callable[[str], None]
    settings: Dream
    trace: Trace = field(default_factory=Trace)
    pictures: list[tuple[str, np.ndarray]] = field(default_factory=list)
    last: float = field(default_factory=time.perf_counter)
    frame: str = ""

    def note(self, step: Dreamt) -> None:
        """Take down one step, and tell of each octave when it ends."""
        now = time.perf_counter()
        seconds, self.last = now - self.last, now
        height, width = step.image.shape[:2]
        number = len(self.trace) + 1
        self.trace.add(number, step.value, step.parts, seconds=seconds, size=max(height, width))
        if step.iteration == self.settings.iterations:
            del self.pictures[MOST:]  # of a sequence, the first frames and the latest
            self.pictures.append((f"{self.frame}{width}x{height}", eight_bits(small(step.image, SHOWN))))
            pace = sum(row.seconds for row in self.trace.rows[-step.iteration :])
            self.say(
                f"{self.frame}octave {step.octave} of {self.settings.octaves}, {width}x{height}: "
                f"{-step.value:.4g} in {pace:.1f} s"
            )


@dataclass(frozen=True)
class _Job:
    """What is wanted, and where it goes."""

    settings: Dream
    picture: Picture
    size: tuple[int, int]
    source: Source
    terms: list[Term]
    targets: list[Path]
    about: dict[str, Any]
    hashes: dict[str, str]


def run(options: argparse.Namespace, say: Callable[[str], None]) -> str:
    """Dream as the arguments say, write pictures, record and report, and return a line that names them.

    Raises
    ------
    NstError
        For whatever is wrong with the arguments, the pictures or the weights.
    """
    output = check_target(options.output)
    job, record = _job(options, output), output.with_suffix(".json")
    say(job.source.line)
    diary, done, start = _Diary(say, job.settings), 0, resize_to(job.picture.pixels, job.size)
    if options.resume:
        done, diary.trace = resumed(record, job.about, job.hashes)
        if done >= options.frames:
            raise NstError(f"all {done} frames are there: --frames {done + 1}, or more, makes more")
        start = last_frame(job.targets[done - 1], job.size)

    def one(frame: np.ndarray, number: int) -> np.ndarray:
        diary.frame = f"frame {number}: " if options.frames > 1 else ""
        rng = np.random.default_rng(options.seed if number == 1 else [options.seed, number])
        found = dream(job.source.network, job.terms, frame, job.settings, rng, diary.note)
        # The next frame begins with what the file holds, so that it can be begun with the file.
        return eight_bits(found).astype(np.float32)

    frames = zoom_sequence(one, start, options.frames, options.zoom, done)
    for number, frame in enumerate(frames, done + 1):
        save(job.targets[number - 1], frame)
        write_json(record, job.about | {"done": number}, versions(), job.hashes, diary.trace)
    result = job.targets[-1].name, eight_bits(small(frame, RESULT))
    _report(output, result, diary, job.picture, job.about, job.hashes)
    told = " to ".join(dict.fromkeys((job.targets[0].name, job.targets[-1].name)))
    return f"wrote {told}, {output.stem}.json, {output.stem}.html"


def _job(options: argparse.Namespace, output: Path) -> _Job:
    """Read what the arguments name, and find what is wrong with them before the work begins."""
    if options.resume and (options.frames == 1 or output.suffix.lower() not in EXACT):
        raise NstError("--resume goes on with a sequence: it takes --frames, and an output in .png or .tiff")
    names = ("octaves", "octave_scale", "iterations", "step", "jitter", "tile")
    settings = Dream(*(getattr(options, name) for name in names))
    picture, size = _picture(options, settings)
    source, targets = read_network(options), _targets(output, options.frames)
    written = [*targets, output.with_suffix(".json"), output.with_suffix(".html")]
    refuse_overwriting(options.output, written, [picture.source, options.guide or "", source.path])
    terms, guide = _terms(options, source)
    about = dataclasses.asdict(settings) | {
        "layers": [term.tap for term in terms], "terms": [term.label for term in terms], "network": source.name,
        "size": list(size), "seed": options.seed, "frames": options.frames, "zoom": options.zoom,
        "guide": options.guide,
    }  # fmt: skip
    hashes = {"picture": picture.sha256, "weights": sha256(source.path)}
    hashes |= {"guide": guide.sha256} if guide else {}
    return _Job(settings, picture, size, source, terms, targets, about, hashes)


def _picture(options: argparse.Namespace, settings: Dream) -> tuple[Picture, tuple[int, int]]:
    """Load the picture, and decide the size of the dream: before the work begins."""
    picture = load(options.picture or landscape_path(), max_pixels=options.max_pixels)
    size = fit_size(picture.size, options.size) if options.size else picture.size
    if math.prod(size) > options.max_pixels:
        raise NstError(f"{size[1]}x{size[0]} pixels are more than --max-pixels {options.max_pixels} allows")
    sizes(size, settings.octaves, settings.scale)
    return picture, size


def _targets(output: Path, frames: int) -> list[Path]:
    """Return where the pictures go: numbered, where there are several."""
    if frames == 1:
        return [output]
    return [output.with_stem(f"{output.stem}-{number:05d}") for number in range(1, frames + 1)]


def _terms(options: argparse.Namespace, source: Source) -> tuple[list[Term], Picture | None]:
    """Return what is dreamt of, and the guide if there is one."""
    layers = options.layer or [_default_layer(source)]
    if not options.guide:
        terms = [term_of(layer, source) for layer in layers]
        _once([term.label for term in terms])
        wrong = [term.label for term in terms if not getattr(term, "mean_over_places", False)]
        if wrong:
            raise NstError(f"a dream is of layers or channels, at all places: not of {', '.join(wrong)}")
        return terms, None
    guide = load(options.guide, max_pixels=options.max_pixels)
    pixels = resize(guide.pixels, min(GUIDE, max(guide.size)))
    taps = [source.network.resolve(layer) for layer in layers]
    _once(taps)
    features, _ = source.network.forward(pixels[None], taps)
    return [Guide(tap, features[tap].reshape(-1, features[tap].shape[-1])) for tap in taps], guide


def _once(names: list[str]) -> None:
    """Raise an `NstError` for a name that is there twice."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise NstError(f"--layer: {twice} is named twice; leave one out")


def _default_layer(source: Source) -> str:
    if source.name in LAYERS:
        return source.network.resolve(LAYERS[source.name])
    return [name for name in source.network.names if "relu" in name][-3:][0]


def _report(
    output: Path,
    result: tuple[str, np.ndarray],
    diary: _Diary,
    picture: Picture,
    about: dict[str, Any],
    hashes: dict[str, str],
) -> None:
    """Write the report beside the picture."""
    write_report(
        output.with_suffix(".html"),
        title=f"{picture.source.name}, dreamt",
        trace=diary.trace,
        result=result,
        inputs=[(picture.source.name, eight_bits(small(picture.pixels, SHOWN)))],
        pictures=diary.pictures,
        settings=about,
        versions=versions(),
        hashes=hashes,
    )
