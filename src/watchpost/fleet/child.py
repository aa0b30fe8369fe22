"""The child process: runs one approach and measures it. python -m watchpost.fleet.child JOB.json RESULT.json"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

from watchpost.errors import WatchpostError
from watchpost.fleet.feed import Feed
from watchpost.fleet.job import Happening, Job, Measured
from watchpost.fleet.stage import Approach, Stage
from watchpost.runtime.allocator import keep_memory_low
from watchpost.runtime.usage import ProcessTree, machine_cpu_s

_LEAD_S: Final = 0.5
_SAMPLE_S: Final = 5.0
"""Looking through all processes for children takes milliseconds, which count as the approach's."""


def measure(job: Job) -> Measured:
    """Run the job; a fault of the approach is in the result. Of cameras with a fault nothing is counted."""
    tree = ProcessTree()
    feeds = [Feed(camera) for camera in job.cameras]
    stage = Stage(feeds, job.model, job.fps, job.tracker)
    rss_empty_mb = tree.rss_mb()
    approach: Approach = importlib.import_module(job.module).create(stage)

    stop = threading.Event()
    errors: list[Exception] = []

    def run() -> None:
        try:
            approach.run(stop)
        except Exception as error:
            errors.append(error)

    start_s = time.monotonic() + _LEAD_S
    for feed in feeds:
        feed.begin(start_s)
    runner = threading.Thread(target=run, name=job.approach, daemon=True)
    runner.start()
    _sleep_until(start_s + job.warm_s, runner)

    feeds = [feed for feed in feeds if feed.camera.fault is None]
    begun_s, cpu_s, machine_s = time.monotonic(), tree.cpu_s(), machine_cpu_s()
    before = _counts(feeds)
    lags_before = [len(feed.tally.lags_s) for feed in feeds]
    rss_mb = 0.0
    while runner.is_alive() and (left_s := begun_s + job.seconds - time.monotonic()) > 0:
        _sleep_until(time.monotonic() + min(left_s, _SAMPLE_S), runner)
        rss_mb = max(rss_mb, tree.rss_mb())

    seconds = time.monotonic() - begun_s
    counts = _counts(feeds) - before
    cpu_s, machine_s = tree.cpu_s() - cpu_s, machine_cpu_s() - machine_s
    lags_s = [lag for feed, first in zip(feeds, lags_before, strict=True) for lag in feed.tally.lags_s[first:]]
    happenings = [each for number, feed in enumerate(feeds) for each in _happenings(number, feed)]
    error = f"{type(errors[0]).__name__}: {errors[0]}" if errors else None
    if error is None and not runner.is_alive():
        error = "it ended by itself"
    stop.set()
    runner.join(5.0)
    return Measured(
        seconds=seconds,
        cores=stage.cores,
        packets_due=round(sum(feed.camera.fps for feed in feeds) * seconds),
        **counts,
        cpu_s=cpu_s,
        others_cpu_s=max(0.0, machine_s - cpu_s),
        rss_empty_mb=rss_empty_mb,
        rss_mb=rss_mb,
        lags_s=lags_s,
        happenings=happenings,
        error=error,
    )


def _sleep_until(moment_s: float, runner: threading.Thread) -> None:
    """Sleep until a moment of `time.monotonic`, or until the approach has ended."""
    runner.join(max(0.0, moment_s - time.monotonic()))


def _counts(feeds: list[Feed]) -> Counter[str]:
    """What all cameras have counted so far."""
    counts: Counter[str] = Counter()
    for feed in feeds:
        counts.update(feed.tally.counts())
    return counts


def _happenings(number: int, feed: Feed) -> list[Happening]:
    return [
        Happening(
            camera=number,
            kind=event.kind,
            track_id=event.track_id,
            start_s=event.start.camera_time_s,
            end_s=event.end.camera_time_s,
            known_s=feed.camera_time_s(known_s),
        )
        for known_s, event in list(feed.tally.events)
    ]


def main() -> None:
    """Measure, write the result, and go without waiting for threads that are stuck."""
    keep_memory_low()  # as the server does; it does all approaches good
    job = Job.of_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        result = measure(job)
    except (WatchpostError, ValueError) as error:  # a model or video that can not be opened
        result = Measured(error=str(error))
    Path(sys.argv[2]).write_text(result.to_json(), encoding="utf-8")
    os._exit(0)


if __name__ == "__main__":
    main()
