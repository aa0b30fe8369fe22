"""Where events are sent. A sink that is slow or down queues on disk; it never slows a camera.

A sink is a plugin file with `Options` and `create(options, clock=None) -> Sink` (without a clock: this machine's).
"""

from __future__ import annotations

from typing import Protocol

from watchpost.types import Event


class Sink(Protocol):
    """A receiver of events."""

    @property
    def name(self) -> str:
        """How logs and metrics call it; no credentials."""

    @property
    def counts(self) -> dict[str, int]:
        """What became of the events so far: `sent`, `dropped` (no room to queue), `refused`, and `waiting` now."""

    def send(self, event: Event) -> None:
        """Take the event; returns at once, delivery goes on in the background.

        Raises `WatchpostError` when the event can not be kept for delivery.
        """

    def close(self, timeout_s: float = 5.0) -> None:
        """Try to deliver what is queued for `timeout_s`; what remains stays on disk for the next start."""
