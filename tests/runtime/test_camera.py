"""A running camera reads, analyses and ends."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import Mock

import pytest

from fakes import OneFrameAPacket, Recorder, RowTracker, ScriptedDetector, SeenRule, detections, packet
from watchpost.clock import ManualClock
from watchpost.detectors import Detector
from watchpost.pipeline import Pipeline
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.camera import Camera
from watchpost.runtime.intake import Intake
from watchpost.runtime.lane import Served
from watchpost.runtime.seat import Seat
from watchpost.types import Detections, Frame, Packet
from watchpost.video.gate import Gate
from watchpost.video.gate_explained import Reason

PERSON = detections([10, 10, 20, 40])


@contextmanager
def seat_at(detector: Detector, fps: float = math.inf, workers: int = 1) -> Iterator[Seat]:
    """The place of a camera that has a detector of its own."""
    batcher = Batcher({"own": Served(detector)}, ManualClock(), workers=workers)
    batcher.start()
    yield batcher.join("gate", "own", fps=fps, ahead=workers + 1)
    batcher.stop(0.1)


def run(
    packets: Iterable[Packet],
    detector: ScriptedDetector,
    decoder: OneFrameAPacket | None = None,
    fps: float = math.inf,
    workers: int = 1,
) -> tuple[Camera, Recorder]:
    recorder = Recorder()
    intake = Intake(decoder or OneFrameAPacket(), ManualClock())
    pipeline = Pipeline(detector, RowTracker(), [SeenRule()])
    with seat_at(detector, fps, workers) as seat:
        camera = Camera(
            "gate", lambda stop: packets, intake, seat, pipeline, [recorder.frame], [recorder.events], ManualClock()
        )
        camera.start()
        assert camera.finished.wait(10)
        assert camera.stop()
    return camera, recorder


@pytest.mark.parametrize("workers", [1, 3])
def test_every_frame_of_a_file_is_analysed_and_the_open_events_are_closed(workers: int) -> None:
    camera, recorder = run([packet(i) for i in range(50)], ScriptedDetector({7: PERSON}), workers=workers)
    assert recorder.frames == list(range(50))
    assert recorder.kinds == ["appeared", "left"]
    assert (camera.error, camera.stats.frames, camera.stats.dropped) == (None, 50, 0)
    assert (camera.stats.detections, camera.stats.tracks, camera.stats.events) == (1, 1, 2)


@pytest.mark.parametrize(("max_fps", "expected"), [(5, [0, 2, 4, 6, 8]), (4, [0, 3, 5, 8]), (20, list(range(10)))])
def test_the_wanted_frame_rate_is_kept_exactly(max_fps: float, expected: list[int]) -> None:
    camera, recorder = run([packet(i) for i in range(10)], ScriptedDetector(), fps=max_fps)
    assert recorder.frames == expected
    assert camera.stats.skipped == 10 - len(expected)


def test_a_fault_in_the_analysis_ends_this_camera_with_its_reason() -> None:
    camera, recorder = run([packet(i) for i in range(50)], ScriptedDetector({0: PERSON}, error_at=3))
    assert str(camera.error) == "the accelerator has gone"
    assert recorder.frames == [0, 1, 2]
    assert recorder.kinds == ["appeared", "left"]


def test_a_fault_in_the_source_is_kept_and_what_came_before_is_analysed() -> None:
    def breaks() -> Iterable[Packet]:
        yield from (packet(i) for i in range(9))
        raise OSError("cable pulled")

    camera, recorder = run(breaks(), ScriptedDetector(), decoder=OneFrameAPacket(held=2))
    assert str(camera.error) == "cable pulled"
    assert recorder.frames == list(range(9))


def test_a_detector_that_hangs_does_not_hold_up_the_stop() -> None:
    is_detecting, go_on = threading.Event(), threading.Event()

    class Hanging(ScriptedDetector):
        def detect(self, frames: Sequence[Frame]) -> list[Detections]:
            is_detecting.set()
            assert go_on.wait(10)
            return super().detect(frames)

    live = [packet(i, is_live=True) for i in range(5)]
    detector = Hanging()
    with seat_at(detector) as seat:
        intake, pipeline = Intake(OneFrameAPacket(), ManualClock()), Pipeline(detector, RowTracker())
        camera = Camera("gate", lambda stop: live, intake, seat, pipeline, [], [], ManualClock())
        camera.start()
        assert is_detecting.wait(10)
        assert camera.stop()
        go_on.set()


@pytest.mark.parametrize(("why", "times"), [(Reason.HEAVY, 1), (Reason.BEHIND, 0)])
def test_the_reader_of_a_camera_that_is_too_heavy_gives_way_to_the_others(
    why: Reason, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gave_way: list[str] = []
    monkeypatch.setattr("watchpost.runtime.camera.give_way", lambda: gave_way.append(threading.current_thread().name))
    intake, detector = Intake(OneFrameAPacket(), ManualClock()), ScriptedDetector()
    intake.gate = Mock(spec=Gate, reason=why)
    with seat_at(detector) as seat:
        pipeline = Pipeline(detector, RowTracker())
        camera = Camera(
            "gate", lambda stop: [packet(i) for i in range(5)], intake, seat, pipeline, [], [], ManualClock()
        )
        camera.start()
        assert camera.finished.wait(10)
        assert camera.stop()
    assert gave_way == ["gate read"] * times


def test_a_live_camera_is_stopped_from_outside() -> None:
    recorder = Recorder()
    started = threading.Event()

    def endless(stop: threading.Event) -> Iterable[Packet]:
        index = 0
        while not stop.is_set():
            yield packet(index, is_live=True)
            index += 1
            if recorder.frames:
                started.set()

    pipeline = Pipeline(ScriptedDetector(), RowTracker())
    intake = Intake(OneFrameAPacket(), ManualClock())
    with seat_at(ScriptedDetector()) as seat:
        told = [recorder.frame], [recorder.events]
        camera = Camera("gate", endless, intake, seat, pipeline, *told, ManualClock())
        camera.start()
        assert started.wait(10)
        assert camera.stop()
    assert camera.error is None
    # every decoded frame was analysed, dropped and counted, or was the one in hand at the stop
    assert camera.stats.frames == len(recorder.frames) > 0
