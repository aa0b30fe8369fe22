"""Charts of how the server does: what was recorded, when cameras were there, how late events are, what is loaded.

As in `plots_activity`: plain rows in, a `Plot` out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from watchpost.web.dashboard.plot import BLUE, COLOURS, GREY, LEGEND, ORANGE, TIME_AXIS, Plot, plain

_ROW_PX: Final = (6, 18)
"""Of many cameras, and of few."""
_MATRIX_PX: Final = 900
_SLOWEST: Final = 40
_PRESENCE: Final = ((0.0, "#d55e00"), (0.5, "#e69f00"), (0.999, "#56b4e9"), (1.0, "#3d8fd1"))
"""From nothing there to all there: red, orange, light blue, blue, which the colour-blind tell apart."""
Words = Mapping[str, str]


def presence(
    cameras: Sequence[str], times: Sequence[datetime], shares: Sequence[Sequence[float | None]], words: Words
) -> Plot:
    """A missing-data matrix: how much of each span (across) was there, by camera (down), 0-1; `None`: nothing is known.

    Cameras with the largest holes come first.
    """
    if not cameras or not any(share is not None for row in shares for share in row):
        return Plot()
    order = sorted(range(len(cameras)), key=lambda place: (_mean(shares[place]), cameras[place]))
    trace = {
        "type": "heatmap",
        "x": [at.isoformat() for at in times],
        "y": [plain(cameras[place]) for place in order],
        "z": [list(shares[place]) for place in order],
        "zmin": 0,
        "zmax": 1,
        "ygap": 1,
        "colorscale": [list(each) for each in _PRESENCE],
        "hovertemplate": f"%{{y}}<br>%{{x}}<br>%{{z:.0%}} {words['there']}<extra></extra>",
        "colorbar": {
            "title": {"text": words["there"], "side": "right"},
            "tickformat": ".0%",
            "thickness": 10,
            "outlinewidth": 0,
        },
    }
    layout = {
        "xaxis": TIME_AXIS,
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
    }
    rows = [
        (cameras[place], at.isoformat(), share)
        for place in order
        for at, share in zip(times, shares[place], strict=True)
    ]
    columns = (words["camera"], words["time"], words["share"])
    row_px = max(_ROW_PX[0], min(_ROW_PX[1], _MATRIX_PX // len(cameras)))
    return Plot([trace], layout, columns, rows, max(180, 90 + row_px * len(cameras)))


def delays(by_camera: Mapping[str, tuple[float, float]], words: Words) -> Plot:
    """From the moment that something happened to its event, in seconds: median and 95th percentile by camera.

    The slowest are drawn, all are in the file.
    """
    if not by_camera:
        return Plot()
    slowest = sorted(by_camera, key=lambda camera: by_camera[camera][1], reverse=True)
    cameras = slowest[:_SLOWEST]
    names = [plain(camera) for camera in cameras]
    spans: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [x for camera in cameras for x in (*by_camera[camera], None)],
            "y": [y for name in names for y in (name, name, None)],
            "line": {"color": GREY, "width": 2},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]
    dots = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [by_camera[camera][place] for camera in cameras],
            "y": names,
            "marker": {"color": colour, "size": 9, "symbol": symbol},
            "hovertemplate": f"%{{y}}<br>{name} %{{x:.2f}} s<extra></extra>",
        }
        for place, (name, colour, symbol) in enumerate(
            ((words["p50"], BLUE, "circle"), (words["p95"], ORANGE, "diamond"))
        )
    ]
    layout = {
        "xaxis": {"title": {"text": words["delay"]}, "rangemode": "tozero"},
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
        "legend": LEGEND,
    }
    rows = [(camera, *by_camera[camera]) for camera in slowest]
    return Plot(
        [*spans, *dots], layout, (words["camera"], words["p50_s"], words["p95_s"]), rows, 120 + 22 * len(cameras)
    )


def over_time(
    times: Sequence[datetime],
    lines: Mapping[str, Sequence[float | None]],
    unit: str,
    words: Words,
    *,
    most: float | None = None,
) -> Plot:
    """Lines over time in one unit; `most` is the end of the axis where it has one, such as 100 %."""
    lines = {name: values for name, values in lines.items() if any(value is not None for value in values)}
    if not times or not lines:
        return Plot()
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": plain(name),
            "x": [at.isoformat() for at in times],
            "y": list(values),
            "line": {"color": COLOURS[place % len(COLOURS)], "width": 2, "dash": _DASHES[place % len(_DASHES)]},
            "hovertemplate": f"%{{x}}<br>%{{y:.3~s}} {unit}<extra>{plain(name)}</extra>",
        }
        for place, (name, values) in enumerate(lines.items())
    ]
    axis: dict[str, Any] = {"title": {"text": unit}, "rangemode": "tozero"}
    if most is not None:
        axis["range"] = [0, most]
    layout = {"xaxis": TIME_AXIS, "yaxis": axis, "legend": LEGEND, "hovermode": "closest"}
    rows = [(at.isoformat(), *(values[place] for values in lines.values())) for place, at in enumerate(times)]
    return Plot(traces, layout, (words["time"], *(f"{name} ({unit})" for name in lines)), rows, 240)


_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
"""Besides the colours, so that a print in grey can be read."""


def _mean(row: Sequence[float | None]) -> float:
    known = [share for share in row if share is not None]
    return sum(known) / len(known) if known else 0.0
