"""The tables that the commands print."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.fleet.compare import FLOORS
from bench.fleet.outcome import Outcome
from bench.fleet.scoring import Score, percentiles

_LINE = "{:<24}{:>5}{:>9}{:>9}{:>7}{:>8}{:>7}{:>7}{:>7}{:>8}{:>8}{:>8}  {}"


def heading() -> str:
    """Of `line`."""
    return _LINE.format(
        "approach", "cams", "decoded/s", "wanted/s", "done/s", "ms CPU/s", "CPU %", "RSS MB", "others", "lag p95",
        "recall", "precis.", "",
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
        _number(score.precision),
        "" if outcome.approach in FLOORS else outcome.broken or "sustained",
    )


def summary(best: Mapping[str, int], outcomes: Sequence[Outcome], baseline: str | None) -> Table:
    """The answer of a search: an approach a row, medians and sums over its runs at its best number."""
    table = Table("approach", title="cameras sustained")
    columns = ["cameras", "held", "times", "CPU ms/s a camera", "RSS MB", "recall", "precision", "doubled", "false"]
    for column in [*columns, "delay p50 p95 p99 s", "start error p95 s"]:
        table.add_column(column, justify="right")
    for name, cameras in best.items():
        runs = [each for each in outcomes if each.approach == name and each.cameras == cameras]
        if not runs:
            table.add_row(name, str(cameras))
            continue
        score = sum((each.score for each in runs if each.score is not None), Score())
        per_camera = [1e3 * each.measured.cpu_s / each.measured.seconds / cameras for each in runs]
        times = cameras / best[baseline] if baseline and best.get(baseline) else None
        table.add_row(
            name,
            str(cameras),
            f"{sum(each.broken is None for each in runs)}/{len(runs)}",
            _number(times, 2),
            f"{statistics.median(per_camera):.1f}",
            f"{statistics.median(each.measured.rss_mb for each in runs):.0f}",
            f"{_number(score.recall)} ({score.found}/{score.expected})",
            _number(score.precision),
            str(score.duplicates),
            str(score.false),
            " ".join(_number(value, 2) for value in percentiles(score.delays_s) or (None, None, None)),
            _number((percentiles([abs(error) for error in score.start_errors_s]) or (None, None, None))[1], 2),
        )
    return table


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


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
