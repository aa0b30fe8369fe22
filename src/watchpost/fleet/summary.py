"""What the runs of `watchpost bench cameras` say: a line a run while they go on, a table at the end."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from watchpost.fleet import growth
from watchpost.fleet.outcome import Outcome
from watchpost.fleet.scoring import Score, percentiles
from watchpost.fleet.series import Series

MOST_OTHERS: Final = 0.05
"""Share of the processor above which other programs spoil a measurement."""
_LINE: Final = "{:>7}{:>10}{:>11}{:>11}{:>7}{:>9}{:>8}{:>9}{:>10}{:>8}{:>8}{:>8}  {}"


def heading() -> str:
    """Of `line`."""
    return _LINE.format(*heading_cells())


def line(outcome: Outcome) -> str:
    """One run, for the terminal."""
    return _LINE.format(*line_cells(outcome))


def heading_cells() -> list[str]:
    """Of `line_cells`."""
    return [
        "cameras", "decoded/s", "analysed/s", "ms CPU/cam", "CPU %", "MB/cam", "drops %", "lag p95", "event p95",
        "recall", "precis.", "others", "",
    ]  # fmt: skip


def line_cells(outcome: Outcome) -> list[str]:
    """One run. `ms CPU/cam`: milliseconds of a core a camera and second. `others`: the rest of the machine, in %."""
    measured, score = outcome.measured, outcome.score or Score()
    seconds = measured.seconds or 1.0
    lags, events = percentiles(measured.lags_s), percentiles(outcome.event_delays_s)
    return [
        str(outcome.cameras),
        f"{measured.decoded / seconds:.1f}",
        f"{measured.analysed / seconds:.1f}",
        f"{outcome.cpu_ms:.1f}",
        f"{100 * outcome.cpu_share:.0f}",
        f"{outcome.memory_mb / outcome.cameras:.1f}",
        f"{100 * outcome.dropped_share:.1f}",
        "-" if lags is None else f"{lags[1]:.2f}",
        "-" if events is None else f"{events[1]:.2f}",
        _share(score.recall),
        _share(score.precision),
        f"{100 * outcome.others_share:.0f}" + ("!" if outcome.others_share > MOST_OTHERS else ""),
        outcome.broken or "held",
    ]


def facts(series: Series) -> dict[str, str]:
    """Label and text of all that the runs at the sustained number of cameras say, and of the growth over all runs."""
    runs, limit = series.best, series.limit
    sustained = f"{series.sustained}" if limit or not series.sustained else f"{series.sustained} or more"
    told = {
        "cameras sustained": sustained if series.is_finished else f"{sustained} (not finished)",
        "limit": "none broke" if limit is None else f"at {limit[0]}: {limit[1]}",
    }
    if runs:
        told |= _load(runs) | _events(runs)
    memory, cpu = growth.memory(series.outcomes), growth.cpu(series.outcomes)
    if memory is not None:
        told["memory grows by"] = f"{memory.per_camera:.2f} MB a camera + {memory.constant:.0f} MB{_fitted(memory)}"
    if cpu is not None:
        text = f"{cpu.per_camera:.2f} ms/s a camera {'+' if cpu.constant >= 0 else '-'} {abs(cpu.constant):.0f} ms/s"
        told["CPU grows by"] = text + _fitted(cpu)
    others = [each.others_share for each in series.outcomes]
    if others:
        told["others on the machine"] = f"{100 * statistics.median(others):.1f} %, at most {100 * max(others):.0f} %"
    return told


def _load(runs: Sequence[Outcome]) -> dict[str, str]:
    measured = [each.measured for each in runs]
    rates = {
        name: statistics.median(getattr(each, name) / (each.seconds or 1.0) for each in measured)
        for name in ("packets", "decoded", "analysed")
    }
    asked, dropped = sum(each.asked for each in measured), sum(each.dropped for each in measured)
    rss_mb = statistics.median(each.rss_mb for each in measured)
    a_camera_mb = statistics.median(each.memory_mb / each.cameras for each in runs)
    return {
        "runs that held": f"{sum(each.broken is None for each in runs)} of {len(runs)}",
        "frames/s sent": f"{rates['packets']:.1f}",
        "frames/s decoded": f"{rates['decoded']:.1f}",
        "frames/s analysed": f"{rates['analysed']:.1f}",
        "frames dropped": f"{dropped} of {asked} wanted",
        "CPU": (
            f"{statistics.median(each.cpu_ms for each in runs):.1f} ms a camera and second, "
            f"{100 * statistics.median(each.cpu_share for each in runs):.0f} % of the cores"
        ),
        "memory": f"{a_camera_mb:.1f} MB a camera above the empty process, {rss_mb:.0f} MB in all",
        "capture to result": _three([lag for each in measured for lag in each.lags_s]),
    }


def _events(runs: Sequence[Outcome]) -> dict[str, str]:
    """What became of the people; nothing where the truth is not known, or nobody came."""
    told = {}
    if delays_s := [delay for each in runs for delay in each.event_delays_s]:
        told["capture to event"] = _three(delays_s)
    score = sum((each.score for each in runs if each.score is not None), Score())
    if score.expected or score.false:
        told["recall"] = f"{_share(score.recall)} ({score.found} of {score.expected} visits)"
        if score.known:
            told["of those full decode finds"] = f"{_share(score.known_recall)} ({score.known_found} of {score.known})"
        told["precision"] = f"{_share(score.precision)} ({score.duplicates} doubled, {score.false} for nothing)"
    if score.found:
        told["first sight to event"] = _three(score.delays_s)
        told["start off the truth"] = _three([abs(error) for error in score.start_errors_s])
    if score.known_found:
        told["later than full decode"] = _three(score.extra_delays_s)
    return told


def warnings(series: Sequence[Series]) -> list[str]:
    """What the reader must know before believing the figures."""
    found = []
    others = max((run.others_share for each in series for run in each.outcomes), default=0.0)
    if others > MOST_OTHERS:
        found.append(
            f"Other programs took up to {100 * others:.0f} % of the processor (column others): "
            "measure again on a quiet machine."
        )
    few = [each for each in series if each.visits_to_find is not None and 0 < each.visits_to_find < 10]
    if few:
        found.append(
            f"The streams show few visits ({few[0].visits_to_find}), seen again by every camera that shares them: "
            "leave out --quick, or raise --streams, for a recall that says more."
        )
    return found


def _fitted(line: growth.Line) -> str:
    return f" (r² {line.r2:.3f}, {line.runs} runs)"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _three(values: Sequence[float]) -> str:
    found = percentiles(values)
    return "-" if found is None else " / ".join(f"{value:.2f}" for value in found)
