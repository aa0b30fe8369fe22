"""Who crosses a line, and which way: `crossed`, with running counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from watchpost.rules._identity import Relinker
from watchpost.rules._options import ObjectOptions, named_area
from watchpost.rules._visits import Reporter, Visit, Visits, anchors, counted
from watchpost.types import Detections, Event, Moment

Points = NDArray[np.float64]


class Options(ObjectOptions):
    """Crossings of one line. Somebody who sways on it is counted once he stands clear of it, or not at all."""

    line: str
    """The line's name; it may have more than two points."""
    inward: Literal["right", "left"] = "right"
    """Which way is `in`: to the right or the left of somebody who walks along the line from its first point."""
    margin: float = Field(default=0.1, ge=0)
    """How far past the line an object must be, in shares of its own height."""
    anchor: Literal["foot", "centre"] = "foot"
    """The point of the box that crosses: the middle of its lower edge, or its centre."""


@dataclass(slots=True)
class _Path:
    """Where an object stands to the line."""

    point: Points
    """(2,): where it was seen last, in pixels."""
    net: int = 0
    """Crossings to the right less those to the left that were not reported yet."""
    crossed_at: Moment | None = None
    """The first sighting beyond the line."""
    clear_since: Moment | None = None
    """Since when it is beyond the margin, on the new side."""

    def move(self, crossings: int, is_clear: bool, moment: Moment) -> None:
        """Take in the way to where it is seen now: its net crossings, and whether it ends clear of the line."""
        if crossings:
            self.net += crossings
            self.crossed_at = moment if self.net else None
            self.clear_since = None
        if self.net and is_clear:
            self.clear_since = self.clear_since or moment
        else:
            self.clear_since = None


class Line:
    """Reports each real crossing once, and keeps count.

    An object has crossed when it is seen clear of the line by `margin`, on the other side, for `confirm`
    seconds, or is clear when it is seen last. `crossed.start` is the first sighting beyond the line. Walking
    round the line's end is no crossing. The counts go on when the camera's clock restarts.
    """

    def __init__(self, options: Options, line: Points, name: str, camera: str) -> None:
        self.name = name
        self._options = options
        self._line = line
        self._report = Reporter(camera, name)
        self._relinker = Relinker(options.patience)
        self._visits = Visits(options)
        self._paths: dict[int, _Path] = {}
        self._totals = {"in": 0, "out": 0}

    @property
    def counts(self) -> dict[str, int]:
        """Crossings so far, as `<line> in` and `<line> out`."""
        return {f"{self._options.line} {way}": total for way, total in self._totals.items()}

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        """The events that this frame makes certain."""
        detections = counted(detections, self._options)
        numbers = self._relinker.update(detections, moment.camera_time_s)
        changes = self._visits.update(detections, numbers, moment)
        self._move(detections, numbers, moment)
        events = self._gone(changes.ended)
        for visit in self._visits.present:
            path = self._paths[visit.number]
            since = path.clear_since
            if since and visit.last.camera_time_s - since.camera_time_s >= self._options.confirm:
                events.append(self._crossed(visit, path))
        self._paths = {n: path for n, path in self._paths.items() if self._visits.get(n)}
        return events

    def finish(self, moment: Moment) -> list[Event]:  # noqa: ARG002  they were seen last before it
        """The crossings of those who were clear of the line."""
        self._relinker.reset()
        events = self._gone(self._visits.finish())
        self._paths.clear()
        return events

    def _move(self, detections: Detections, numbers: NDArray[np.int64], moment: Moment) -> None:
        size = np.array(detections.frame_size, np.float64)
        line = self._line * size
        points = anchors(detections, self._options.anchor) * size
        heights = detections.xyxy[:, 3] - detections.xyxy[:, 1]
        paths = [
            self._paths.setdefault(number, _Path(point)) for number, point in zip(numbers.tolist(), points, strict=True)
        ]
        before = np.array([path.point for path in paths]).reshape(-1, 2)
        crossings = net_crossings(before, points, line)
        is_clear = distance_to_line(points, line) >= self._options.margin * heights
        for row, path in enumerate(paths):
            path.point = points[row]
            path.move(int(crossings[row]), bool(is_clear[row]), moment)

    def _gone(self, ended: list[Visit]) -> list[Event]:
        """The crossings of objects that were last seen clear of the line."""
        paths = [(visit, self._paths[visit.number]) for visit in ended]
        return [self._crossed(visit, path) for visit, path in paths if path.clear_since]

    def _crossed(self, visit: Visit, path: _Path) -> Event:
        is_right = path.net > 0
        way = "in" if is_right == (self._options.inward == "right") else "out"
        self._totals[way] += 1
        start = path.crossed_at
        path.net, path.crossed_at, path.clear_since = 0, None, None
        return self._report.event(
            "crossed",
            visit,
            visit.last,
            start=start,
            zone=self._options.line,
            direction=way,
            count_in=self._totals["in"],
            count_out=self._totals["out"],
        )


def net_crossings(starts: Points, ends: Points, line: Points) -> NDArray[np.int64]:
    """How often (N,) the ways from `starts` to `ends` (N, 2) cross `line` (K, 2) to its right, less to its left.

    Points on the line belong to its left, so that a way in several steps counts as the same way in one.

    >>> line = np.array([[0., 0.], [0., 9.]])
    >>> net_crossings(np.array([[1., 5.], [1., 10.]]), np.array([[-1., 5.], [-1., 10.]]), line).tolist()
    [1, 0]
    """
    starts, ends = starts[:, None], ends[:, None]
    a, b = line[:-1], line[1:]
    corner_is_right = _cross(ends - starts, line - starts) > 0
    is_met = corner_is_right[:, :-1] != corner_is_right[:, 1:]
    was_right = _cross(b - a, starts - a) > 0
    is_right = _cross(b - a, ends - a) > 0
    return np.asarray(np.sum(is_met * (is_right.astype(np.int64) - was_right), axis=1))


def distance_to_line(points: Points, line: Points) -> Points:
    """From each of `points` (N, 2) to the nearest point of the polyline `line` (K, 2): (N,), in their unit."""
    a, along = line[:-1], np.diff(line, axis=0)
    length = np.maximum(np.sum(along**2, axis=1), 1e-12)
    offset = points[:, None] - a
    share = np.clip(np.sum(offset * along, axis=2) / length, 0, 1)
    return np.asarray(np.linalg.norm(offset - share[..., None] * along, axis=2).min(axis=1))


def _cross(a: Points, b: Points) -> Points:
    """The z part (...) of the cross products of vectors (..., 2): positive where b is to the right of a."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def create(
    options: Options,
    *,
    name: str,
    camera: str,
    zones: Mapping[str, NDArray[np.floating]],  # noqa: ARG001  every rule is created alike
    lines: Mapping[str, NDArray[np.floating]],
) -> Line:
    """The rule for one camera. Raises `ConfigError` when the camera has no such line."""
    return Line(options, named_area("line", options.line, lines, rule=name, camera=camera), name, camera)
