"""Watches how the cameras are: changes go into the history, and a camera that shows nothing is told as an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from watchpost.clock import Clock
from watchpost.runtime.history.states import SEEING, StateHistory
from watchpost.runtime.live import CameraStatus
from watchpost.runtime.system_events import camera_blind, camera_seen_again
from watchpost.types import Event

PATIENCE_S: Final = 15.0
"""So long a camera may show nothing before that is told: most reconnect within it."""
FIRST_PATIENCE_S: Final = 60.0
"""The same for a camera that has not been seen yet: a server that starts connects to all at once, and loads models."""
_TRYING: Final = frozenset({"reconnecting", "failed"})
"""States in which a camera connects again and again: each attempt is not another state."""


@dataclass(slots=True)
class _Watched:
    """A camera as it was at the last look."""

    state: str
    reason: str
    unseen_since_s: float | None = None
    """Wall time since which it has shown nothing."""
    unseen_for_s: float = 0.0
    """Monotonic time of the same."""
    is_told: bool = False
    was_seen: bool = False


class CameraWatch:
    """`look` is called every few seconds, from one thread, with all cameras."""

    def __init__(self, clock: Clock, on_event: Callable[[Event], None]) -> None:
        self._clock = clock
        self._on_event = on_event
        self._cameras: dict[str, _Watched] = {}

    def look(self, statuses: Sequence[CameraStatus], states: StateHistory | None) -> None:
        """Take in how the cameras are. Raises `WatchpostError` where the history can not be written."""
        now_s = self._clock.wall_time_s()
        there = {status.name for status in statuses}
        gone = self._cameras.keys() - there
        for name in gone:
            del self._cameras[name]
        changed = [status for status in statuses if self._note(status, now_s)]
        for status in statuses:
            self._judge(status, now_s)
        if states is not None:
            if gone:
                states.end(gone, now_s)
            for status in changed:
                watched = self._cameras[status.name]
                states.begin(status.name, now_s, watched.state, watched.reason)

    def resume(self, states: StateHistory) -> None:
        """The history has just been opened: what holds now begins in it."""
        now_s = self._clock.wall_time_s()
        states.resume()
        for name, watched in self._cameras.items():
            states.begin(name, now_s, watched.state, watched.reason)

    def _note(self, status: CameraStatus, now_s: float) -> bool:
        """Whether the camera is in another state than before."""
        before = self._cameras.get(status.name)
        state, reason = status.state, status.blindness or status.detail
        if before is None:
            self._cameras[status.name] = _Watched(state, reason)
        elif state == "connecting" and before.state in _TRYING:
            return False
        elif state != before.state or (state == "blind" and reason != before.reason):
            before.state, before.reason = state, reason
        else:
            return False
        watched = self._cameras[status.name]
        if state in (SEEING, "ended"):
            self._see_again(status.name, watched, now_s)
        elif watched.unseen_since_s is None:
            watched.unseen_since_s, watched.unseen_for_s = now_s, self._clock.monotonic_s()
        return True

    def _see_again(self, name: str, watched: _Watched, now_s: float) -> None:
        if watched.unseen_since_s is not None and watched.is_told:
            self._on_event(camera_seen_again(name, now_s, self._clock.monotonic_s() - watched.unseen_for_s))
        watched.unseen_since_s, watched.is_told, watched.was_seen = None, False, True

    def _judge(self, status: CameraStatus, now_s: float) -> None:
        watched = self._cameras[status.name]
        if watched.unseen_since_s is None or watched.is_told:
            return
        patience_s = PATIENCE_S if watched.was_seen else FIRST_PATIENCE_S
        if self._clock.monotonic_s() - watched.unseen_for_s >= patience_s:
            watched.is_told = True
            reason = watched.reason or status.detail
            self._on_event(camera_blind(status.name, watched.unseen_since_s, now_s, watched.state, reason))
