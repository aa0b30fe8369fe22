"""Each insight against a count of the same events in plain Python."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from scripted_events import START_S, scripted_events
from watchpost.runtime.footprints import COLUMNS, ROWS
from watchpost.stores import sqlite
from watchpost.stores.query.errors import QueryError
from watchpost.types import Event
from watchpost.web import insights

EVENTS = scripted_events()
END_S = START_S + 15 * 86_400
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[insights.Ask]:
    path: Path = tmp_path_factory.mktemp("store")
    store = sqlite.create(sqlite.Options(path=path / "events.db"))
    store.add(EVENTS)
    yield store.query
    store.close()


def local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, BERLIN)


def day_start(event: Event) -> float:
    return local(event.end.wall_time_s).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def test_counts_by_the_day_of_a_zone_and_by_class(ask: insights.Ask) -> None:
    expected: dict[float, Counter[str]] = {}
    for event in EVENTS:
        expected.setdefault(day_start(event), Counter())[event.class_name] += 1
    found = insights.counts(ask, [], "day", "Europe/Berlin", "class_name")
    assert {each["time"]: each["by"] for each in found} == expected
    assert [each["count"] for each in found] == [expected[day].total() for day in sorted(expected)]


def test_the_heat_map_has_every_day_and_the_hours_of_its_clock(ask: insights.Ask) -> None:
    expected: Counter[tuple[str, int]] = Counter()
    for event in EVENTS:
        moment = local(event.end.wall_time_s)
        expected[moment.date().isoformat(), moment.hour] += 1
    found = insights.hours_of_days(ask, [], START_S, END_S, "Europe/Berlin", BERLIN)
    assert found["days"][0] == "2026-10-24"
    assert found["days"][-1] == "2026-11-08"
    assert len(found["days"]) == len(found["counts"]) == 16
    for day, hours in zip(found["days"], found["counts"], strict=True):
        assert hours == [expected[day, hour] for hour in range(24)]
    # the hour from 2 to 3 came twice
    assert sum(found["counts"][1]) == sum(1 for event in EVENTS if local(event.end.wall_time_s).day == 25)


def test_crossings_by_line_way_and_time(ask: insights.Ask) -> None:
    steps: dict[float, dict[str, Counter[str]]] = {}
    totals: dict[tuple[str, str | None], Counter[str]] = {}
    for event in EVENTS:
        if event.kind == "crossed":
            way = str(event.attributes["direction"])
            steps.setdefault(day_start(event), {}).setdefault(str(event.zone), Counter(**{"in": 0, "out": 0}))[way] += 1
            totals.setdefault((event.camera, event.zone), Counter(**{"in": 0, "out": 0}))[way] += 1
    found = insights.crossings(ask, [], "day", "Europe/Berlin")
    assert {each["time"]: each["lines"] for each in found["steps"]} == steps
    assert [each["time"] for each in found["steps"]] == sorted(steps)
    assert {
        (each["camera"], each["line"]): {way: each[way] for way in ("in", "out")} for each in found["totals"]
    } == totals


def test_stays_by_zone_and_in_the_picture(ask: insights.Ask) -> None:
    expected: dict[str | None, list[float]] = {}
    for event in EVENTS:
        if event.kind in ("exited", "left"):
            expected.setdefault(event.zone, []).append(event.end.camera_time_s - event.start.camera_time_s)
    found = {each["zone"]: each for each in insights.stays(ask, [])}
    assert found.keys() == expected.keys() == {"door", "옆문", None}
    edges = [*insights.STAY_EDGES_S, float("inf")]
    for zone, stays in expected.items():
        assert found[zone]["count"] == len(stays)
        bars = [sum(low <= each < high for each in stays) for low, high in pairwise(edges)]
        assert found[zone]["histogram"] == bars
        for share in (50, 90, 95):
            exact = float(np.quantile(stays, share / 100, method="inverted_cdf"))
            assert found[zone][f"p{share}_s"] == pytest.approx(exact, abs=0.5)
        assert found[zone]["p50_s"] == pytest.approx(statistics.median_low(stays), abs=0.5)


@pytest.mark.parametrize("by", ["class_name", "kind", "camera", "zone"])
def test_composition_is_by_frequency(ask: insights.Ask, by: insights.By) -> None:
    expected = Counter(value for event in EVENTS if (value := getattr(event, by)))
    found = insights.composition(ask, [], by)
    assert {each["value"]: each["count"] for each in found["parts"]} == expected
    assert [each["count"] for each in found["parts"]] == sorted(expected.values(), reverse=True)
    assert found["others"] == 0


def test_feet_of_events_are_on_the_grid(ask: insights.Ask) -> None:
    expected = np.zeros((ROWS, COLUMNS))
    for event in EVENTS:
        if event.camera == "gate" and event.box is not None:
            left, _, right, bottom = event.box
            expected[min(ROWS - 1, int(bottom * ROWS)), min(COLUMNS - 1, int((left + right) / 2 * COLUMNS))] += 1
    grid, count = insights.event_feet(ask, [{"term": {"camera": "gate"}}])
    assert count == expected.sum()
    # boxes are kept to five digits: one on the edge of a cell may fall into the next
    assert np.abs(grid - expected).sum() <= 2


@pytest.mark.parametrize(
    ("since_s", "until_s", "step"), [(5, 5, "day"), (6, 5, "day"), (0, 63 * 86_400, "hour"), (0, 1e10, "day")]
)
def test_times_that_are_none_or_too_long_are_refused(since_s: float, until_s: float, step: insights.Step) -> None:
    with pytest.raises(QueryError):
        insights.check_span(since_s, until_s, step)
