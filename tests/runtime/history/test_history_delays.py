"""Percentiles out of bins are never too low, and at most 9 % too high."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from watchpost.runtime.history import History
from watchpost.runtime.history.delays import bin_of, quantile_s, upper_s


def test_a_delay_lies_in_its_bin() -> None:
    for delay_s in np.geomspace(0.0101, 7000, 997).tolist():
        number = bin_of(delay_s)
        assert upper_s(number - 1) < delay_s * (1 + 1e-6)
        assert delay_s <= upper_s(number) * (1 + 1e-6)


@pytest.mark.parametrize("share", [0.5, 0.95, 1.0])
def test_percentiles_are_those_of_all_values_to_a_bin(share: float) -> None:
    delays = np.random.default_rng(3).lognormal(-1, 0.7, 4001)
    found = quantile_s(Counter(map(bin_of, delays.tolist())), share)
    exact = float(np.quantile(delays, share, method="inverted_cdf"))
    assert found is not None
    assert exact * (1 - 1e-6) <= found <= exact * 2 ** (1 / 8) * (1 + 1e-6)


def test_counts_add_up_by_hour_and_camera(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    history.delays.add({(3600, "gate", 5): 2, (3600, "yard", 5): 1})
    history.delays.add({(3600, "gate", 5): 3, (7200, "gate", 6): 1})
    assert history.delays.between(0, 1e9) == {(3600, "gate"): {5: 5}, (3600, "yard"): {5: 1}, (7200, "gate"): {6: 1}}
    assert history.delays.between(7199, 7201, {"gate"}) == {(3600, "gate"): {5: 5}, (7200, "gate"): {6: 1}}
    assert history.delays.between(7200, 7201) == {(7200, "gate"): {6: 1}}
    history.prune(20_000.0, 10_000.0)
    assert list(history.delays.between(0, 1e9)) == [(7200, "gate")]
    assert quantile_s({}, 0.5) is None
    history.close()
