"""Scripted stand-ins for the rooms, for tests of what lies above them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from watchpost.picture import ArrayPicture
from watchpost.types import Detections, Event, Frame, Moment, Packet, StreamInfo, new_event_id

SIZE = (64, 48)


def frame(index: int, *, fps: float = 10.0, is_discontinuous: bool = False, camera: str = "gate") -> Frame:
    """A grey frame; camera time 0 at index 0, wall time 1000 s later."""
    picture = ArrayPicture(np.full((SIZE[1], SIZE[0], 3), index % 256, np.uint8))
    return Frame(camera, picture, index / fps, 1000 + index / fps, index, is_discontinuous)


def packet(index: int, *, is_live: bool = False, fps: int = 10) -> Packet:
    stream = StreamInfo("h264", *SIZE, Fraction(1, fps), is_live=is_live)
    return Packet("gate", stream, index, index, index == 0, 100, 1000 + index / fps, payload=None)


def detections(*boxes: Sequence[float], track_ids: Sequence[int] | None = None) -> Detections:
    """People with confidence 0.9."""
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, 0.9),
        np.zeros(count),
        SIZE,
        ("person", "car"),
        track_id=None if track_ids is None else np.array(track_ids),
    )


def event(kind: str = "appeared", track_id: int | None = 1, at_s: float = 0.0, camera: str = "gate") -> Event:
    moment = Moment(at_s, 1000 + at_s)
    return Event(new_event_id(), camera, "presence", kind, "person", track_id, moment, moment, 0.9, (0, 0, 1, 1))


class OneFrameAPacket:
    """A decoder: the frame of each packet, `held` of them only at the flush."""

    def __init__(self, held: int = 0) -> None:
        self._waiting: list[Frame] = []
        self._held = held

    def decode_alone(self, packet: Packet) -> list[Frame]:
        return self.decode(packet)

    def restart(self, known_until_s: float) -> None:
        raise AssertionError("nothing goes back here")

    def decode(self, packet: Packet) -> list[Frame]:
        assert packet.pts is not None
        self._waiting.append(frame(packet.pts, fps=float(1 / packet.stream.time_base)))
        ready = self._waiting[: len(self._waiting) - self._held]
        self._waiting = self._waiting[len(ready) :]
        return ready

    def flush(self) -> list[Frame]:
        return self._waiting


class ScriptedDetector:
    """Finds what the script says for each frame index; nothing where it says nothing."""

    name = "scripted"
    class_names = ("person", "car")

    def __init__(self, script: dict[int, Detections] | None = None, error_at: int | None = None) -> None:
        self._script = script or {}
        self._error_at = error_at

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        if any(frame.index == self._error_at for frame in frames):
            raise RuntimeError("the accelerator has gone")
        return [self._script.get(frame.index, Detections.empty(SIZE, self.class_names)) for frame in frames]

    def close(self) -> None: ...


class RowTracker:
    """Numbers the rows of each frame from 1."""

    def __init__(self) -> None:
        self.resets = 0

    def update(self, detections: Detections, time_s: float) -> Detections:
        import dataclasses

        return dataclasses.replace(detections, track_id=np.arange(1, len(detections) + 1))

    def reset(self) -> None:
        self.resets += 1


class SeenRule:
    """Reports `appeared` when a track is first seen, and `left` for all at the finish."""

    name = "seen"

    def __init__(self) -> None:
        self._open: dict[int, Event] = {}

    @property
    def counts(self) -> dict[str, int]:
        return {"seen": len(self._open)}

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        assert detections.track_id is not None
        new = [track for track in detections.track_id.tolist() if track not in self._open]
        events = [event("appeared", track, moment.camera_time_s) for track in new]
        self._open.update(zip(new, events, strict=True))
        return events

    def finish(self, moment: Moment) -> list[Event]:
        events = [event("left", track, moment.camera_time_s) for track in self._open]
        self._open.clear()
        return events


class Recorder:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.kinds: list[str] = []

    def frame(self, result) -> None:
        self.frames.append(result.frame.index)

    def events(self, events: list[Event]) -> None:
        self.kinds += [event.kind for event in events]
