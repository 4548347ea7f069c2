"""How the report looks, and the few lines of script that turn its strip of pictures into a film."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfbf9; --card: #ffffff; --ink: #1d1c1a; --soft: #6a665f; --rule: #e6e2db;
  --sans: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, "Liberation Serif", serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #141416; --card: #1b1b1e; --ink: #e9e6e0; --soft: #a09b92; --rule: #303034; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans);
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%; }
main { max-width: 1120px; margin: 0 auto; padding: 56px 32px 40px; }
h1, h2 { font-family: var(--serif); font-weight: 500; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h1 { font-size: clamp(28px, 4.2vw, 42px); letter-spacing: -0.01em; }
h2 { font-size: 25px; margin: 64px 0 20px; }
h3 { font-size: 15px; font-weight: 600; margin: 0; }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; border-radius: 3px; background: var(--rule); }
figcaption, .note, footer { color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
.note { margin: 4px 0 0; }
footer { margin-top: 72px; padding-top: 16px; border-top: 1px solid var(--rule); }

.figures { display: flex; flex-wrap: wrap; gap: 16px 48px; margin: 24px 0 36px; }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 0; font-size: 18px; overflow-wrap: anywhere; }

.hero { display: flex; gap: 28px; align-items: flex-start; }
.hero > figure { flex: 0 1 auto; min-width: 0; }
.hero > figure img { max-height: min(82vh, 780px); width: auto; }
.inputs { flex: 1 1 0; min-width: 210px; max-width: 400px; display: grid; gap: 20px; }
.inputs.many { display: block; columns: 140px; column-gap: 16px; }
.inputs.many figure { break-inside: avoid; padding-bottom: 18px; }
.inputs img { max-height: 340px; width: auto; }
.hero figcaption, .stage figcaption { padding-top: 8px; }

.strip { display: flex; gap: 12px; overflow-x: auto; padding: 4px 4px 12px; margin: 0 -4px; }
.strip figure { flex: none; }
.stage img { max-height: 480px; width: auto; }
.strip img { height: 200px; width: auto; max-width: none; }
.strip figcaption { font-size: 13px; padding-top: 4px; max-width: 240px; }
.film.playing { display: grid; grid-template-columns: fit-content(480px) minmax(0, 1fr); gap: 12px 28px; }
.film.playing .strip { grid-column: 2; grid-row: 1 / span 2; display: grid; align-content: start; gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); overflow: visible; margin: 0; padding: 0; }
.film.playing .strip img { width: 100%; height: auto; aspect-ratio: 4 / 3; object-fit: cover; cursor: pointer;
  opacity: 0.6; }
.film.playing .strip figcaption { display: none; }
.film input { align-self: start; width: 100%; min-width: 240px; margin: 0; accent-color: var(--ink); }
.film.playing .strip figure.now img { opacity: 1; outline: 2px solid var(--ink); outline-offset: 2px; }

.panel { background: var(--card); border: 1px solid var(--rule); border-radius: 6px; padding: 20px 22px 18px;
  min-width: 0; margin: 0; }
.panels { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px; margin-top: 20px; }
.scroll { overflow-x: auto; margin-top: 12px; }
.chart { display: block; width: 100%; height: auto; color: var(--ink); }
.chart text { fill: var(--soft); font: 13px var(--sans); }
.panels .chart text { font-size: 14px; }
.chart .value { text-anchor: end; }
.chart .tick, .chart .name { text-anchor: middle; }
.chart .rule { stroke: var(--rule); stroke-width: 1; }
.chart .mark { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 4; } .chart text.mark { stroke: none; }
.chart .curve { fill: none; stroke-width: 1.9; stroke-linejoin: round; stroke-linecap: round; }
.chart .curve[stroke=currentColor] { stroke-width: 2.6; }
.chart .part { stroke: var(--card); stroke-width: 0.8; }
.chart .band { fill: var(--ink); fill-opacity: 0; }
.chart .band:hover { fill-opacity: 0.08; }
.chart .part:hover { fill-opacity: 0.75; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; list-style: none; margin: 14px 0 0; padding: 0;
  font-size: 14px; }
.legend i { display: inline-block; width: 16px; height: 3px; border-radius: 2px; margin-right: 8px;
  vertical-align: 0.28em; }
.legend span { color: var(--soft); margin-left: 6px; }
.bars { width: 100%; border-collapse: collapse; margin-top: 12px; font-size: 14px; }
.bars th, .bars td { border: 0; padding: 5px 0; }
.bars th, .bars td { vertical-align: middle; }
.bars td:last-child { text-align: right; padding-left: 14px; white-space: nowrap; }
.bars .track { width: 50%; }
.bars .track i { display: block; height: 10px; border-radius: 2px; background: var(--soft); min-width: 1px; }

table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 6px 18px 6px 0; border-top: 1px solid var(--rule); }
th { font-weight: 400; color: var(--soft); }
.facts { width: 100%; }
.facts th { width: 34%; }
.facts td { overflow-wrap: anywhere; }
.facts td.mono { font: 13px/1.6 var(--mono); }
.tables { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 0 56px; }
details { margin-top: 20px; font-size: 14px; }
summary { cursor: pointer; color: var(--soft); }
.rows td, .rows th { text-align: right; white-space: nowrap; padding: 4px 0 4px 20px; }

@media (max-width: 760px) {
  main { padding: 32px 18px; }
  h2 { margin-top: 48px; }
  .hero, .figures { gap: 16px 28px; }
  .hero { flex-direction: column; }
  .inputs { max-width: none; width: 100%; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); }
  .panel { padding: 16px 14px; }
  .film.playing { grid-template-columns: minmax(0, 1fr); }
  .film.playing .strip { grid-column: 1; grid-row: auto;
    grid-template-columns: repeat(auto-fill, minmax(60px, 1fr)); }
  .panels, .tables { grid-template-columns: minmax(0, 1fr); }
  .chart { min-width: 560px; }
  .chart text { font-size: 20px; }
  .panels .chart { min-width: 0; }
  .panels .chart text { font-size: 19px; }
}
@media print { .film input { display: none; } .panel, figure { break-inside: avoid; } }
"""

SCRIPT = """
"use strict";
for (const film of document.querySelectorAll(".film")) {
  const frames = [...film.querySelectorAll("figure")];
  if (frames.length < 2) continue;
  const stage = document.createElement("figure");
  const picture = document.createElement("img");
  const caption = document.createElement("figcaption");
  const slider = document.createElement("input");
  const show = (place) => {
    const { src, alt } = frames[place].querySelector("img");
    Object.assign(picture, { src, alt });
    caption.textContent = frames[place].querySelector("figcaption").textContent;
    frames.forEach((frame, i) => frame.classList.toggle("now", i === place));
    slider.value = place;
  };
  stage.className = "stage";
  stage.append(picture, caption);
  const last = frames.length - 1;
  Object.assign(slider, { type: "range", min: 0, max: last, ariaLabel: "picture along the way" });
  slider.addEventListener("input", () => show(slider.valueAsNumber));
  frames.forEach((frame, i) => frame.addEventListener("click", () => show(i)));
  film.prepend(stage, slider);
  film.classList.add("playing");
  show(last);
}
"""
