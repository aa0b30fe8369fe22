"""What the pipeline knows, drawn over a picture: boxes, numbers, trails, zones, lines and counts."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.geometry import clip_boxes, foot_points
from watchpost.types import BGR, Detections, Frame
from watchpost.video.palette import INK, LINE, WHITE, ZONE, Colour, class_colour, text_colour

Floats = NDArray[np.floating]
Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

_ZONE_SHARE: Final = 0.22
"""How much of a zone's fill is its colour."""
_MAX_TRACKS: Final = 512
_MAX_POINTS: Final = 96
_TEXT_WEIGHT: Final = 600
_SUBPIXEL_BITS: Final = 3
_CACHED_SIZES: Final = 4

_faces = threading.local()


def _face() -> Any:
    # a FontFace is not safe to share between threads (glyphs come out garbled) and takes 30 ms to load
    if not hasattr(_faces, "sans"):
        _faces.sans = cv2.FontFace("sans")
    return _faces.sans


@dataclass(frozen=True, slots=True)
class _Style:
    """Sizes in pixels that fit a picture."""

    width: int
    height: int
    line: int
    rim: int
    """How much the dark rim widens a line."""
    text: int

    @classmethod
    def of(cls, picture: BGR) -> _Style:
        height, width = picture.shape[:2]
        short = min(width, height)
        line = max(1, round(short / 320))
        rim = 2 * (line // 2)  # none in a picture so small that it would hide more than it shows
        return cls(width, height, line, rim, text=max(11, round(short / 44)))

    @property
    def pad(self) -> int:
        return max(2, self.text // 4)

    @property
    def row(self) -> int:
        """Height of a label."""
        return round(self.text * 1.3) + 2 * (self.pad // 2)

    def text_width(self, text: str) -> int:
        size = (max(self.width, 1), max(self.height, 1))
        return int(cv2.getTextSize(size, text, (0, 0), _face(), self.text, _TEXT_WEIGHT)[2])


class Trails:
    """Where each track has stood in the last seconds. `add` and `of` may be called from several threads."""

    def __init__(self, seconds: float = 4.0) -> None:
        self._seconds = seconds
        self._points: OrderedDict[int, deque[tuple[float, float, float]]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, detections: Detections, camera_time_s: float) -> None:
        """Note where the tracked objects stand; a time before the last one (a restarted clock) forgets all."""
        if detections.track_id is None:
            return
        width, height = detections.frame_size
        feet = foot_points(detections.xyxy) / np.array([max(width, 1), max(height, 1)], np.float32)
        with self._lock:
            if any(points[-1][0] > camera_time_s for points in self._points.values()):
                self._points.clear()
            for track, (x, y) in zip(detections.track_id.tolist(), feet.tolist(), strict=True):
                points = self._points.setdefault(track, deque(maxlen=_MAX_POINTS))
                points.append((camera_time_s, x, y))
                self._points.move_to_end(track)
            self._forget(camera_time_s - self._seconds)

    def of(self, track: int) -> Floats:
        """The way (K, 2) of a track, oldest first, in fractions of the picture."""
        with self._lock:
            points = list(self._points.get(track, ()))
        return np.array([point[1:] for point in points], np.float64).reshape(-1, 2)

    def clear(self) -> None:
        """Forget all tracks."""
        with self._lock:
            self._points.clear()

    def _forget(self, before_s: float) -> None:
        while self._points:  # ordered by when a track was last seen, so the stale ones come first
            track, points = next(iter(self._points.items()))
            if points[-1][0] >= before_s and len(self._points) <= _MAX_TRACKS:
                break
            del self._points[track]
        for points in self._points.values():
            while points[0][0] < before_s:
                points.popleft()


class Overlay:
    """Draws one camera's analysis. `observe` and `draw` may be called from different threads.

    `zones` are polygons (3 or more, 2) and `lines` (2 or more, 2), all x, y in fractions of the picture, 0-1,
    by name. Raises `ValueError` for another shape.
    """

    def __init__(
        self,
        zones: Mapping[str, Floats] | None = None,
        lines: Mapping[str, Floats] | None = None,
        *,
        trail_s: float = 4.0,
    ) -> None:
        self._zones = {name: np.asarray(points, np.float64) for name, points in (zones or {}).items()}
        self._lines = {name: np.asarray(points, np.float64) for name, points in (lines or {}).items()}
        for name, zone in self._zones.items():
            if zone.ndim != 2 or len(zone) < 3 or zone.shape[1] != 2:
                raise ValueError(f"zone {name!r}: expected shape (3 or more, 2), got {zone.shape}")
        for name, line in self._lines.items():
            if line.ndim != 2 or len(line) < 2 or line.shape[1] != 2:
                raise ValueError(f"line {name!r}: expected shape (2 or more, 2), got {line.shape}")
        self._trails = Trails(trail_s)
        self._fills: OrderedDict[tuple[int, int], list[tuple[Rect, NDArray[np.uint8]]]] = OrderedDict()
        self._fills_lock = threading.Lock()
        share = np.arange(256)[:, None] * (1 - _ZONE_SHARE) + np.array(ZONE)[None] * _ZONE_SHARE
        self._zone_table = share.round().astype(np.uint8)[None]

    def annotate(self, frame: Frame, detections: Detections, counts: Mapping[str, int] | None = None) -> BGR:
        """`observe`, then `draw` at the frame's own size."""
        self.observe(frame, detections)
        return self.draw(frame.picture.bgr(), detections, counts)

    def observe(self, frame: Frame, detections: Detections) -> None:
        """Lengthen the trails by this frame's tracked objects: microseconds, no pixel is touched."""
        if frame.is_discontinuous:
            self._trails.clear()
        self._trails.add(detections, frame.camera_time_s)

    def draw(self, picture: BGR, detections: Detections, counts: Mapping[str, int] | None = None) -> BGR:
        """An annotated copy of a picture (H, W, 3) uint8 BGR, which may be a resized copy of the frame.

        Boxes are scaled from `detections.frame_size` to the picture, so that what is drawn is always crisp.
        """
        canvas = np.array(picture, np.uint8, order="C")
        style = _Style.of(canvas)
        self._fill_zones(canvas, style)
        for zone in self._zones.values():
            _polyline(canvas, zone, ZONE, style.line, closed=True)
        for line in self._lines.values():
            _draw_line(canvas, line, style)

        boxes, rows = _boxes_in_picture(detections, style)
        colours = [class_colour(detections.class_name(row)) for row in rows]
        if detections.track_id is not None:
            for row, colour in zip(rows, colours, strict=True):
                _draw_trail(canvas, self._trails.of(int(detections.track_id[row])), colour, style)
        for box, colour in zip(boxes, colours, strict=True):
            _draw_box(canvas, box, colour, style)

        labels = _Labels(canvas, style)
        for name, points in (self._zones | self._lines).items():
            corner = points[np.argmin(points.sum(axis=1))] * (style.width, style.height)
            colour = ZONE if name in self._zones else LINE
            labels.put([name], tuple(np.append(corner, corner).round().astype(int)), colour)
        labels.put_counts(counts or {})
        for row, box, colour in zip(rows, boxes, colours, strict=True):
            labels.put(_label_texts(detections, row), box, colour)
        return canvas

    def _fill_zones(self, canvas: BGR, style: _Style) -> None:
        for (left, top, right, bottom), mask in self._zone_masks(style):
            part = canvas[top:bottom, left:right]
            cv2.copyTo(cv2.LUT(part, self._zone_table), mask, part)

    def _zone_masks(self, style: _Style) -> list[tuple[Rect, NDArray[np.uint8]]]:
        """Each zone's bounding box and its mask in it: made once a picture size."""
        size = (style.width, style.height)
        with self._fills_lock:
            if size not in self._fills:
                self._fills[size] = [
                    fill for zone in self._zones.values() if (fill := _zone_mask(zone, style)) is not None
                ]
                if len(self._fills) > _CACHED_SIZES:
                    self._fills.popitem(last=False)
            return self._fills[size]


def _zone_mask(zone: Floats, style: _Style) -> tuple[Rect, NDArray[np.uint8]] | None:
    points = (zone * (style.width, style.height)).round().astype(np.int32)
    left, top = np.maximum(points.min(axis=0), 0).tolist()
    right, bottom = np.minimum(points.max(axis=0) + 1, (style.width, style.height)).tolist()
    if right <= left or bottom <= top:
        return None
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [points - (left, top)], (255,))
    return (left, top, right, bottom), mask


def _boxes_in_picture(detections: Detections, style: _Style) -> tuple[list[Rect], list[int]]:
    """The boxes that touch the picture, in its pixels, and which detections they are."""
    width, height = detections.frame_size
    scale = np.array([style.width / max(width, 1), style.height / max(height, 1)] * 2)
    boxes = detections.xyxy.astype(np.float64) * scale
    boxes[~np.isfinite(boxes).all(axis=1)] = -1
    touches = (boxes[:, 2] > 0) & (boxes[:, 3] > 0) & (boxes[:, 0] < style.width) & (boxes[:, 1] < style.height)
    # an edge beyond the picture stays beyond it, but where OpenCV's fixed point can not overflow
    margin = 4 * style.line
    near = clip_boxes(boxes + margin, style.width + 2 * margin, style.height + 2 * margin) - margin
    rows = np.flatnonzero(touches).tolist()
    return [tuple(box) for box in near[touches].round().astype(int).tolist()], rows


def _label_texts(detections: Detections, row: int) -> list[str]:
    """What to write at an object, the fullest first."""
    name, share = detections.class_name(row), f"{detections.confidence[row]:.0%}"
    if detections.track_id is None:
        return [f"{name} {share}", name]
    number = f"#{detections.track_id[row]}"
    return [f"{name} {number} {share}", f"{name} {number}", number]


def _subpixel(points: Floats, canvas: BGR) -> NDArray[np.int32]:
    """Fractions as OpenCV's fixed-point pixels; far-off points are drawn in to where OpenCV can draw them."""
    size = np.array([canvas.shape[1], canvas.shape[0]])
    near = np.clip(np.nan_to_num(points), -1, 2)
    return np.asarray((near * size * (1 << _SUBPIXEL_BITS)).round(), np.int32)


def _polyline(canvas: BGR, points: Floats, colour: Colour, width: int, *, closed: bool = False) -> None:
    pixels = [_subpixel(points, canvas)]
    cv2.polylines(canvas, pixels, closed, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_line(canvas: BGR, line: Floats, style: _Style) -> None:
    _polyline(canvas, line, INK, style.line + style.rim)
    _polyline(canvas, line, LINE, style.line)
    for x, y in _subpixel(line, canvas).tolist():
        radius = 2 * style.line << _SUBPIXEL_BITS
        cv2.circle(canvas, (x, y), radius, LINE, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_trail(canvas: BGR, way: Floats, colour: Colour, style: _Style) -> None:
    """The older half is thin, the newer half thick: one sees where it went."""
    if len(way) < 2:
        return
    middle = len(way) // 2
    _polyline(canvas, way[: middle + 1], colour, max(1, style.line // 2))
    if middle + 1 < len(way):
        _polyline(canvas, way[middle:], colour, style.line)


def _draw_box(canvas: BGR, box: Rect, colour: Colour, style: _Style) -> None:
    # axis-parallel lines on whole pixels are crisp without smoothing; the dark rim keeps them apart from any ground
    if style.rim:
        cv2.rectangle(canvas, box[:2], box[2:], INK, style.line + style.rim)
    cv2.rectangle(canvas, box[:2], box[2:], colour, style.line)


class _Labels:
    """Places labels inside the picture and, where that is cheap, not upon each other."""

    def __init__(self, canvas: BGR, style: _Style) -> None:
        self._canvas = canvas
        self._style = style
        self._taken: list[Rect] = []

    def put(self, texts: list[str], box: Rect, colour: Colour) -> None:
        """Write the fullest of `texts` that takes a small share of the picture's width at `box`."""
        style = self._style
        for text in texts:
            width = style.text_width(text) + 2 * style.pad
            limit = style.width if text == texts[-1] else style.width // 5
            if width <= limit and style.row <= style.height:
                rect = self._place(box, width)
                self._taken.append(rect)
                left, top, right, bottom = rect
                cv2.rectangle(self._canvas, (left, top), (right - 1, bottom - 1), colour, cv2.FILLED)
                self._write(text, left + style.pad, top, text_colour(colour))
                return

    def put_counts(self, counts: Mapping[str, int]) -> None:
        """A dark panel in the lower left corner with one row a count; what does not fit is left out."""
        style = self._style
        rows = [(name, str(count)) for name, count in counts.items()][: style.height // style.row // 2]
        if not rows:
            return
        widths = [[style.text_width(cell) for cell in row] for row in rows]
        names, numbers = (max(column) for column in zip(*widths, strict=True))
        width = names + numbers + 5 * style.pad
        if width > style.width:
            return
        top = style.height - len(rows) * style.row - style.pad
        self._taken.append((0, top, width, style.height))
        panel = self._canvas[top : style.height, :width]
        cv2.addWeighted(panel, 0.3, np.full_like(panel, INK), 0.7, 0, dst=panel)
        for index, ((name, number), (_, number_width)) in enumerate(zip(rows, widths, strict=True)):
            y = top + style.pad // 2 + index * style.row
            self._write(name, style.pad, y, WHITE)
            self._write(number, width - style.pad - number_width, y, WHITE)

    def _place(self, box: Rect, width: int) -> Rect:
        style, row = self._style, self._style.row
        left, top, right, bottom = box
        rim = style.line // 2
        candidates = []
        for x, y in (
            (left - rim, top - rim - row),  # above
            (left - rim, top + rim + 1),  # inside, at the top
            (right + rim - width, top - rim - row),
            (left - rim, bottom + rim + 1),  # below
            (left - rim, top - rim - 2 * row),
        ):
            x = max(0, min(x, style.width - width))
            y = max(0, min(y, style.height - row))
            candidates.append((x, y, x + width, y + row))
        return next((rect for rect in candidates if not self._covers(rect)), candidates[0])

    def _covers(self, rect: Rect) -> bool:
        left, top, right, bottom = rect
        return any(left < x1 and x0 < right and top < y1 and y0 < bottom for x0, y0, x1, y1 in self._taken)

    def _write(self, text: str, x: int, top: int, colour: Colour) -> None:
        style = self._style
        baseline = top + (style.row + round(style.text * 0.72)) // 2
        cv2.putText(self._canvas, text, (x, baseline), colour, _face(), style.text, _TEXT_WEIGHT)
