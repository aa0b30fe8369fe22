"""Boxes drawn into the pictures of a live stream, by what the analysis told last, in whatever process it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.config import Configuration
from watchpost.runtime.boxes import Boxes, BoxFeed
from watchpost.types import BGR, Detections, Frame
from watchpost.video.draw import Overlay

Shapes = tuple[Mapping[str, NDArray[np.floating]], Mapping[str, NDArray[np.floating]]]
"""Zones and lines by name (see `Overlay`)."""
_OLD_S: Final = 2.0
"""Boxes that are older than this belong to nothing that is still there."""
_SAME_S: Final = 0.001


class CameraShapes:
    """The zones and lines of the cameras as they are configured now. `apply` may be called from any thread."""

    def __init__(self, config: Configuration) -> None:
        self._cameras = config.cameras
        self._made: dict[str, Shapes] = {}

    def apply(self, config: Configuration) -> None:
        """Draw those of this configuration from the next picture on."""
        before, self._cameras = self._cameras, config.cameras
        for name in list(self._made):
            if before.get(name) != config.cameras.get(name):
                del self._made[name]

    def __call__(self, camera: str) -> Shapes:
        """Those of a camera, the same object until they change; none of one that is not configured."""
        made = self._made.get(camera)
        if made is None:
            found = self._cameras.get(camera)
            made = ({}, {}) if found is None else (found.zone_arrays(), found.line_arrays())
            self._made[camera] = made
        return made


class BoxDrawing:
    """Makes a camera's drawing; `shapes` has its zones and lines: another object once they have changed."""

    def __init__(self, boxes: BoxFeed, shapes: Callable[[str], Shapes]) -> None:
        self._boxes = boxes
        self._shapes = shapes

    @contextmanager
    def of(self, camera: str) -> Iterator[Callable[[Frame], BGR]]:
        """What draws the camera's frames, in their order: (H, W, 3) uint8 BGR of each."""
        shapes = self._shapes(camera)
        overlay = Overlay(*shapes)
        waiting: deque[Boxes] = deque()
        newest: Boxes | None = None
        with self._boxes.open(camera) as reader:

            def draw(frame: Frame) -> BGR:
                nonlocal newest, shapes, overlay
                if (now := self._shapes(camera)) is not shapes:
                    shapes, overlay = now, Overlay(*now)
                waiting.extend(reader.take())
                while waiting and waiting[0].moment.camera_time_s <= frame.camera_time_s + _SAME_S:
                    newest = waiting.popleft()
                    overlay.observe(frame, detections_of(newest, frame.size))
                is_old = newest is None or not 0 <= frame.camera_time_s - newest.moment.camera_time_s + _SAME_S < _OLD_S
                if newest is None or is_old:
                    return overlay.draw(frame.picture.bgr(), Detections.empty(frame.size))
                return overlay.draw(frame.picture.bgr(), detections_of(newest, frame.size), newest.counts)

            yield draw


def detections_of(boxes: Boxes, size: tuple[int, int]) -> Detections:
    """The boxes in pixels of a frame of (width, height) pixels."""
    objects = boxes.objects
    names = tuple(dict.fromkeys(each.class_name for each in objects))
    scale = np.array([size[0], size[1], size[0], size[1]], np.float32)
    tracks = [each.track_id for each in objects]
    return Detections(
        np.array([each.box for each in objects], np.float32).reshape(-1, 4) * scale,
        np.array([each.confidence for each in objects], np.float32),
        np.array([names.index(each.class_name) for each in objects], np.int32),
        size,
        names,
        track_id=None if None in tracks else np.array(tracks, np.int64),
    )
