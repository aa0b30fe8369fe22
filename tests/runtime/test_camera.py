"""A running camera reads, analyses and ends."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import pytest

from fakes import OneFrameAPacket, Recorder, RowTracker, ScriptedDetector, SeenRule, detections, packet
from watchpost.clock import ManualClock
from watchpost.pipeline import Pipeline
from watchpost.runtime.camera import Camera
from watchpost.runtime.mailbox import Mailbox
from watchpost.types import Detections, Frame, Packet

PERSON = detections([10, 10, 20, 40])


def run(
    packets: Iterable[Packet], detector: ScriptedDetector, decoder: OneFrameAPacket | None = None, **options: float
) -> tuple[Camera, Recorder]:
    recorder = Recorder()
    pipeline = Pipeline(detector, RowTracker(), [SeenRule()])
    camera = Camera(
        "gate",
        lambda stop: packets,
        decoder or OneFrameAPacket(),
        pipeline,
        [recorder.frame],
        [recorder.events],
        ManualClock(),
        **options,
    )
    camera.start()
    assert camera.finished.wait(10)
    assert camera.stop()
    return camera, recorder


def test_every_frame_of_a_file_is_analysed_and_the_open_events_are_closed() -> None:
    camera, recorder = run([packet(i) for i in range(50)], ScriptedDetector({7: PERSON}))
    assert recorder.frames == list(range(50))
    assert recorder.kinds == ["appeared", "left"]
    assert (camera.error, camera.stats.frames, camera.stats.dropped) == (None, 50, 0)
    assert (camera.stats.detections, camera.stats.tracks, camera.stats.events) == (1, 1, 2)


@pytest.mark.parametrize(("max_fps", "expected"), [(5, [0, 2, 4, 6, 8]), (4, [0, 3, 5, 8]), (20, list(range(10)))])
def test_the_wanted_frame_rate_is_kept_exactly(max_fps: float, expected: list[int]) -> None:
    camera, recorder = run([packet(i) for i in range(10)], ScriptedDetector(), max_fps=max_fps)
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

    for parallel in (1, 2):
        is_detecting.clear()
        go_on.clear()
        pipeline = Pipeline(Hanging(), RowTracker())
        live = [packet(i, is_live=True) for i in range(5)]
        camera = Camera("gate", lambda stop: live, OneFrameAPacket(), pipeline, [], [], ManualClock(), None, parallel)  # noqa: B023
        camera.start()
        assert is_detecting.wait(10)
        assert not camera.stop(timeout_s=0.05)
        go_on.set()
        assert camera.stop()


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
    camera = Camera("gate", endless, OneFrameAPacket(), pipeline, [recorder.frame], [recorder.events], ManualClock())
    camera.start()
    assert started.wait(10)
    assert camera.stop()
    assert camera.error is None
    # every decoded frame was analysed, dropped and counted, or was the one in hand at the stop
    assert camera.stats.frames == len(recorder.frames) > 0


def test_the_newest_item_wins_and_losses_are_counted() -> None:
    box: Mailbox[int] = Mailbox(3)
    for item in range(5):
        box.put(item)
    assert (box.get(), box.dropped) == (4, 4)


def test_a_waiting_giver_is_freed_by_the_taker_or_the_close() -> None:
    box: Mailbox[int] = Mailbox(1)
    results: list[bool] = []
    giver = threading.Thread(target=lambda: results.extend(box.put(item, wait=True) for item in range(3)))
    giver.start()
    assert [box.get(), box.get()] == [0, 1]
    giver.join(10)
    box.close()
    assert (results, box.get(), box.get(), box.put(9)) == ([True] * 3, 2, None, False)
