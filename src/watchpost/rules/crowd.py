"""How many are there: `crowded` when there are more than N, `thinned` when there are not any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from watchpost.geometry import points_in_polygon
from watchpost.options import Seconds
from watchpost.rules._identity import Relinker
from watchpost.rules._options import ObjectOptions, named_area
from watchpost.rules._visits import Changes, Visit, Visits, anchors, counted
from watchpost.types import Box, Detections, Event, Moment, new_event_id


class Options(ObjectOptions):
    """A crowd in a zone or in the whole picture."""

    more_than: int = Field(ge=0)
    """It is a crowd when there are more objects than this."""
    zone: str | None = None
    """The zone's name; without it, the whole picture counts."""
    hold: Seconds = 2.0
    """The number must stay above, or not above, for this long."""


class Crowd:
    """Reports a crowd twice: when it is certain to have formed, and when it has thinned.

    `crowded.start` and `thinned.start` are the moment at which the last one needed came, `thinned.end` that at
    which the number fell.
    """

    def __init__(self, options: Options, polygon: NDArray[np.float64] | None, name: str, camera: str) -> None:
        self.name = name
        self._camera = camera
        self._options = options
        self._polygon = polygon
        self._relinker = Relinker(options.patience)
        self._visits = Visits(options)
        self._turned: Moment | None = None
        """When the number came to say other than what was reported last."""
        self._crowd: _Crowd | None = None
        self._last: Moment | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many there are, by the zone's name or `crowd`."""
        return {self._options.zone or "crowd": len(self._visits.present)}

    @property
    def needs_frames(self) -> bool:
        """While there is a crowd, or the number has turned and must hold for a while."""
        return self._crowd is not None or self._turned is not None

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        """The events that this frame makes certain."""
        self._last = moment
        detections = counted(detections, self._options)
        numbers = self._relinker.update(detections, moment.camera_time_s)
        if self._polygon is not None:
            is_inside = points_in_polygon(anchors(detections, "foot"), self._polygon)
            detections, numbers = detections[is_inside], numbers[is_inside]
        changes = self._visits.update(detections, numbers, moment)
        present = self._visits.present
        is_over = len(present) > self._options.more_than
        if is_over and self._crowd:
            self._crowd.grow(present)
        if is_over == (self._crowd is not None):
            self._turned = None
            return []
        self._turned = self._turned or _turning(changes, is_over, moment)
        if moment.camera_time_s - self._turned.camera_time_s < self._options.hold:
            return []
        turned, self._turned = self._turned, None
        return [self._form(present, turned, moment) if is_over else self._thin(turned)]

    def finish(self, moment: Moment) -> list[Event]:
        """A crowd that was there is there no more."""
        self._relinker.reset()
        self._visits.finish()
        end, self._turned = self._turned or self._last or moment, None
        return [self._thin(end)] if self._crowd else []

    def _form(self, present: list[Visit], start: Moment, now: Moment) -> Event:
        self._crowd = _Crowd(start)
        self._crowd.grow(present)
        return self._event("crowded", self._crowd, now, count=len(present))

    def _thin(self, end: Moment) -> Event:
        crowd, self._crowd = self._crowd, None
        assert crowd is not None  # noqa: S101  only what had formed can thin
        if end.camera_time_s < crowd.start.camera_time_s:  # one was unseen already when the last one came
            end = crowd.start
        duration_s = end.camera_time_s - crowd.start.camera_time_s
        return self._event("thinned", crowd, end, peak=crowd.peak, duration_s=round(duration_s, 3))

    def _event(self, kind: str, crowd: _Crowd, end: Moment, **attributes: float) -> Event:
        return Event(
            id=new_event_id(),
            camera=self._camera,
            rule=self.name,
            kind=kind,
            class_name=crowd.class_name,
            track_id=None,
            start=crowd.start,
            end=end,
            score=crowd.score,
            box=crowd.box,
            zone=self._options.zone,
            attributes=dict(attributes),
        )


class _Crowd:
    """A crowd as it was when it was largest."""

    def __init__(self, start: Moment) -> None:
        self.start = start
        self.peak = 0
        self.class_name = ""
        self.score = 0.0
        self.box: Box = (0.0, 0.0, 1.0, 1.0)

    def grow(self, present: list[Visit]) -> None:
        """Take in who is there, if there are more than before."""
        if len(present) <= self.peak:
            return
        self.peak = len(present)
        self.class_name = Counter(visit.class_name for visit in present).most_common(1)[0][0]
        self.score = max(visit.score for visit in present)
        lefts, tops, rights, bottoms = zip(*(visit.box for visit in present), strict=True)
        self.box = (min(lefts), min(tops), max(rights), max(bottoms))


def _turning(changes: Changes, is_over: bool, now: Moment) -> Moment:
    """When what this frame made certain really happened."""
    moments = [visit.start for visit in changes.began] if is_over else [visit.last for visit in changes.ended]
    return max(moments, key=lambda moment: moment.camera_time_s, default=now)


def create(
    options: Options,
    *,
    name: str,
    camera: str,
    zones: Mapping[str, NDArray[np.floating]],
    lines: Mapping[str, NDArray[np.floating]],  # noqa: ARG001  every rule is created alike
) -> Crowd:
    """The rule for one camera. Raises `ConfigError` when the camera has no such zone."""
    if options.zone is None:
        return Crowd(options, None, name, camera)
    return Crowd(options, named_area("zone", options.zone, zones, rule=name, camera=camera), name, camera)
