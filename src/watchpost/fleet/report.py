"""The runs of `watchpost bench cameras` for programs, and as one HTML page that needs nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import watchpost
from watchpost.detectors.card import file_sha256, resolve
from watchpost.evaluation.plots import Line, rising_plot
from watchpost.fleet.outcome import Outcome
from watchpost.fleet.scoring import percentiles
from watchpost.fleet.series import Series
from watchpost.fleet.summary import facts, heading_cells, line_cells, warnings
from watchpost.fleet.usage import machine, revision

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
.warning { border-left: 4px solid #d9822b; padding-left: .8rem; }
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured, and on what."""

    machine: str
    version: str
    revision: str | None
    """The commit, where Watchpost runs from its repository."""
    model: str
    model_sha256: str
    options: dict[str, Any]
    begun: str
    """When, ISO 8601 UTC."""

    def lines(self) -> list[str]:
        """For people."""
        commit = f" ({self.revision})" if self.revision else ""
        asked = ", ".join(f"{name} {value}" for name, value in self.options.items())
        return [
            self.machine,
            f"Watchpost {self.version}{commit}, model {self.model}, SHA-256 {self.model_sha256[:16]}",
            f"{self.begun}: {asked}",
        ]


def subject(model: Path, options: dict[str, Any], begun: str) -> Subject:
    """Look at the machine and the model's file. Raises `WatchpostError` for a model that is not there."""
    file, card = resolve(model)
    return Subject(machine(), watchpost.__version__, revision(), card.name, file_sha256(file), options, begun)


def document(about: Subject, series: Sequence[Series]) -> dict[str, Any]:
    """All figures, for JSON."""
    return {**asdict(about), "warnings": warnings(series), "series": [each.as_dict() for each in series]}


def html(about: Subject, series: Sequence[Series]) -> str:
    """One page: the answer, plots against the number of cameras, all runs. It loads nothing from elsewhere."""
    answer = ", ".join(f"{each.sustained} cameras at {each.name}" for each in series)
    columns = [facts(each) for each in series]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows = [[label, *(column.get(label, "-") for column in columns)] for label in labels]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Cameras sustained</title>",
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(answer)}</h1>",
        *(f"<p>{escape(text)}</p>" for text in about.lines()),
        *(f"<p class='warning'>{escape(text)}</p>" for text in warnings(series)),
        _table(["", *(each.name for each in series)], rows),
        "<p>Times are p50 / p95 / p99 in seconds. Plots show the median of the runs at each number of cameras, "
        "also of those that broke a limit.</p>",
        *(f"<figure>{plot}</figure>" for plot in _plots(series)),
    ]
    for each in series:
        parts += [f"<h2>{escape(each.name)}</h2>", _table(heading_cells(), map(line_cells, each.outcomes))]
    return "\n".join([*parts, "</body></html>\n"])


def _plots(series: Sequence[Series]) -> list[str]:
    figures: list[tuple[str, str, Callable[[Outcome], float | None]]] = [
        ("CPU", "% of the cores", lambda run: 100 * run.cpu_share),
        ("Memory", "MB above the empty process", lambda run: run.memory_mb),
        ("Capture to event, p95", "s", lambda run: _p95(run.event_delays_s)),
        ("Capture to result, p95", "s", lambda run: _p95(run.measured.lags_s)),
        ("Frames dropped", "% of the wanted", lambda run: 100 * run.dropped_share),
        ("Recall", "share of the visits", lambda run: None if run.score is None else run.score.recall),
        ("Precision", "share of the reports", lambda run: None if run.score is None else run.score.precision),
    ]
    drawn = []
    for title, unit, value in figures:
        lines = [Line(each.name, _points(each.outcomes, value)) for each in series]
        if any(line.points for line in lines):
            drawn.append(rising_plot(title, "cameras", unit, [line for line in lines if line.points]))
    return drawn


def _points(outcomes: Sequence[Outcome], value: Callable[[Outcome], float | None]) -> list[tuple[float, float]]:
    """The median value at each number of cameras, in order; runs that crashed are left out."""
    values: dict[int, list[float]] = {}
    for each in outcomes:
        figure = value(each) if each.measured.error is None else None
        if figure is not None:
            values.setdefault(each.cameras, []).append(figure)
    return [(cameras, statistics.median(found)) for cameras, found in sorted(values.items())]


def _p95(values: Sequence[float]) -> float | None:
    found = percentiles(values)
    return None if found is None else found[1]


def _table(headings: Sequence[str], rows: Any) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
