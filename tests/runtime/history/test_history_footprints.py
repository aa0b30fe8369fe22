"""Grids add up, and hours become days without losing a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from watchpost.runtime.footprints import COLUMNS, ROWS, Footprint
from watchpost.runtime.history import History

DAY = 86_400


def grid(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 9, (ROWS, COLUMNS)).astype(np.float32)


def test_hours_add_up_and_become_days(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    hours = [0, 3600, 5 * 3600, DAY, DAY + 7200]
    history.footprints.add(Footprint("gate", hour_s, grid(hour_s)) for hour_s in hours)
    history.footprints.add([Footprint("gate", 3600, grid(1)), Footprint("yard", 0, grid(2))])
    first_day = sum(grid(hour_s) for hour_s in hours[:3]) + grid(1)
    second_day = grid(DAY) + grid(DAY + 7200)
    assert (history.footprints.between("gate", 0, DAY) == first_day).all()
    assert (history.footprints.between("gate", 3600, 7200) == grid(3600) + grid(1)).all()
    assert (history.footprints.between("yard", 0, 2 * DAY) == grid(2)).all()
    history.prune(8.5 * DAY, 1e9)  # the first day is more than a week old
    assert (history.footprints.between("gate", 0, DAY) == first_day).all()
    assert (history.footprints.between("gate", 3600, 7200) == first_day).all()
    assert (history.footprints.between("gate", DAY, DAY + 3600) == grid(DAY)).all()
    history.footprints.add([Footprint("gate", 0, grid(9))])  # late
    history.prune(9.5 * DAY, 1e9)
    assert (history.footprints.between("gate", 0, DAY) == first_day + grid(9)).all()
    assert (history.footprints.between("gate", DAY, 2 * DAY) == second_day).all()
    history.prune(20 * DAY, 18.5 * DAY)
    assert not history.footprints.between("gate", 0, DAY).any()
    assert (history.footprints.between("gate", DAY, 2 * DAY) == second_day).all()
    history.close()
