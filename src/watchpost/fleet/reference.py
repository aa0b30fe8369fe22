"""What the same model, tracker and rule find when every frame is decoded and nothing is late: computed once, kept.

A visit that even this misses is the model's fault; the share found of the others is what a way of watching answers for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

import watchpost
from watchpost.detectors import Detector
from watchpost.fleet.cameras import FleetCamera
from watchpost.fleet.clips import Clip
from watchpost.fleet.feed import Feed
from watchpost.fleet.job import Happening
from watchpost.fleet.outcome import reports
from watchpost.fleet.render import write_whole
from watchpost.fleet.scoring import Reported, Score, matches, score
from watchpost.fleet.stage import Stage
from watchpost.fleet.visits import Visit
from watchpost.runtime.due import Due
from watchpost.types import Event
from watchpost.video.decoder import Decoder

_DECIDES: Final = ("detectors", "trackers", "rules", "geometry.py", "pipeline.py", "video/decoder.py")
"""Where in the package it is decided what is found."""
_TELL_EVERY_S: Final = 0.25


def with_reference(
    clips: Sequence[Clip], stage: Stage, cache: Path, progress: Callable[[float], None]
) -> tuple[list[Clip], Score]:
    """The clips with the visits that full decoding finds marked, and its score over them.

    `progress` is told the seconds of video that are done. Clips without known visits stay as they are. When it is
    interrupted, what is finished is kept.
    """
    state = _state(stage)
    opened: list[Detector] = []
    given_up = threading.Event()
    done_s = dict.fromkeys((clip.path for clip in clips), 0.0)

    def of(clip: Clip) -> list[Reported]:
        file = cache / f"{clip.path.stem}.{state}.json"
        if not file.exists():

            def tell(now_s: float) -> None:
                if given_up.is_set():
                    raise _GivenUpError
                done_s[clip.path] = now_s

            found = [dataclasses.asdict(each) for each in _find(clip, stage, opened[0], tell)]
            write_whole(file, json.dumps(found))
        done_s[clip.path] = clip.seconds
        return [Reported(**each) for each in json.loads(file.read_text(encoding="utf-8"))]

    if not all((cache / f"{clip.path.stem}.{state}.json").exists() for clip in clips):
        opened.append(stage.detector())
    try:
        with ThreadPoolExecutor(stage.cores) as pool:
            try:
                asked = [pool.submit(of, clip) for clip in clips]
                while waiting := wait(asked, _TELL_EVERY_S, FIRST_EXCEPTION).not_done:
                    progress(sum(done_s.values()))
                    for each in set(asked) - waiting:
                        each.result()  # raises what ended it
                reported = [each.result() for each in asked]
            finally:
                given_up.set()
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        for each_opened in opened:
            each_opened.close()
    marked: list[Clip] = []
    total = Score()
    for clip, found in zip(clips, reported, strict=True):
        visits = clip.visits or ()
        findable = [each for each in visits if each.is_findable]
        known = {id(visit): report for visit, report in matches(findable, found)}
        marks = tuple(_marked(visit, known.get(id(visit))) for visit in visits)
        marked.append(clip if clip.visits is None else dataclasses.replace(clip, visits=marks))
        total += score(marks, found, 0.0, clip.seconds)
    return marked, total


class _GivenUpError(Exception):
    """Nobody waits for it any more."""


def _marked(visit: Visit, report: Reported | None) -> Visit:
    if report is None:
        return visit
    return dataclasses.replace(visit, known_start_s=report.start_s, known_s=report.reported_s)


def _find(clip: Clip, stage: Stage, detector: Detector, tell: Callable[[float], None]) -> list[Reported]:
    """The visits that are reported when a clip is played once, each frame of the analysis rate analysed.

    `tell` is told how far it is, in seconds of the clip.
    """
    feed = Feed(FleetCamera(clip.path.stem, clip.path, clip.seconds, clip.fps, clip.gop_s, 0.0, 0.0))
    pipeline, decoder, is_due = stage.pipeline(feed, detector), Decoder(feed.name), Due(1 / stage.fps)
    happenings: list[Happening] = []

    def note(events: list[Event], now_s: float) -> None:
        for each in events:
            start_s, end_s = each.start.camera_time_s, each.end.camera_time_s
            happenings.append(Happening(0, each.kind, each.track_id, start_s, end_s, now_s))

    for _, packet in feed.due_packets():
        if (packet.camera_time_s or 0.0) >= clip.seconds:
            break
        for frame in decoder.decode(packet):
            if is_due(frame.camera_time_s):
                tell(frame.camera_time_s)
                note(pipeline.analyse(frame).events, frame.camera_time_s)
    note(pipeline.finish(), clip.seconds)
    return reports(happenings, clip.seconds)


def _state(stage: Stage) -> str:
    """A name for all that decides what is found."""
    digest = hashlib.sha256(f"{stage.fps} {stage.tracker}".encode())
    digest.update(stage.model.read_bytes())
    package = Path(watchpost.__file__).parent
    for name in _DECIDES:
        files = [package / name] if name.endswith(".py") else sorted((package / name).rglob("*.py"))
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
