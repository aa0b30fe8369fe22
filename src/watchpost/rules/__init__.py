"""From tracked objects to events: what a person would say happened."""

from __future__ import annotations

from typing import Protocol

from watchpost.types import Detections, Event, Moment


class Rule(Protocol):
    """One rule of one camera."""

    @property
    def name(self) -> str:
        """The rule's name in the configuration."""

    def update(self, detections: Detections, moment: Moment) -> list[Event]:
        """The events that this frame's tracked objects (`track_id` set) make certain, without snapshots."""

    def finish(self, moment: Moment) -> list[Event]:
        """The events owed when the camera ends or its clock restarts (who was there has left)."""
