"""Figures grow coarser with age, and their means and peaks stay right."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchpost.runtime.history import History

DAY = 86_400


def test_longer_steps_hold_the_means_and_the_peaks_of_their_minutes(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    values = [float(number * 7 % 31) for number in range(90)]
    for number, value in enumerate(values):
        history.figures.keep(number * 60 + 3, {"cpu": value, "memory": 1.0})
    now_s = 100 * 60.0
    step_s, (cpu,) = history.figures.between(0, now_s, now_s, {"cpu"})
    assert step_s == 60
    assert cpu.at_s == tuple(range(0, 5400, 60))
    assert cpu.mean == tuple(values)
    assert cpu.mean == cpu.most
    step_s, (cpu,) = history.figures.between(0, now_s, 3 * DAY, {"cpu"})
    assert step_s == 600
    parts = [values[begin : begin + 10] for begin in range(0, 90, 10)]
    assert cpu.mean == pytest.approx([sum(part) / 10 for part in parts])
    assert cpu.most == tuple(max(part) for part in parts)
    step_s, series = history.figures.between(0, now_s, 40 * DAY)
    assert step_s == 3600
    assert [each.name for each in series] == ["cpu", "memory"]
    assert series[0].mean == pytest.approx([sum(values[:60]) / 60, sum(values[60:]) / 30])
    history.close()


def test_old_minutes_go_and_their_hours_stay(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    for at_s in (0, 60, 10 * DAY):
        history.figures.keep(at_s, {"cpu": float(at_s + 2)})
    history.prune(10 * DAY, 1e9)
    _, minutes = history.figures.between(0, 60, 0)
    assert [each.at_s for each in minutes] == [()]
    _, (hours,) = history.figures.between(0, 11 * DAY, 100 * DAY)
    assert hours.at_s == (0, 10 * DAY)
    assert hours.mean[0] == 32.0
    history.prune(10 * DAY, 5.0 * DAY)
    _, (hours,) = history.figures.between(0, 11 * DAY, 100 * DAY)
    assert hours.at_s == (10 * DAY,)
    history.close()


def test_a_time_that_is_too_long_for_minutes_has_longer_steps(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    steps = [
        history.figures.between(100 * DAY - span_s, 100 * DAY, 100 * DAY)[0] for span_s in (DAY, 2 * DAY, 20 * DAY)
    ]
    assert steps == [60, 600, 3600]
    history.close()
