"""Who is in the picture: `appeared` and `left`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from watchpost.rules._identity import Relinker
from watchpost.rules._options import ObjectOptions
from watchpost.rules._visits import Changes, Reporter, Visits, counted
from watchpost.types import Detections, Event, Moment

LONGEST_DOUBT_S: Final = 1.0
"""A track that began longer before is none that has just been confirmed: its object was away and has come back."""


class Options(ObjectOptions):
    """Presence in the whole picture."""

    per: Literal["object", "camera"] = "object"
    """`object`: each object has its own events. `camera`: one visit lasts while anything that counts is seen."""


class Presence:
    """Reports each visit twice: when it is certain to have begun, and when it is over.

    `appeared.start` and `left.start` are the first detection, also where the tracker was not sure of it yet;
    `left.end` is the last one.
    """

    def __init__(self, options: Options, name: str, camera: str) -> None:
        self.name = name
        self._options = options
        self._report = Reporter(camera, name)
        self._relinker = Relinker(options.patience)
        self._visits = Visits(options)
        self._moments: deque[Moment] = deque()
        """Of the frames before this one, as far back as a track may have been in doubt."""

    @property
    def counts(self) -> dict[str, int]:
        """How many objects are present."""
        return {"present": len(self._visits.present)}

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        """The events that this frame makes certain."""
        detections = counted(detections, self._options)
        if self._options.per == "camera":
            detections, numbers = _best_alone(detections)
        else:
            numbers = self._relinker.update(detections, moment.camera_time_s)
        begun = self._begun(detections, moment)
        return self._events(self._visits.update(detections, numbers, moment, begun), moment)

    def finish(self, moment: Moment) -> list[Event]:
        """Whoever was present has left."""
        self._relinker.reset()
        self._moments.clear()
        return self._events(Changes(ended=self._visits.finish()), moment)

    def _begun(self, detections: Detections, moment: Moment) -> list[list[Moment]]:
        """The frames before this one in which each object was seen already, where its track has just begun."""
        since_s = np.full(len(detections), np.inf) if detections.since_s is None else detections.since_s
        while self._moments and self._moments[0].camera_time_s < moment.camera_time_s - LONGEST_DOUBT_S:
            self._moments.popleft()
        begun: list[list[Moment]] = []
        for each_s in since_s.tolist():
            is_new = each_s >= moment.camera_time_s - LONGEST_DOUBT_S
            begun.append([past for past in self._moments if is_new and past.camera_time_s >= each_s])
        self._moments.append(moment)
        return begun

    def _events(self, changes: Changes, moment: Moment) -> list[Event]:
        left = [
            self._report.event("left", visit, visit.last, duration_s=round(visit.duration_s, 3))
            for visit in changes.ended
        ]
        appeared = [self._report.event("appeared", visit, moment) for visit in changes.began]
        if self._options.per == "camera":  # a visit of the camera is no single track's
            return [replace(event, track_id=None) for event in left + appeared]
        return left + appeared


def _best_alone(detections: Detections) -> tuple[Detections, NDArray[np.int64]]:
    """The best detection as object 1: all that is seen belongs to the one visit of the camera."""
    if not len(detections):
        return detections, np.empty(0, np.int64)
    best = int(detections.confidence.argmax())
    return detections[best : best + 1], np.ones(1, np.int64)


def create(
    options: Options,
    *,
    name: str,
    camera: str,
    zones: Mapping[str, NDArray[np.floating]],  # noqa: ARG001  every rule is created alike
    lines: Mapping[str, NDArray[np.floating]],  # noqa: ARG001
) -> Presence:
    """The rule for one camera."""
    return Presence(options, name, camera)
