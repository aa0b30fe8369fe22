"""What the same model, tracker and rule find when every frame is decoded and nothing is late: computed once, kept.

A visit that even this misses is the model's fault; the share found of the others is what a way of watching answers for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import watchpost
from watchpost.detectors import Detector
from watchpost.fleet.cameras import FleetCamera
from watchpost.fleet.clips import Clip
from watchpost.fleet.feed import Feed
from watchpost.fleet.job import Happening
from watchpost.fleet.outcome import reports
from watchpost.fleet.scoring import Reported, Score, matches, score
from watchpost.fleet.stage import Stage
from watchpost.fleet.visits import Visit
from watchpost.runtime.due import Due
from watchpost.types import Event
from watchpost.video.decoder import Decoder

_DECIDES: Final = ("detectors", "trackers", "rules", "geometry.py", "pipeline.py", "video/decoder.py")
"""Where in the package it is decided what is found."""


def with_reference(
    clips: Sequence[Clip], stage: Stage, cache: Path, progress: Callable[[float], None]
) -> tuple[list[Clip], Score]:
    """The clips with the visits that full decoding finds marked, and its score over them.

    `progress` is told the seconds of video that are done. Clips without known visits stay as they are.
    """
    state = _state(stage)
    detector: list[Detector] = []
    done_s = 0.0

    def of(clip: Clip) -> list[Reported]:
        file = cache / f"{clip.path.stem}.{state}.json"
        if not file.exists():
            if not detector:
                detector.append(stage.detector())
            found = [dataclasses.asdict(each) for each in _find(clip, stage, detector[0])]
            file.write_text(json.dumps(found), encoding="utf-8")
        return [Reported(**each) for each in json.loads(file.read_text(encoding="utf-8"))]

    marked: list[Clip] = []
    total = Score()
    with ThreadPoolExecutor(stage.cores) as pool:
        for clip, found in zip(clips, pool.map(of, clips), strict=True):
            visits = clip.visits or ()
            findable = [each for each in visits if each.is_findable]
            known = {id(visit): report for visit, report in matches(findable, found)}
            marks = tuple(_marked(visit, known.get(id(visit))) for visit in visits)
            marked.append(clip if clip.visits is None else dataclasses.replace(clip, visits=marks))
            total += score(marks, found, 0.0, clip.seconds)
            done_s += clip.seconds
            progress(done_s)
    return marked, total


def _marked(visit: Visit, report: Reported | None) -> Visit:
    if report is None:
        return visit
    return dataclasses.replace(visit, known_start_s=report.start_s, known_s=report.reported_s)


def _find(clip: Clip, stage: Stage, detector: Detector) -> list[Reported]:
    """The visits that are reported when a clip is played once, each frame of the analysis rate analysed."""
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
