"""What was found in each analysed frame, with its time, for those who draw it: boxes that belong to a picture.

Camera time ties them to the packets of `runtime/taps.py`: a player shows a box with the very picture it was found in.
Whoever is slow loses the oldest; while nobody reads, publishing stores a reference.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from watchpost.pipeline import Analysed
from watchpost.types import Box, Detections, Moment

HELD: Final = 64
"""Frames that wait for one reader: more than ten seconds of analysis."""
_DIGITS: Final = 4
"""Of a box's edges in JSON: a tenth of a pixel of a 1280 wide picture."""


@dataclass(frozen=True, slots=True)
class SeenObject:
    """An object in a frame."""

    box: Box
    class_name: str
    confidence: float
    """0-1."""
    track_id: int | None = None


@dataclass(frozen=True, slots=True)
class Boxes:
    """What was found in one frame of a camera."""

    camera: str
    moment: Moment
    """Of the frame."""
    objects: tuple[SeenObject, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    """What the camera's rules count: `gate line in` -> 3."""


class BoxReader:
    """One reader's place at a camera. `BoxFeed.open` makes it; use it as a context manager, or `close` it."""

    def __init__(self, on_news: Callable[[], None], leave: Callable[[BoxReader], None]) -> None:
        self.lost = 0
        """Frames whose boxes this reader was too slow for."""
        self._on_news = on_news
        self._leave = leave
        self._lock = threading.Lock()
        self._waiting: deque[Boxes] = deque()

    def take(self) -> list[Boxes]:
        """What came since the last call, oldest first; returns at once."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken

    def close(self) -> None:
        """Give up the place; also more than once, from any thread."""
        self._leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _offer(self, boxes: Boxes) -> None:
        with self._lock:
            if len(self._waiting) == HELD:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append(boxes)
            tell = len(self._waiting) == 1
        if tell:
            self._on_news()


class BoxFeed:
    """The boxes of all cameras. All methods may be called from any thread.

    `on_demand` is called with a camera's name whenever its first reader comes or its last one leaves: whoever gets the
    boxes from another process asks for them only so long.
    """

    def __init__(self, on_demand: Callable[[str], None] = lambda _camera: None) -> None:
        self.on_demand = on_demand
        self._lock = threading.Lock()
        self._readers: dict[str, set[BoxReader]] = {}

    def see(self, result: Analysed) -> None:
        """Let the readers of a camera have what was found in a frame; returns at once."""
        frame = result.frame
        if self._of(frame.camera):
            moment = Moment(frame.camera_time_s, frame.wall_time_s)
            self.publish(Boxes(frame.camera, moment, seen_objects(result.detections), dict(result.counts)))

    def publish(self, boxes: Boxes) -> None:
        """The same, of another process."""
        for reader in self._of(boxes.camera):
            reader._offer(boxes)

    def open(self, camera: str, on_news: Callable[[], None] = lambda: None) -> BoxReader:
        """A reader's place: the boxes of each frame from now on.

        `on_news` is called, from the camera's thread, when something came and nothing had been waiting: be quick.
        """
        reader = BoxReader(on_news, lambda one: self._leave(camera, one))
        with self._lock:
            readers = self._readers.setdefault(camera, set())
            is_first = not readers
            readers.add(reader)
        if is_first:
            self.on_demand(camera)
        return reader

    def watched(self) -> frozenset[str]:
        """The cameras that somebody reads."""
        with self._lock:
            return frozenset(self._readers)

    def _of(self, camera: str) -> tuple[BoxReader, ...]:
        with self._lock:
            return tuple(self._readers.get(camera, ()))

    def _leave(self, camera: str, reader: BoxReader) -> None:
        with self._lock:
            readers = self._readers.get(camera, set())
            is_last = readers == {reader}
            readers.discard(reader)
            if is_last:
                del self._readers[camera]
        if is_last:
            self.on_demand(camera)


def seen_objects(detections: Detections) -> tuple[SeenObject, ...]:
    """The objects of a frame, one by one."""
    tracks = detections.track_id
    return tuple(
        SeenObject(
            detections.box_in_fractions(row),
            detections.class_name(row),
            float(detections.confidence[row]),
            None if tracks is None else int(tracks[row]),
        )
        for row in range(len(detections))
    )


def boxes_to_json(boxes: Boxes) -> dict[str, Any]:
    """What JSON can say of it, for the player and for the link between processes."""
    return {
        "camera": boxes.camera,
        "camera_time_s": boxes.moment.camera_time_s,
        "wall_time_s": boxes.moment.wall_time_s,
        "objects": [
            {
                "box": [round(edge, _DIGITS) for edge in each.box],
                "class": each.class_name,
                "confidence": round(each.confidence, 3),
                "track": each.track_id,
            }
            for each in boxes.objects
        ],
        "counts": dict(boxes.counts),
    }


def boxes_from_json(data: Mapping[str, Any]) -> Boxes:
    """The boxes. Raises `ValueError` for what are none."""
    try:
        objects = tuple(_object_from_json(each) for each in data["objects"])
        counts = {str(name): int(count) for name, count in data["counts"].items()}
        moment = Moment(float(data["camera_time_s"]), float(data["wall_time_s"]))
        return Boxes(str(data["camera"]), moment, objects, counts)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no boxes: {error}") from None


def _object_from_json(data: Mapping[str, Any]) -> SeenObject:
    left, top, right, bottom = (float(edge) for edge in data["box"])
    track = data["track"]
    box = left, top, right, bottom
    return SeenObject(box, str(data["class"]), float(data["confidence"]), None if track is None else int(track))
