"""The best picture of each track, for the snapshot of its events: bounded memory, encoded late."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from watchpost.geometry import box_area
from watchpost.picture import encode_jpeg
from watchpost.types import Box, Detections, Frame

MAX_WIDTH: Final = 1280
"""Wider pictures are scaled down before they are encoded, in pixels."""
_HELD_FRAMES: Final = 4
_HELD_TRACKS: Final = 256
_BETTER: Final = 1.15
_DAMAGED: Final = 0.5


@dataclass(slots=True)
class _Best:
    quality: float
    box: Box
    picture: Frame | bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A picture to remember an event by."""

    jpeg: bytes
    box: Box | None
    """Where its track is in it; `None` for a picture of the whole scene."""


def snapshot_jpeg(frame: Frame) -> bytes:
    """The frame as the bytes of a JPEG file, at most `MAX_WIDTH` pixels wide."""
    width, height = frame.size
    if width <= MAX_WIDTH:
        return encode_jpeg(frame.picture.bgr())
    return encode_jpeg(frame.picture.resized(MAX_WIDTH, max(1, round(height * MAX_WIDTH / width))))


class BestPictures:
    """Keeps, for each track of one camera, the frame in which it is seen best.

    Best: the largest confidence times the square root of the box's area, wholly inside the picture, and
    nothing of it lost on the way. A few
    frames are held as they are and encoded only when an event asks for them or newer ones push them out, so
    that a track without events costs no JPEG.
    """

    def __init__(self) -> None:
        self._best: OrderedDict[int, _Best] = OrderedDict()
        self._held: OrderedDict[int, Frame] = OrderedDict()
        self._latest: Frame | None = None

    def see(self, frame: Frame, tracked: Detections) -> None:
        """Note the tracks of a frame."""
        self._latest = frame
        if tracked.track_id is None or not len(tracked):
            return
        width, height = frame.size
        box = tracked.xyxy
        inside = (box[:, :2] > 1).all(axis=1) & (box[:, 2] < width - 1) & (box[:, 3] < height - 1)
        quality = tracked.confidence * np.sqrt(box_area(box)) * np.where(inside, 1.0, 0.7)
        if frame.is_damaged:
            quality *= _DAMAGED
        for row, (track, value) in enumerate(zip(tracked.track_id.tolist(), quality.tolist(), strict=True)):
            best = self._best.get(track)
            if best is None or value >= best.quality * _BETTER:
                self._best[track] = _Best(value, tracked.box_in_fractions(row), frame)
                self._held[id(frame)] = frame
            self._best.move_to_end(track)
        while len(self._best) > _HELD_TRACKS:
            self._best.popitem(last=False)
        while len(self._held) > _HELD_FRAMES:
            self._encode(next(iter(self._held.values())))

    def snapshot(self, track_id: int | None) -> Snapshot | None:
        """The best picture of a track, or for `None` the latest of the scene; `None` if never seen."""
        if track_id is None:
            return None if self._latest is None else Snapshot(snapshot_jpeg(self._latest), None)
        best = self._best.get(track_id)
        if best is None:
            return None
        if isinstance(best.picture, Frame):
            self._encode(best.picture)
        return Snapshot(best.picture, best.box) if isinstance(best.picture, bytes) else None

    def forget_scene(self) -> None:
        """Let go of the latest frame: of a scene with nobody in it, that a camera may show for hours."""
        self._latest = None

    def clear(self) -> None:
        """Forget everything."""
        self._best.clear()
        self._held.clear()
        self._latest = None

    def _encode(self, frame: Frame) -> None:
        """Replace a held frame by its JPEG wherever it is still the best of a track."""
        self._held.pop(id(frame), None)
        users = [best for best in self._best.values() if best.picture is frame]
        if users:
            data = snapshot_jpeg(frame)
            for best in users:
                best.picture = data
