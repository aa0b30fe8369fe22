"""The matrix of what is missing, against a count second by second."""

from __future__ import annotations

import random
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from watchpost.recordings.archive import Archive
from watchpost.recordings.index import Segment
from watchpost.runtime.history.states import StateSpan
from watchpost.stores.query.errors import QueryError
from watchpost.web import uptime

BERLIN = ZoneInfo("Europe/Berlin")
BACK_S = datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN).timestamp()
"""A day of 25 hours begins."""


def test_days_are_those_of_the_zone() -> None:
    bounds = uptime.edges(BACK_S - 3600, BACK_S + 26 * 3600, "day", BERLIN)
    assert [each - BACK_S for each in bounds] == [-24 * 3600, 0, 25 * 3600, 49 * 3600]
    exact = uptime.edges(BACK_S, BACK_S + 25 * 3600, "day", BERLIN)
    assert [each - BACK_S for each in exact] == [0, 25 * 3600]


@pytest.mark.parametrize(("zone", "first_s"), [("UTC", 7200), ("Asia/Kolkata", 9000 - 3600)])
def test_hours_are_those_of_the_zone(zone: str, first_s: int) -> None:
    bounds = uptime.edges(8000.5, 15_000, "hour", ZoneInfo(zone))
    assert bounds[0] == first_s
    assert {end - begin for begin, end in pairwise(bounds)} == {3600}
    assert bounds[-2] < 15_000 <= bounds[-1]


def test_too_many_steps_are_refused() -> None:
    with pytest.raises(QueryError, match="1000"):
        uptime.edges(0, 1001 * 3600, "hour", BERLIN)
    with pytest.raises(QueryError, match="not after"):
        uptime.edges(5, 5, "hour", BERLIN)


def test_states_are_shared_out_among_the_steps() -> None:
    dice = random.Random(5)
    spans, at_s = [], 100.0
    while at_s < 20_000:
        until_s = at_s + dice.choice([1, 60, 5000])
        spans.append(StateSpan("gate", at_s, until_s, dice.choice(["live", "blind", "reconnecting"]), ""))
        at_s = until_s + dice.choice([0, 0, 900])
    bounds = list(range(0, 25_000, 1000))
    found = uptime.state_s(spans, bounds)["gate"]
    for number, (begin, end) in enumerate(pairwise(bounds)):
        for state in ("live", "blind", "reconnecting"):
            expected = sum(
                span.state == state and span.since_s <= second < span.until_s
                for second in range(begin, end)
                for span in spans
            )
            assert found[number].get(state, 0.0) == pytest.approx(expected)


def test_shares_are_of_what_has_passed_of_a_step() -> None:
    states = {"gate": [{"live": 600.0, "blind": 300.0}, {"live": 100.0}, {}]}
    recorded = {"gate": [900.0, 200.4, 0.0], "yard": [0.0, 50.0, 0.0]}
    rows = uptime.matrix([0, 1200, 2400, 3600], 1400.0, states, recorded, {"gate": 5.0, "yard": 1300.0})
    assert rows == [
        {"camera": "gate", "live": [0.5, 0.5, None], "blind": [0.25, 0.0, None], "recorded": [0.75, 1.0, None]},
        {"camera": "yard", "live": [None, 0.0, None], "blind": [None, 0.0, None], "recorded": [None, 0.25, None]},
    ]


def test_recordings_of_days_of_unequal_length(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    hour = 3600.0
    spans = [(-1.0, 1.0), (23.5, 24.5), (24.5, 26.0), (49.0, 50.0)]
    archive.index.add(
        Segment("gate", f"{begin}.mp4", "closed", 0, 0, BACK_S + begin * hour, BACK_S + end * hour, 1)
        for begin, end in spans
    )
    bounds = uptime.edges(BACK_S - 3600, BACK_S + 60 * hour, "day", BERLIN)
    found = uptime.recorded_s(archive, bounds, BACK_S + 100 * hour)
    assert found == {"gate": [1 * hour, 1 * hour + 1 * hour + 0.5 * hour, 1 * hour, 1 * hour]}
    archive.close()
