"""Who is in a zone: `entered`, `exited`, and `dwelt` when somebody stays for long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from watchpost.geometry import points_in_polygon
from watchpost.options import Seconds
from watchpost.rules._identity import Relinker
from watchpost.rules._options import ObjectOptions, named_area
from watchpost.rules._visits import Reporter, Visit, Visits, anchors, counted
from watchpost.types import Detections, Event, Moment


class Options(ObjectOptions):
    """Visits to one zone. `confirm` and `patience` keep somebody at its edge from entering again and again."""

    zone: str
    """The zone's name."""
    dwell: Seconds | None = None
    """Report `dwelt`, once a visit, when somebody has stayed for this long; without it, never."""
    anchor: Literal["foot", "centre"] = "foot"
    """The point of the box that is in the zone or not: the middle of its lower edge, or its centre."""


class Zone:
    """Reports visits to the zone as `Presence` does those to the picture.

    `entered.start`, `dwelt.start` and `exited.start` are the first detection in the zone, `exited.end` the last.
    """

    def __init__(self, options: Options, polygon: NDArray[np.float64], name: str, camera: str) -> None:
        self.name = name
        self._options = options
        self._polygon = polygon
        self._report = Reporter(camera, name)
        self._relinker = Relinker(options.patience)
        self._visits = Visits(options)
        self._dwelt: set[int] = set()

    @property
    def counts(self) -> dict[str, int]:
        """How many objects are in the zone, by its name."""
        return {self._options.zone: len(self._visits.present)}

    @property
    def needs_frames(self) -> bool:
        """While somebody is in a zone where it counts how long: who is hidden for a moment has not left."""
        return self._options.dwell is not None and bool(self._visits.present)

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        """The events that this frame makes certain."""
        detections = counted(detections, self._options)
        # identities are mended before the zone is looked at: who stepped out of it is not lost
        numbers = self._relinker.update(detections, moment.camera_time_s)
        is_inside = points_in_polygon(anchors(detections, self._options.anchor), self._polygon)
        changes = self._visits.update(detections[is_inside], numbers[is_inside], moment)
        zone = self._options.zone
        return [
            *self._exited(changes.ended),
            *(self._report.event("entered", visit, moment, zone=zone) for visit in changes.began),
            *self._dwelling(moment),
        ]

    def finish(self, moment: Moment) -> list[Event]:  # noqa: ARG002  they left when they were seen last
        """Whoever was in the zone has left it."""
        self._relinker.reset()
        return self._exited(self._visits.finish())

    def _exited(self, ended: list[Visit]) -> list[Event]:
        self._dwelt -= {visit.number for visit in ended}
        return [
            self._report.event("exited", visit, visit.last, zone=self._options.zone, dwell_s=round(visit.duration_s, 3))
            for visit in ended
        ]

    def _dwelling(self, moment: Moment) -> list[Event]:
        if self._options.dwell is None:
            return []
        stayed = [
            visit
            for visit in self._visits.present
            if visit.duration_s >= self._options.dwell and visit.number not in self._dwelt
        ]
        self._dwelt |= {visit.number for visit in stayed}
        return [
            self._report.event("dwelt", visit, moment, zone=self._options.zone, dwell_s=round(visit.duration_s, 3))
            for visit in stayed
        ]


def create(
    options: Options,
    *,
    name: str,
    camera: str,
    zones: Mapping[str, NDArray[np.floating]],
    lines: Mapping[str, NDArray[np.floating]],  # noqa: ARG001  every rule is created alike
) -> Zone:
    """The rule for one camera. Raises `ConfigError` when the camera has no such zone."""
    return Zone(options, named_area("zone", options.zone, zones, rule=name, camera=camera), name, camera)
