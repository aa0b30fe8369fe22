"""From tracked objects to events: what a person would say happened.

A rule is a plugin file with `Options` and
`create(options, *, name, camera, zones, lines) -> Rule`, where `zones` maps names to polygons (K, 2) and `lines`
maps names to polylines (K, 2), both float in fractions of the frame's width and height, 0-1.
A rule that would miss something if the camera fell asleep now has a property `needs_frames` that is true; without it,
nothing is missed: a camera that wakes goes back to before it woke.
`create` raises `ConfigError` when the options name a zone or line that the camera does not have.
"""

from __future__ import annotations

from typing import Protocol

from watchpost.types import Detections, Event, Moment


class Rule(Protocol):
    """One rule of one camera."""

    @property
    def name(self) -> str:
        """The rule's name in the configuration."""

    @property
    def counts(self) -> dict[str, int]:
        """What the rule counts at this moment, by the label that the overlay shows; may be empty."""

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        """The events that this frame's tracked objects (`track_id` set) make certain, without snapshots.

        Camera time does not step back between two calls without a `finish` between them.
        """

    def finish(self, moment: Moment) -> list[Event]:
        """The events owed when the camera ends or its clock restarts (who was there has left)."""
