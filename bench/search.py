"""The embedded store with many events: how fast they are taken in, and how fast the first page of a search is there.

    python bench/search.py --events 1000000

Prints each kind of search with its median and 95th percentile over many different words, cameras and time windows, and
SQLite's plan for it: the first page alone, and with hits counted up to 10,000, as Elasticsearch's API does unless told.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from watchpost.stores import sqlite
from watchpost.types import Event, Moment, new_event_id

START_S = 1_760_000_000.0
EVERY_S = 2.6
"""A million events are then a month."""
CAMERAS = [f"{place} {number}" for place in ("gate", "정문", "yard", "주차장", "hall") for number in range(1, 21)]
KINDS = ("appeared", "left", "entered", "exited", "crossed", "dwelt")
CLASSES = ("person",) * 16 + ("car",) * 3 + ("dog",)
ZONES = ("side door", "옆문", "ramp", "fence", None, None)
COLOURS = ("red", "blue", "검정", "흰색")


def events(count: int, dice: random.Random, first: int = 0) -> Iterator[Event]:
    """Events in the order of their ends, nearly: cameras report a little late now and then."""
    for number in range(first, first + count):
        end_s = START_S + number * EVERY_S + dice.random()
        lasts_s = dice.expovariate(1 / 15)
        attributes: dict[str, str | int | float | bool] = {"colour": dice.choice(COLOURS)}
        if number % 5000 == 0:
            attributes["note"] = "umbrella"
        if dice.random() < 0.3:
            attributes["direction"] = dice.choice(("in", "out"))
        yield Event(
            new_event_id(),
            dice.choice(CAMERAS),
            "who",
            dice.choice(KINDS),
            dice.choice(CLASSES),
            number % 10_000,
            Moment(end_s - lasts_s - START_S, end_s - lasts_s),
            Moment(end_s - START_S, end_s),
            dice.random(),
            (0.1, 0.2, 0.3, 0.4),
            dice.choice(ZONES),
            attributes,
        )


def searches(count: int, dice: random.Random) -> dict[str, Callable[[], dict[str, Any]]]:
    """Makers of bodies, by what is asked."""
    last_s = START_S + count * EVERY_S
    newest = [{"end.time": "desc"}]

    def text(words: str) -> dict[str, Any]:
        return {"match": {"text": {"query": words, "operator": "and"}}}

    def window(share: float, field: str = "end.time") -> dict[str, Any]:
        width_s = (last_s - START_S) * share
        begin_s = dice.uniform(START_S, last_s - width_s)
        return {"range": {field: {"gte": int(begin_s * 1000), "lt": int((begin_s + width_s) * 1000)}}}

    def body(*must: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"query": {"bool": {"must": list(must)}}, "sort": newest, **more}

    def camera() -> dict[str, Any]:
        return {"term": {"camera": dice.choice(CAMERAS)}}

    rare, common = "umbrella", "person"
    return {
        "bool + range + common word": lambda: body(camera(), window(0.25), text(common)),
        "bool + range + Korean word": lambda: body({"term": {"kind": "left"}}, window(0.25), text("정문 검정")),
        "bool + range + rare word": lambda: body(window(0.5), text(rare), {"term": {"class_name": "person"}}),
        "bool + range + word, all time": lambda: body(window(1.0), text(f"{dice.choice(COLOURS)} side door")),
        "bool + range over the start": lambda: body(camera(), window(0.25, "start.time"), text(common)),
        "bool + range + word + duration": lambda: body(
            window(0.25), text(common), {"range": {"duration_s": {"gt": 60}}}
        ),
        "should of two + must_not": lambda: {
            "query": {
                "bool": {
                    "filter": [window(0.25)],
                    "should": [text("ramp"), camera()],
                    "minimum_should_match": 1,
                    "must_not": [{"term": {"kind": "left"}}],
                }
            },
            "sort": newest,
        },
        "the same, sorted by start": lambda: (
            body(camera(), window(0.25), text(common)) | {"sort": [{"start.time": "desc"}]}
        ),
        "everything, newest first": lambda: {"sort": newest},
        "by score, a word in a day": lambda: {"query": {"bool": {"must": [text("검정")], "filter": [window(0.03)]}}},
        "counts by camera in a day": lambda: body(
            window(0.03), size=0, aggs={"cameras": {"terms": {"field": "camera", "size": 100}}}
        ),
        "hours by class in a month": lambda: body(
            window(1.0),
            size=0,
            aggs={
                "hours": {
                    "date_histogram": {"field": "end.time", "calendar_interval": "hour", "time_zone": "Asia/Seoul"},
                    "aggs": {"class": {"terms": {"field": "class_name"}}},
                }
            },
        ),
    }


def plan_of(store: sqlite.SqliteStore, body: dict[str, Any]) -> str:
    """How SQLite answers the first page."""
    statements: list[str] = []
    with store._connections.reading() as db:
        db.set_trace_callback(statements.append)
    store.query(body)
    with store._connections.reading() as db:
        db.set_trace_callback(None)
        wanted = [each for each in statements if "ORDER BY" in each]
        if not wanted:
            return ""
        return "; ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {wanted[0]}"))


def fill(store: sqlite.SqliteStore, count: int, batch: int, dice: random.Random) -> float:
    """Add events in batches; returns the seconds that the store took."""
    taken_s, waiting = 0.0, []
    for event in events(count, dice):
        waiting.append(event)
        if len(waiting) == batch:
            started_s = time.perf_counter()
            store.add(waiting)
            taken_s += time.perf_counter() - started_s
            waiting = []
    started_s = time.perf_counter()
    store.add(waiting)
    return taken_s + time.perf_counter() - started_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=500, help="events that are added at once")
    parser.add_argument("--runs", type=int, default=30, help="searches of each kind")
    parser.add_argument("--file", type=Path, help="keep the store here; one that is there is searched, not filled")
    parser.add_argument("--plans", action="store_true", help="print SQLite's plan for each kind of search")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "events.db"
        is_filled = path.exists()
        store = sqlite.create(sqlite.Options(path=path))
        print(f"{platform.node()}: {os.cpu_count()} cores, Python {platform.python_version()}, SQLite", end=" ")
        print(f"{sqlite3.sqlite_version}, {arguments.events:,} events")
        if not is_filled:
            taken_s = fill(store, arguments.events, arguments.batch, random.Random(1))
            print(f"taken in: {arguments.events / taken_s:,.0f} events/s in batches of {arguments.batch}", end="; ")
            print(f"{path.stat().st_size / 1e6:,.0f} MB")
        everything: dict[bool, list[float]] = {True: [], False: []}
        print(f"{'':<34}{'first page':>18}{'and hits counted':>20}")
        print(f"{'search':<34}{'median':>9}{'p95 ms':>9}{'median':>11}{'p95 ms':>9}{'hits':>9}")
        for name, make in searches(arguments.events, random.Random(2)).items():
            times_ms: dict[bool, list[float]] = {True: [], False: []}
            hits = 0
            for _ in range(arguments.runs):
                body = make()
                for counts in (False, True):
                    started_s = time.perf_counter()
                    answer = store.query(body if counts else body | {"track_total_hits": False})
                    times_ms[counts].append((time.perf_counter() - started_s) * 1000)
                hits = max(hits, answer["hits"]["total"]["value"])
            line = f"{name:<34}"
            for counts, width in ((False, 9), (True, 11)):
                found = sorted(times_ms[counts])
                line += f"{statistics.median(found):>{width}.1f}{found[int(len(found) * 0.95)]:>9.1f}"
                if name.startswith("bool"):
                    everything[counts] += found
            print(f"{line}{hits:>9,}")
            if arguments.plans:
                print(f"    {plan_of(store, make())}")
        page_ms, counted_ms = (statistics.median(everything[counts]) for counts in (False, True))
        print(f"all of bool + range: median {page_ms:.1f} ms, with hits counted {counted_ms:.1f} ms")
        store.close()


if __name__ == "__main__":
    main()
