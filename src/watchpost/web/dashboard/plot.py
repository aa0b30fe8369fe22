"""A chart on a page: what Plotly draws, in the page's own colours, and the same figures as a CSV file."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nicegui.elements.plotly
from nicegui import ui

_STATIC: Final = Path(__file__).parent.parent / "static"
_PLOTLY: Final = Path(nicegui.elements.plotly.__file__).parent / "dist"
"""plotly.js comes along with NiceGUI."""

BLUE: Final = "#3d8fd1"
ORANGE: Final = "#e69f00"
GREEN: Final = "#009e73"
RED: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
SKY: Final = "#56b4e9"
GREY: Final = "#8a949c"
COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY, GREY)
"""After Okabe and Ito (2008): told apart by people with any kind of colour blindness, on light and on dark."""
SCALE: Final = "Cividis"
"""For amounts: Nuñez, Anderton and Renslow (2018), the same to all eyes."""

LEGEND: Final = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
BARE_AXIS: Final = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "constrain": "domain"}
TIME_AXIS: Final = {
    "type": "date",
    "showgrid": False,
    "hoverformat": "%Y-%m-%d %H:%M",
    "tickformatstops": [
        {"dtickrange": [None, 59_999], "value": "%H:%M:%S\n%Y-%m-%d"},
        {"dtickrange": [60_000, 86_399_999], "value": "%H:%M\n%Y-%m-%d"},
        {"dtickrange": [86_400_000, "M1"], "value": "%m-%d\n%Y"},
        {"dtickrange": ["M1", None], "value": "%Y-%m"},
    ],
}
"""Times in figures, as all pages show them: Plotly's own are English."""

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart. Without rows there is nothing to draw."""

    traces: list[dict[str, Any]] = field(default_factory=list)
    """Plotly's `data`."""
    layout: dict[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    """Heads of the table that the chart is drawn from, with units."""
    rows: Sequence[tuple[Cell, ...]] = ()
    height_px: int = 300
    note: str = ""
    """What it is about, beyond what its title says: a camera's name."""

    def as_csv(self) -> str:
        """The figures as CSV (RFC 4180), for any spreadsheet: UTF-8 with a byte order mark, times as ISO 8601."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.columns)
        writer.writerows([harmless(cell) for cell in row] for row in self.rows)
        return "\ufeff" + text.getvalue()


class PlotElement(ui.element, component=_STATIC / "plot.js", esm={"nicegui-plotly": str(_PLOTLY)}):
    """Draws a `Plot`. `label` tells those who do not see it what it shows."""

    def __init__(self, plot: Plot, label: str) -> None:
        super().__init__()
        self._props["figure"] = {"data": plot.traces, "layout": plot.layout}
        self._props["label"] = label
        self.classes("wp-plot").style(f"min-height: {plot.height_px}px")


def colour_bar(title: str) -> dict[str, Any]:
    """Plotly's `colorbar` with that title."""
    return {"title": {"text": plain(title), "side": "right"}, "thickness": 10, "outlinewidth": 0}


def plain(text: str) -> str:
    """Somebody's words as Plotly shows them: it would take `<b>` and `<a>` for its own."""
    return html.escape(text, quote=False)


def harmless(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula: camera names are other people's words."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
