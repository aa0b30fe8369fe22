"""Charts of what happened: by hour, at lines, in zones, over the picture, by class.

Each takes plain rows and gives a `Plot`, an empty one where there is nothing to draw; nothing here asks a store.
`words` are the chart's texts in the reader's language; times are those of the clocks at the camera, without zone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from watchpost.web.dashboard.plot import (
    BARE_AXIS,
    BLUE,
    COLOURS,
    GREY,
    LEGEND,
    ORANGE,
    SCALE,
    TIME_AXIS,
    Plot,
    colour_bar,
    plain,
)

_HOURS: Final = 24
_ROW_PX: Final = (9, 22)
"""Of many days, and of few."""
_CALENDAR_PX: Final = 700
_BLUE: Final = "61, 143, 209"
_SIDE: Final = 10
"""Cells along a side of the waffle: each is a hundredth."""
_KINDS: Final = 6
"""Classes that are told apart; the rarer ones are one."""
Words = Mapping[str, str]


def by_hour_and_day(counts: Sequence[tuple[datetime, int]], words: Words) -> Plot:
    """Events by hour (across) and day (down, the newest on top). `counts` has the hours in which there were any."""
    if not any(count for _, count in counts):
        return Plot()
    first, last = min(at for at, _ in counts).date(), max(at for at, _ in counts).date()
    days = [last - timedelta(days=back) for back in range((last - first).days + 1)]
    grid = [[0] * _HOURS for _ in days]
    for at, count in counts:
        grid[(last - at.date()).days][at.hour] += count
    trace = {
        "type": "heatmap",
        "x": list(range(_HOURS)),
        "y": [_day_name(day, words) for day in days],
        "z": grid,
        "zmin": 0,
        "colorscale": SCALE,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": f"%{{y}} %{{x}}:00<br>%{{z}} {words['events']}<extra></extra>",
        "colorbar": colour_bar(words["events"]),
    }
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": words["hour"]}, "dtick": 3, "showgrid": False, "zeroline": False},
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
    }
    rows = [(day.isoformat(), hour, grid[row][hour]) for row, day in enumerate(days) for hour in range(_HOURS)]
    row_px = max(_ROW_PX[0], min(_ROW_PX[1], _CALENDAR_PX // len(days)))
    columns = (words["day"], words["hour"], words["events"])
    return Plot([trace], layout, columns, rows, max(200, 90 + row_px * len(days)))


def crossings(counts: Sequence[tuple[datetime, int, int]], step_s: float, words: Words) -> Plot:
    """Crossings inward (up) and outward (down) over time. `counts`: begin of each step of `step_s`, inward, outward."""
    if not any(inward or outward for _, inward, outward in counts):
        return Plot()
    times = [at.isoformat() for at, _, _ in counts]
    inward, outward = [each for _, each, _ in counts], [each for _, _, each in counts]

    def bars(name: str, heights: list[int], shown: list[int], colour: str) -> dict[str, Any]:
        marker = {"color": colour}
        hover = f"%{{x}}<br>%{{customdata}} {name}<extra></extra>"
        return {
            "type": "bar",
            "name": name,
            "x": times,
            "y": heights,
            "width": 900 * step_s,  # milliseconds, nine tenths of the step, which begins at x
            "offset": 0,
            "customdata": shown,
            "marker": marker,
            "hovertemplate": hover,
        }

    step = _round_step(max(*inward, *outward))
    ticks = range(-5 * step, 6 * step, step)
    layout = {
        "barmode": "relative",
        "xaxis": TIME_AXIS,
        "yaxis": {
            "title": {"text": words["crossings"]},
            "tickvals": list(ticks),
            "ticktext": [str(abs(each)) for each in ticks],
            "zerolinewidth": 2,
        },
        "legend": LEGEND,
    }
    traces = [
        bars(words["in"], inward, inward, BLUE),
        bars(words["out"], [-each for each in outward], outward, ORANGE),
    ]
    rows = [(at.isoformat(), entered, left) for at, entered, left in counts]
    return Plot(traces, layout, (words["time"], words["in"], words["out"]), rows)


def dwell_times(
    edges_s: Sequence[float], stays: Sequence[tuple[str, Sequence[int], float, float]], words: Words
) -> Plot:
    """How long things stayed: a row a zone, darker where many stays were so long.

    `stays`: a zone, its counts between `edges_s` (the last is open), its median and 95th percentile in seconds.
    """
    stays = [each for each in stays if any(each[1])]
    if not stays:
        return Plot()
    bins = [_span(low, high, words) for low, high in pairwise(edges_s)]
    bins.append(f"> {_duration(edges_s[-1], words)}")
    shares = [[count / sum(counts) for count in counts] for _, counts, _, _ in stays]
    trace = {
        "type": "heatmap",
        "x": bins,
        "y": [f"{plain(zone)}<br>{words['p50']} {_duration(median, words)}" for zone, _, median, _ in stays],
        "z": shares,
        "text": [[str(count or "") for count in counts] for _, counts, _, _ in stays],
        "texttemplate": "%{text}",
        "zmin": 0,
        "colorscale": [[0, f"rgba({_BLUE}, 0.07)"], [1, f"rgba({_BLUE}, 0.75)"]],  # text can be read on all of it
        "xgap": 2,
        "ygap": 4,
        "showscale": False,
        "hovertemplate": "%{y}<br>%{x}: %{text} (%{z:.0%})<extra></extra>",
    }
    layout = {
        "xaxis": {"type": "category", "title": {"text": words["stay"]}, "showgrid": False},
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
    }
    rows = [
        (zone, span, count, median, p95)
        for zone, counts, median, p95 in stays
        for span, count in zip(bins, counts, strict=True)
    ]
    columns = (words["zone"], words["stay"], words["events"], words["p50_s"], words["p95_s"])
    return Plot([trace], layout, columns, rows, 130 + 44 * len(stays))


def over_picture(grid: Sequence[Sequence[float]], picture: str, ratio: float, words: Words) -> Plot:
    """Where things were: seconds by row and column over the camera's picture, `ratio` times as wide as it is high."""
    if not any(count for row in grid for count in row):
        return Plot()
    height, width = len(grid), len(grid[0])
    trace = {
        "type": "heatmap",
        "z": [[count or None for count in row] for row in grid],
        "x0": 0.5 / width,
        "dx": 1 / width,
        "y0": 0.5 / height,
        "dy": 1 / height,
        "opacity": 0.65,
        "colorscale": SCALE,
        "hovertemplate": f"%{{z}} {words['seconds']}<extra></extra>",
        "colorbar": colour_bar(words["person_seconds"]),
    }
    image = {"source": picture, "x": 0, "y": 0, "sizex": 1, "sizey": 1, "xref": "x", "yref": "y", "sizing": "stretch"}
    layout = {
        "images": [image | {"layer": "below"}],
        "xaxis": {"range": [0, 1], **BARE_AXIS},
        "yaxis": {"range": [1, 0], "scaleanchor": "x", "scaleratio": 1 / ratio, **BARE_AXIS},
        "margin": {"t": 4, "r": 4, "b": 4, "l": 4},
    }
    rows = [(row, column, grid[row][column]) for row in range(height) for column in range(width)]
    return Plot([trace], layout, (words["row"], words["column"], words["person_seconds"]), rows, 360)


def composition(counts: Mapping[str, int], words: Words) -> Plot:
    """What was seen, by class: a waffle of a hundred cells, each a hundredth of all events."""
    found = sorted(((name, count) for name, count in counts.items() if count > 0), key=lambda each: -each[1])
    if not found:
        return Plot()
    total = sum(count for _, count in found)
    shown = [(plain(name), count, COLOURS[place]) for place, (name, count) in enumerate(found[:_KINDS])]
    if len(found) > _KINDS:
        shown.append((words["others"], sum(count for _, count in found[_KINDS:]), GREY))
    traces: list[dict[str, Any]] = []
    begin = 0
    for (name, count, colour), cells in zip(shown, _hundredths([count for _, count, _ in shown]), strict=True):
        z: list[list[int | None]] = [[None] * _SIDE for _ in range(_SIDE)]
        for cell in range(begin, begin + cells):
            z[cell // _SIDE][cell % _SIDE] = 1
        begin += cells
        traces.append(
            {
                "type": "heatmap",
                "z": z,
                "name": f"{name} {count / total:.1%}",
                "colorscale": [[0, colour], [1, colour]],
                "showscale": False,
                "showlegend": True,
                "xgap": 3,
                "ygap": 3,
                "hovertemplate": f"{name}: {count} ({count / total:.1%})<extra></extra>",
            }
        )
    layout = {
        "xaxis": BARE_AXIS,
        "yaxis": {**BARE_AXIS, "autorange": "reversed", "scaleanchor": "x"},
        "legend": {"x": 1.02, "y": 1},
        "margin": {"t": 4, "r": 4, "b": 4, "l": 4},
    }
    rows = [(name, count, round(count / total, 4)) for name, count in found]
    return Plot(traces, layout, (words["class"], words["events"], words["share"]), rows)


def _hundredths(counts: Sequence[int]) -> list[int]:
    """Cells of each, a hundred together: the largest remainders get those that rounding leaves (Hamilton's method).

    >>> _hundredths([1, 1, 1])
    [34, 33, 33]
    """
    exact = [100 * count / sum(counts) for count in counts]
    cells = [int(each) for each in exact]
    order = sorted(range(len(counts)), key=lambda place: cells[place] - exact[place])
    for place in order[: 100 - sum(cells)]:
        cells[place] += 1
    return cells


def _round_step(most: int) -> int:
    """The step of about five ticks up to `most`: 1, 2 or 5 times a power of ten.

    >>> [_round_step(most) for most in (3, 12, 480)]
    [1, 5, 100]
    """
    least = max(1.0, most / 5)
    power = 10.0 ** math.floor(math.log10(least))
    return int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least))


def _day_name(day: date, words: Words) -> str:
    return f"{words[f'weekday.{day.isoweekday()}']} {day.isoformat()}"


def _span(low_s: float, high_s: float, words: Words) -> str:
    """`5–10 s`: the unit once where both have it."""
    low, high = _duration(low_s, words), _duration(high_s, words)
    figure, _, unit = low.rpartition(" ")
    return f"{figure}–{high}" if high.endswith(f" {unit}") else f"{low}–{high}"


def _duration(seconds: float, words: Words) -> str:
    if seconds < 60:
        return f"{seconds:.3g} {words['seconds']}"
    return f"{seconds / 60:.3g} {words['minutes']}" if seconds < 3600 else f"{seconds / 3600:.3g} {words['hours']}"
