"""The page of `look page`: plain HTML without any script, each layer and unit a section that a link opens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from nst.images import eight_bits
from nst.inside.gathering import LayerView, Unit
from nst.inside.source import Source
from nst.report.document import document
from nst.report.thumbnails import image_tag
from nst.report.words import escaped, number

LOOKS = """
nav { position: sticky; top: 0; z-index: 1; background: var(--paper); padding: 12px 0; margin: 20px 0;
  border-bottom: 1px solid var(--rule); display: flex; flex-wrap: wrap; gap: 6px 20px; }
a { color: inherit; text-underline-offset: 3px; }
section { display: none; }
section:target, main:not(:has(section:target)) #start { display: block; }
section:target { scroll-margin-top: 80px; }
.units { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 18px; }
.units a { text-decoration: none; } .units a:hover img { outline: 2px solid var(--ink); outline-offset: 2px; }
.units img, .layers img { width: 100%; }
.layers { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 24px; }
.layers a { text-decoration: none; }
.shown { display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; }
.steps { display: flex; gap: 20px; color: var(--soft); margin: 4px 0 20px; }
section h2 { margin-top: 24px; } section h3 { margin: 28px 0 10px; } .note { margin-bottom: 16px; }
.shown img { image-rendering: pixelated; width: 300px; } .shown .soft { image-rendering: auto; width: auto; }
.photo { width: 300px; background-size: cover; border-radius: 3px; } .pair { display: flex; gap: 6px; }
"""


Shown = tuple[str, np.ndarray]
"""A picture whose maps are shown: its name, and its pixels (H, W, 3)."""


def page(
    source: Source, pictures: Sequence[Shown], layers: Sequence[LayerView], facts: Mapping[str, str]
) -> str:
    """Return the whole document. Its policy forbids every fetch and every script.

    Parameters
    ----------
    source
        The network.
    pictures
        Those whose maps are shown. Each is in the file once, as a background that every unit may refer to.
    layers
        In the order in which they are offered.
    facts
        More that is told at the start, by what it is.
    """
    title = f"Inside {source.name}"
    links = "".join(f'<a href="#{_anchor(i)}">{escaped(layer.name)}</a>' for i, layer in enumerate(layers))
    parts = [_start(source, pictures, layers, facts)]
    for place, layer in enumerate(layers):
        parts.append(_layer(place, layer))
        parts += [_unit(place, layer, at, pictures) for at in range(len(layer.units))]
    menu = f'<nav><a href="#start">start</a>{links}</nav>'
    return document(title, "\n".join([menu, *parts]), looks=f"{LOOKS}{_photos(pictures)}")


def _photos(pictures: Sequence[Shown]) -> str:
    """Return the rules that draw the pictures."""
    rules = []
    for place, (_, pixels) in enumerate(pictures):
        height, width = pixels.shape[:2]
        address = re.search(r'src="([^"]*)"', _image(pixels, "", 480))[1]
        rules.append(
            f'.photo-{place} {{ background-image: url("{address}"); aspect-ratio: {width} / {height}; }}'
        )
    return "\n".join(rules)


def _photo(place: int, name: str) -> str:
    return f'<div class="photo photo-{place}" role="img" aria-label="{escaped(name)}"></div>'


def _anchor(layer: int, unit: int | None = None) -> str:
    return f"layer-{layer}" if unit is None else f"layer-{layer}-unit-{unit}"


def _start(source: Source, pictures, layers, facts) -> str:
    told = {"network": f"{source.name}, {source.path.name}", **facts}
    photos = "".join(
        f"<figure>{_photo(i, name)}<figcaption>{escaped(name)}</figcaption></figure>"
        for i, (name, _) in enumerate(pictures)
    )
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(text)}</td></tr>'
        for name, text in told.items()
    )
    cells = "".join(
        f'<a href="#{_anchor(i)}"><figure>{_image(_face(layer), layer.name, 200)}'
        f"<figcaption>{escaped(layer.name)}: {layer.channels} units, "
        f"{layer.width}×{layer.height}</figcaption></figure></a>"
        for i, layer in enumerate(layers)
    )
    return (
        f'<section id="start"><div class="layers">{cells}</div>'
        f'<h2>The pictures that it is shown</h2><div class="shown">{photos}</div>'
        f'<h2>What this is</h2><table class="facts">{rows}</table></section>'
    )


def _face(layer: LayerView) -> np.ndarray:
    """Return what stands for a layer: the first picture that one of its units wants, or its first unit's map."""
    wanted = (unit.wanted for unit in layer.units if unit.wanted is not None)
    return next(wanted, layer.units[0].maps[0])


def _layer(place: int, layer: LayerView) -> str:
    """Return the section of a layer: its units, those that answer most first."""
    cells = "".join(
        f'<a href="#{_anchor(place, unit.number)}"><figure>{_image(unit.maps[0], f"unit {unit.number}", 132)}'
        f"<figcaption>{unit.number}: {number(max(unit.answers), 3)}</figcaption></figure></a>"
        for unit in layer.units
    )
    silent = f", {layer.silent} of them silent" if layer.silent else ""
    return (
        f'<section id="{_anchor(place)}"><h2>{escaped(layer.name)}</h2>'
        f'<p class="note">{layer.channels} units of {layer.width}×{layer.height} places{silent}; here are the '
        f"{len(layer.units)} that answer most, with their largest answer.</p>"
        f'<div class="units">{cells}</div></section>'
    )


def _unit(place: int, layer: LayerView, at: int, pictures: Sequence[Shown]) -> str:
    """Return the section of a unit."""
    unit, others = layer.units[at], layer.units
    before, after = others[at - 1], others[(at + 1) % len(others)]
    steps = (
        f'<a href="#{_anchor(place, before.number)}">← {before.number}</a><a href="#{_anchor(place)}">'
        f'{escaped(layer.name)}</a><a href="#{_anchor(place, after.number)}">{after.number} →</a>'
    )
    maps = "".join(
        f'<figure><div class="pair">{_photo(i, name)}{_image(shown, "its map", 320)}</div>'
        f"<figcaption>{escaped(name)}: at most {number(answer, 3)}</figcaption></figure>"
        for i, ((name, _), shown, answer) in enumerate(zip(pictures, unit.maps, unit.answers, strict=True))
    )
    found = _patches(unit) + _wanted(unit)
    parts = f'<h3>Where it answers</h3><div class="shown">{maps}</div><div class="shown">{found}</div>'
    return (
        f'<section id="{_anchor(place, unit.number)}"><h2>{escaped(layer.name)}, unit {unit.number}</h2>'
        f'<div class="steps">{steps}</div>{parts}</section>'
    )


def _patches(unit: Unit) -> str:
    if unit.patches is None:
        return ""
    first, last = (number(value, 3) for value in unit.range)
    caption = f"answers from {first} down to {last}"
    return f"<div><h3>What excites it most</h3>{_figure(unit.patches, caption, 960)}</div>"


def _wanted(unit: Unit) -> str:
    if unit.wanted is None:
        return ""
    caption = f"on average over the places it answers {number(unit.activation, 3)}"
    return f"<div><h3>The picture that it wants</h3>{_figure(unit.wanted, caption, 320)}</div>"


def _figure(pixels: np.ndarray, caption: str, longest: int) -> str:
    tag = _image(pixels, caption, longest).replace("<img ", '<img class="soft" ')
    return f"<figure>{tag}<figcaption>{escaped(caption)}</figcaption></figure>"


def _image(pixels: np.ndarray, description: str, longest: int) -> str:
    return image_tag(eight_bits(pixels), description, longest, 82)
