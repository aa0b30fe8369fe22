"""Insights over many events: how long each question takes that the page of insights asks, and the facets of a search.

    python bench/insights.py --events 1000000 --file million.db      # fills it at the first run, as bench/search.py

Then the server's own history with many cameras: states, delays and where people stood, and the matrix of what was
recorded, over an index of as many files as so many cameras write in a week.
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
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from bench.search import EVERY_S, START_S, fill
from watchpost.recordings.archive import Archive
from watchpost.recordings.index import Segment
from watchpost.runtime.footprints import COLUMNS, ROWS, Footprint, Footprints
from watchpost.runtime.history import History
from watchpost.stores import sqlite
from watchpost.types import Detections, Frame
from watchpost.web import facets, insights, uptime

DAY_S = 86_400
ZONE = "Asia/Seoul"


def timed(name: str, work: Callable[[], object], runs: int) -> None:
    """Print the median and the longest of some runs."""
    times_ms = []
    for _ in range(runs):
        started_s = time.perf_counter()
        work()
        times_ms.append((time.perf_counter() - started_s) * 1000)
    print(f"{name:<46}{statistics.median(times_ms):>10.0f}{max(times_ms):>10.0f}", flush=True)


def of_events(store: sqlite.SqliteStore, count: int, runs: int) -> None:
    """Each insight over events, of a week and of all."""
    last_s = START_S + count * EVERY_S
    for title, since_s in (("a week", max(START_S, last_s - 7 * DAY_S)), ("all", START_S)):
        span = [{"range": {"end.time": {"gte": round(since_s * 1000), "lt": round(last_s * 1000)}}}]
        gate = [*span, {"term": {"camera": "gate 1"}}]
        questions: dict[str, Callable[[], object]] = {
            "counts by the hour": lambda span=span: insights.counts(store.query, span, "hour", ZONE),
            "counts by the day and class": lambda span=span: insights.counts(
                store.query, span, "day", ZONE, "class_name"
            ),
            "heat map of hours": lambda span=span, since_s=since_s: insights.hours_of_days(
                store.query, span, since_s, last_s, ZONE, ZoneInfo(ZONE)
            ),
            "crossings by the day": lambda span=span: insights.crossings(store.query, span, "day", ZONE),
            "stays by zone": lambda span=span: insights.stays(store.query, span),
            "composition by class": lambda span=span: insights.composition(store.query, span, "class_name"),
            "feet of events of a camera": lambda gate=gate: insights.event_feet(store.query, gate),
            "counts of a camera by the hour": lambda gate=gate: insights.counts(store.query, gate, "hour", ZONE),
            "facets": lambda span=span: facets.facets(store.query, span, last_s, ZONE),
        }
        for name, work in questions.items():
            timed(f"{name}, {title}", work, runs)


def of_history(folder: Path, cameras: int, runs: int) -> None:
    """Each figure out of the history and the index of recordings."""
    dice = random.Random(1)
    history, archive = History(folder / "history.db"), Archive(folder)
    names, now_s = [f"camera {number}" for number in range(cameras)], START_S + 30 * DAY_S
    with history._file.writing() as db:
        for name in names:
            at_s = START_S
            while at_s < now_s:
                for state, lasts_s in (
                    ("live", dice.expovariate(1 / 7200)),
                    ("reconnecting", dice.expovariate(1 / 30)),
                ):
                    db.execute(
                        "INSERT OR IGNORE INTO states VALUES (?, ?, ?, ?, '', 0)", [name, at_s, at_s + lasts_s, state]
                    )
                    at_s += lasts_s
    history.delays.add(
        {
            (int(START_S) // 3600 * 3600 + hour * 3600, name, dice.randrange(30, 60)): 3
            for hour in range(720)
            for name in names
        }
    )
    grid = np.random.default_rng(1).random((ROWS, COLUMNS)).astype(np.float32)
    history.footprints.add(Footprint(names[0], int(START_S) + hour * 3600, grid) for hour in range(720))
    week_s = now_s - 7 * DAY_S
    archive.index.add(
        Segment(name, f"{name}/{number}", "closed", 0, 0, week_s + number * 60, week_s + number * 60 + 59.9, 1_000_000)
        for name in names
        for number in range(7 * 1440)
    )
    hours, days = (uptime.edges(week_s, now_s, step, ZoneInfo(ZONE)) for step in ("hour", "day"))  # type: ignore[arg-type]
    spans = history.states.between(week_s, now_s)
    print(f"{cameras} cameras, {len(spans):,} spans of states and {cameras * 7 * 1440:,} files of a week")
    timed("states of a week by the hour", lambda: uptime.state_s(history.states.between(week_s, now_s), hours), runs)
    timed("recorded of a week by the hour", lambda: uptime.recorded_s(archive, hours, now_s), runs)
    timed("recorded of a week by the day", lambda: uptime.recorded_s(archive, days, now_s), runs)
    timed("delays of a week", lambda: history.delays.between(week_s, now_s), runs)
    timed("where people stood in a month", lambda: history.footprints.between(names[0], START_S, now_s), runs)
    history.close()
    archive.close()


def of_frames() -> None:
    """What counting feet costs a frame."""
    counted, size = Footprints(), (1280, 720)
    for people in (0, 1, 5, 20):
        boxes = np.random.default_rng(1).random((people, 4)).astype(np.float32) * 700
        found = Detections(boxes, np.ones(people, np.float32), np.zeros(people, np.int32), size)
        frames = [Frame("gate", None, number / 5, START_S, number) for number in range(20_000)]  # type: ignore[arg-type]
        started_s = time.process_time()
        for frame in frames:
            counted.see(frame, found)
        print(f"feet of {people} people: {(time.process_time() - started_s) / len(frames) * 1e6:.1f} µs a frame")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3, help="of each question")
    parser.add_argument("--file", type=Path, help="keep the store here; one that is there is asked, not filled")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "events.db"
        is_filled = path.exists()
        store = sqlite.create(sqlite.Options(path=path))
        print(f"{platform.node()}: {os.cpu_count()} cores, Python {platform.python_version()}, SQLite", end=" ")
        print(f"{sqlite3.sqlite_version}, {arguments.events:,} events")
        if not is_filled:
            fill(store, arguments.events, 500, random.Random(1))
        print(f"{'':<46}{'median ms':>10}{'most ms':>10}")
        of_events(store, arguments.events, arguments.runs)
        store.close()
        of_history(Path(folder), arguments.cameras, arguments.runs)
    of_frames()


if __name__ == "__main__":
    main()
