"""One run of `nst.dream`, from its arguments to its files."""

from __future__ import annotations

import argparse
import dataclasses
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


def run(options: argparse.Namespace, say: Callable[[str], None]) -> str:
    """Dream as the arguments say, write picture, record and report, and return a line that names them.

    Raises
    ------
    NstError
        For whatever is wrong with the arguments, the pictures or the weights.
    """
    output = check_target(options.output)
    settings = Dream(
        options.octaves,
        options.octave_scale,
        options.iterations,
        options.step,
        options.jitter,
        options.tile,
    )
    picture = load(options.picture or landscape_path())
    size = fit_size(picture.size, options.size) if options.size else picture.size
    sizes(size, settings.octaves, settings.scale)  # before the work begins
    source = read_network(options)
    targets = _targets(output, options.frames)
    written = [*targets, output.with_suffix(".json"), output.with_suffix(".html")]
    refuse_overwriting(options.output, written, [picture.source, options.guide or "", source.path])
    say(source.line)
    terms, guide = _terms(options, source)
    start, diary = resize_to(picture.pixels, size), _Diary(say, settings)
    rng = np.random.default_rng(options.seed)

    def one(frame: np.ndarray, number: int) -> np.ndarray:
        diary.frame = f"frame {number}: " if options.frames > 1 else ""
        return dream(source.network, terms, frame, settings, rng, diary.note)

    frames = zoom_sequence(one, start, options.frames, options.zoom)
    for target, frame in zip(targets, frames, strict=True):
        save(target, frame)
    hashes = {"picture": picture.sha256, "weights": sha256(source.path)}
    hashes |= {"guide": guide.sha256} if guide else {}
    about = dataclasses.asdict(settings) | {
        "layers": [term.tap for term in terms], "network": source.name, "size": list(size), "seed": options.seed,
        "frames": options.frames, "zoom": options.zoom, "guide": options.guide,
    }  # fmt: skip
    _report(output, (targets[-1].name, eight_bits(small(frame, RESULT))), diary, picture, about, hashes)
    told = " to ".join(dict.fromkeys((targets[0].name, targets[-1].name)))
    return f"wrote {told}, {output.stem}.json, {output.stem}.html"


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
    guide = load(options.guide)
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
    """Write record and report beside the picture."""
    write_json(output.with_suffix(".json"), about, versions(), hashes, diary.trace)
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
