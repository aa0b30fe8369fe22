"""The figures of data sets as a static page: bars drawn in HTML itself, no script, no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from watchpost.datasets.statistics import BINS, RELATIVE_EDGES, Statistics

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
svg { display: block; width: 100%; height: auto; margin: .5rem 0 1.5rem; font: 13px system-ui, sans-serif; }
svg text { fill: currentColor; }
.small { fill: #56b4e9; } .medium { fill: #e69f00; } .large { fill: #0072b2; } .bar { fill: #009e73; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dd { margin: 0; }
"""
_COLOURS: Final = {"small": "#56b4e9", "medium": "#e69f00", "large": "#0072b2"}
_LABEL, _BAR, _ROW = 190, 560, 24
"""Pixels: width of the labels and of the longest bar, height of a row."""


def page(statistics: Sequence[Statistics]) -> str:
    """One HTML page for the splits of a data set."""
    title = escape(", ".join(each.name for each in statistics))
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head><body>',
        f"<h1>{title}</h1>",
        *(_section(each) for each in statistics),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _section(each: Statistics) -> str:
    facts = {
        "pictures": each.pictures,
        "objects": each.objects,
        "pictures without objects": each.without_objects,
        "most objects in a picture": each.most_in_a_picture,
        "ignored objects": each.ignored,
        "pseudo-labels": each.pseudo_labels,
        "classes without objects": ", ".join(each.unused_classes) or "none",
        "picture sizes": ", ".join(f"{size} ({count})" for size, count in each.picture_sizes.items()),
    }
    listed = "".join(f"<dt>{escape(key)}</dt><dd>{escape(str(value))}</dd>" for key, value in facts.items())
    keys = "".join(f'<span class="key" style="background:{_COLOURS[name]}"></span>{name}' for name in BINS)
    by_class = {one.name: one.sizes for one in sorted(each.classes, key=lambda one: -one.objects) if one.objects}
    relative = {
        f"{100 * low:g} to {100 * high:g} %": {"bar": count}
        for low, high, count in zip(RELATIVE_EDGES, RELATIVE_EDGES[1:], each.relative_sizes, strict=False)
    }
    return (
        f"<h2>{escape(each.name)}</h2><dl>{listed}</dl>"
        f"<h3>Objects by class and size</h3><p>{keys} (COCO: up to 32 x 32, up to 96 x 96, more pixels)</p>"
        f"{_bars(by_class)}"
        "<h3>Objects by their size in the picture</h3><p>Square root of the box's share of the picture's area</p>"
        f"{_bars(relative)}"
    )


def _bars(rows: Mapping[str, Mapping[str, int]]) -> str:
    """Horizontal bars of stacked counts, the longest one filling the width."""
    longest = max([sum(row.values()) for row in rows.values()] or [0]) or 1
    height = _ROW * len(rows) + 4
    lines = [f'<svg viewBox="0 0 {_LABEL + _BAR + 80} {height}" role="img">']
    for index, (label, row) in enumerate(rows.items()):
        top, left = index * _ROW, float(_LABEL)
        shown = label if len(label) <= 26 else label[:25] + "…"
        lines.append(f'<text x="{_LABEL - 8}" y="{top + 17}" text-anchor="end">{escape(shown)}</text>')
        for name, count in row.items():
            width = count / longest * _BAR
            title = f"<title>{escape(label)}, {name}: {count}</title>"
            lines.append(
                f'<rect class="{name}" x="{left:.1f}" y="{top + 4}" width="{width:.1f}" height="16">{title}</rect>'
            )
            left += width
        lines.append(f'<text x="{left + 6:.1f}" y="{top + 17}">{sum(row.values())}</text>')
    return "".join([*lines, "</svg>"])
