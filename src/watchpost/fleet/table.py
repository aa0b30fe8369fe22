"""The tables that the commands print."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

from watchpost.fleet.outcome import Outcome
from watchpost.fleet.scoring import Score, percentiles
from watchpost.fleet.trial import FLOORS

_LINE = "{:<24}{:>5}{:>10}{:>9}{:>8}{:>10}{:>7}{:>8}{:>8}{:>9}{:>8}{:>9}{:>9}  {}"


def heading() -> str:
    """Of `line`."""
    return _LINE.format(
        "approach", "cams", "decoded/s", "wanted/s", "done/s", "ms CPU/s", "CPU %", "RSS MB", "others", "lag p95",
        "recall", "of full", "precis.", "",
    )  # fmt: skip


def line(outcome: Outcome) -> str:
    """One run; CPU is milliseconds of a core a camera and second, `others` the rest of the machine's use, in %."""
    measured, score = outcome.measured, outcome.score or Score()
    seconds = measured.seconds or 1.0
    lags = percentiles(measured.lags_s)
    return _LINE.format(
        outcome.approach,
        outcome.cameras,
        f"{measured.decoded / seconds:.1f}",
        f"{measured.asked / seconds:.1f}",
        f"{measured.analysed / seconds:.1f}",
        f"{1e3 * measured.cpu_s / seconds / outcome.cameras:.1f}",
        f"{100 * outcome.cpu_share:.0f}",
        f"{measured.rss_mb:.0f}",
        f"{100 * measured.others_cpu_s / seconds / measured.cores:.0f}",
        "-" if lags is None else f"{lags[1]:.2f}",
        _number(score.recall),
        _number(score.known_recall),
        _number(score.precision),
        "" if outcome.approach in FLOORS else outcome.broken or "sustained",
    )


def summary(best: Mapping[str, int], outcomes: Sequence[Outcome], baseline: str | None) -> Table:
    """The answer of a search, an approach a column: medians and sums over its runs at its best number."""
    columns = []
    for name, cameras in best.items():
        runs = [each for each in outcomes if each.approach == name and each.cameras == cameras]
        columns.append(_facts(cameras, runs, best.get(baseline) if baseline else None))
    table = Table("", *best, title="cameras sustained; times are p50 / p95 / p99 in seconds")
    for label in max(columns, key=len, default={}):
        table.add_row(label, *(column.get(label, "-") for column in columns))
    return table


def _facts(cameras: int, runs: Sequence[Outcome], baseline: int | None) -> dict[str, str]:
    """Label and text, of the runs of an approach at the number of cameras that it sustains."""
    facts = {"cameras": str(cameras), "times the baseline": f"{cameras / baseline:.2f}" if baseline else "-"}
    if not runs:
        return facts
    score = sum((each.score for each in runs if each.score is not None), Score())
    per_camera = [1e3 * each.measured.cpu_s / each.measured.seconds / cameras for each in runs]
    return facts | {
        "runs that held": f"{sum(each.broken is None for each in runs)} of {len(runs)}",
        "CPU, ms a camera and second": f"{statistics.median(per_camera):.1f}",
        "memory, MB": f"{statistics.median(each.measured.rss_mb for each in runs):.0f}",
        "visits found": f"{_number(score.recall)} ({score.found}/{score.expected})",
        "of those full decode finds": f"{_number(score.known_recall)} ({score.known_found}/{score.known})",
        "precision": _number(score.precision),
        "doubled, for nothing": f"{score.duplicates}, {score.false}",
        "delay from first sight": _three(score.delays_s),
        "later than full decode": _three(score.extra_delays_s),
        "start off full decode": _three([abs(shift) for shift in score.start_shifts_s]),
    }


def events(score: Score) -> str:
    """A score in words."""
    return (
        f"{score.found} of {score.expected} visits found, {score.duplicates} doubled, {score.false} for nothing; "
        f"delay {_three(score.delays_s)} s"
    )


def floors(outcomes: Sequence[Outcome], fps: float) -> list[str]:
    """What the floors say, by arithmetic: the cameras that the cores would carry if they did nothing else."""
    lines = []
    for name in FLOORS:
        runs = [each for each in outcomes if each.approach == name and each.measured.error is None]
        if not runs:
            continue
        measured = [each.measured for each in runs]
        if name == "bare_detector":
            rate = statistics.median(each.analysed / each.seconds for each in measured)
            lines.append(f"{name}: {rate:.1f} frames/s: {rate / fps:.1f} cameras that are active all the time")
        else:
            cameras = statistics.median(each.cameras / max(each.cpu_share, 1e-9) for each in runs)
            lines.append(f"{name}: {cameras:.0f} cameras by arithmetic, if all cores did that alone")
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _three(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in percentiles(values) or ()) or "-"
