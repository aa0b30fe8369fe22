"""Visits: the stays of objects in the picture or in a zone, with flicker taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from watchpost.geometry import foot_points
from watchpost.rules._options import ObjectOptions
from watchpost.types import Box, Detections, Event, Moment, new_event_id


@dataclass(slots=True)
class Visit:
    """One object's stay."""

    number: int
    """The object's number (see `Relinker`)."""
    track_id: int
    """The first of its tracks, which names it in all of its events."""
    best_track_id: int
    """Which of its tracks has its best detection."""
    start: Moment
    last: Moment
    """When it was seen first and last."""
    class_name: str = ""
    score: float = -1.0
    best_box: Box = (0.0, 0.0, 0.0, 0.0)
    """Of its best detection, in fractions of the frame."""
    box: Box = (0.0, 0.0, 0.0, 0.0)
    """Where it was seen last, in fractions of the frame."""
    sightings: int = 0
    frames: int = 0
    """Frames since the start, seen or not."""
    is_believed: bool = False

    def see(self, detections: Detections, row: int, moment: Moment) -> None:
        """Take in a sighting."""
        self.last = moment
        self.sightings += 1
        self.box = detections.box_in_fractions(row)
        score = float(detections.confidence[row])
        if score > self.score:
            self.score, self.best_box = score, self.box
            self.best_track_id = _track(detections, row, self.track_id)
            self.class_name = detections.class_name(row)

    @property
    def duration_s(self) -> float:
        """Seconds of camera time between the first and the last sighting."""
        return self.last.camera_time_s - self.start.camera_time_s


@dataclass(slots=True)
class Changes:
    """What a frame has made certain."""

    began: list[Visit] = field(default_factory=list)
    ended: list[Visit] = field(default_factory=list)


class Visits:
    """The visits of one place. A visit begins when it is believed and ends when patience is over.

    To be believed, an object is seen for `confirm` seconds, `sightings` times, in at least half of the frames,
    and once with `minimum_score`: a false detection that flickers fails the half, however long it goes on.
    """

    def __init__(self, options: ObjectOptions) -> None:
        self._options = options
        self._visits: dict[int, Visit] = {}

    @property
    def present(self) -> list[Visit]:
        """The visits that have begun and not ended."""
        return [visit for visit in self._visits.values() if visit.is_believed]

    def update(
        self,
        detections: Detections,
        numbers: NDArray[np.int64],
        moment: Moment,
        begun: Sequence[Sequence[Moment]] | None = None,
    ) -> Changes:
        """Take in a frame's objects; `numbers` (N,) are theirs by `Relinker`.

        `begun` (N,) are the earlier moments in which each was seen already, though its track was not sure yet.
        """
        changes = Changes()
        for visit in list(self._visits.values()):
            unseen_s = moment.camera_time_s - visit.last.camera_time_s
            if unseen_s > self._options.patience:
                del self._visits[visit.number]
                if visit.is_believed:
                    changes.ended.append(visit)
        for row, number in enumerate(numbers.tolist()):
            if number not in self._visits:
                track = _track(detections, row, number)
                earlier = begun[row] if begun else ()
                start = earlier[0] if earlier else moment
                count = len(earlier)
                self._visits[number] = Visit(number, track, track, start, moment, sightings=count, frames=count)
            self._visits[number].see(detections, row, moment)
        for visit in list(self._visits.values()):
            visit.frames += 1
            if not visit.is_believed:
                self._judge(visit, changes)
        return changes

    def get(self, number: int) -> Visit | None:
        """The visit of an object, begun or not yet."""
        return self._visits.get(number)

    def finish(self) -> list[Visit]:
        """End all visits; those that had begun."""
        ended = self.present
        self._visits.clear()
        return ended

    def _judge(self, visit: Visit, changes: Changes) -> None:
        options = self._options
        is_steady = 2 * visit.sightings >= visit.frames
        if not is_steady and visit.frames > 2 * options.sightings:
            del self._visits[visit.number]
        elif (
            is_steady
            and visit.sightings >= options.sightings
            and visit.duration_s >= options.confirm
            and visit.score >= options.minimum_score
        ):
            visit.is_believed = True
            changes.began.append(visit)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes the events of one rule of one camera."""

    camera: str
    rule: str

    def event(
        self,
        kind: str,
        visit: Visit,
        end: Moment,
        *,
        start: Moment | None = None,
        zone: str | None = None,
        **attributes: str | float,
    ) -> Event:
        """An event about a visit, from its first sighting (or `start`) until `end`."""
        return Event(
            id=new_event_id(),
            camera=self.camera,
            rule=self.rule,
            kind=kind,
            class_name=visit.class_name,
            track_id=visit.track_id,
            start=start or visit.start,
            end=end,
            score=visit.score,
            box=visit.best_box,
            zone=zone,
            attributes=dict(attributes),
            best_track_id=visit.best_track_id,
        )


def _track(detections: Detections, row: int, otherwise: int) -> int:
    return otherwise if detections.track_id is None else int(detections.track_id[row])


def counted(detections: Detections, options: ObjectOptions) -> Detections:
    """The detections that the options let count: by class and by size."""
    if options.classes:
        detections = detections.of_classes(options.classes)
    if options.minimum_size > 0:
        height = detections.xyxy[:, 3] - detections.xyxy[:, 1]
        detections = detections[height >= options.minimum_size * detections.frame_size[1]]
    return detections


def anchors(detections: Detections, anchor: Literal["foot", "centre"]) -> NDArray[np.float64]:
    """Where the objects are: points (N, 2) in fractions of the frame, kept just inside of its edges.

    A box that is cut off by the frame's lower edge stands on that edge, and zones are drawn up to it.
    """
    xyxy = detections.xyxy.astype(np.float64)
    points = foot_points(xyxy) if anchor == "foot" else (xyxy[:, :2] + xyxy[:, 2:]) / 2
    return np.asarray(np.clip(points / np.array(detections.frame_size), 1e-6, 1 - 1e-6), np.float64)
