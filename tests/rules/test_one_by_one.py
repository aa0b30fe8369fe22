"""The acceptance of the whole: real footage, a real model, and exactly the visits that there were."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchpost.clock import SystemClock
from watchpost.detectors import open_detector
from watchpost.pipeline import Pipeline, frames
from watchpost.rules import presence
from watchpost.sources import file
from watchpost.trackers import bytetrack
from watchpost.video.decoder import Decoder
from watchpost.video.timestamps import mended

VISITS_S = [(7, 20), (23, 45), (51, 70), (75, 87), (94, 120), (124, 136)]
"""When each of the six visitors was there, as the footage's notes list it (+-1 s)."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["watchpost-person", "models/yolox_nano/yolox_nano.onnx"])
def test_six_visitors_appear_and_leave_once_each(shared_data: Path, model: str) -> None:
    clip = shared_data / "videos" / "one-by-one-person-detection.mp4"
    detector = open_detector(str(shared_data / model) if model.endswith(".onnx") else model)
    rule = presence.create(presence.Options(), name="visitors", camera="room", zones={}, lines={})
    pipeline = Pipeline(detector, bytetrack.create(bytetrack.Options()), [rule], frozenset({"person"}))
    source = file.create(str(clip), "room", file.Options(), SystemClock())
    packets = mended(source.packets())
    events = [e for frame in frames(packets, Decoder("room")) for e in pipeline.analyse(frame).events]
    events += pipeline.finish()
    for event in events:
        print(f"{event.kind} {event.start.camera_time_s:.1f} {event.end.camera_time_s:.1f} {event.score:.2f}")

    assert [event.kind for event in events] == ["appeared", "left"] * 6
    for (came_s, went_s), appeared, left in zip(VISITS_S, events[::2], events[1::2], strict=True):
        assert appeared.start.camera_time_s == pytest.approx(came_s, abs=2)
        assert left.start == appeared.start
        assert left.end.camera_time_s == pytest.approx(went_s, abs=2)
        assert left.snapshot is not None
