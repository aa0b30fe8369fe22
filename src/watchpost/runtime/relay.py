"""The live hub of a server whose cameras run in worker processes: what the workers tell, for the same viewers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from watchpost.clock import Clock
from watchpost.runtime.live import CameraState, CameraStatus, LiveHub
from watchpost.telemetry import redacted

WATCHED_FOR_S: Final = 4.0
"""How long a worker sends pictures after somebody asked for one."""
_ASK_EVERY_S: Final = 1.0
_TOLD_EVERY_S: Final = 1.5
"""A worker reports once a second."""
_FIRST_PICTURE_S: Final = 2.0
_NEXT_PICTURE_S: Final = 0.2


@dataclass(slots=True)
class _Watched:
    """A camera's picture at one width."""

    asked_s: float
    """When a viewer asked for it last."""
    told_s: float
    """When the worker was told so last."""
    sequence: int = 0
    jpeg: bytes | None = None


@dataclass(slots=True)
class _View:
    """A camera of a worker."""

    status: CameraStatus
    told_s: float
    """When the status was true."""
    sequence: int = 0
    watched: dict[int, _Watched] = field(default_factory=dict)
    """By width."""


class RelayedHub(LiveHub):
    """Shows cameras of other processes. `on_watch` is called with camera and width about once a second while
    somebody looks at it, and is to have its worker send pictures for `WATCHED_FOR_S`."""

    def __init__(self, clock: Clock, *, max_events: int = 200) -> None:
        super().__init__(clock, max_events=max_events)
        self.on_watch: Callable[[str, int], None] = lambda _camera, _width: None
        self._now_s = clock.monotonic_s
        self._views: dict[str, _View] = {}
        self._news = threading.Condition()

    def expect(self, cameras: Iterable[str]) -> None:
        """Show these cameras, in this order, and no others."""
        with self._news:
            now_s = self._now_s()
            self._views = {name: self._views.get(name) or _View(_unknown(name), now_s) for name in cameras}

    def report(self, status: CameraStatus, sequence: int) -> None:
        """Take in what a worker says of a camera; `sequence` is the number of its newest frame."""
        with self._news:
            if (view := self._views.get(status.name)) is not None:
                view.status, view.told_s, view.sequence = status, self._now_s(), sequence

    def restart(self, camera: str, state: CameraState, detail: str = "") -> None:
        """The camera's worker is gone or new: nothing is known but this, and frames count from 1 again."""
        with self._news:
            if camera in self._views:
                status = replace(_unknown(camera), state=state, detail=redacted(detail))
                self._views[camera] = _View(status, self._now_s())
                self._news.notify_all()

    def picture(self, camera: str, width: int, sequence: int, jpeg: bytes) -> None:
        """Take in a drawn picture that was asked for."""
        with self._news:
            view = self._views.get(camera)
            watched = None if view is None else view.watched.get(width)
            if watched is not None:
                watched.sequence, watched.jpeg = sequence, jpeg
                self._news.notify_all()

    def cameras(self) -> list[CameraStatus]:
        """All cameras, in the order of the configuration."""
        with self._news:
            now_s = self._now_s()
            return [_as_of(view, now_s) for view in self._views.values()]

    def status(self, camera: str) -> CameraStatus | None:
        """One camera, `None` for one that is not known."""
        with self._news:
            view = self._views.get(camera)
            return None if view is None else _as_of(view, self._now_s())

    def sequence(self, camera: str) -> int | None:
        """The number of a camera's newest frame that is known here, 0 before the first, `None` for no such camera."""
        with self._news:
            view = self._views.get(camera)
            if view is None:
                return None
            shown = [watched.sequence for watched in self._fresh(view).values() if watched.jpeg is not None]
            return max(shown, default=view.sequence)

    def jpeg(self, camera: str, max_width: int = 1280) -> tuple[int, bytes] | None:
        """The newest frame, drawn by its worker: its sequence number and the JPEG's bytes.

        Waits for up to 2 s for the first one. `None` before the first frame, for a camera that is not known, and
        where the worker does not send it.
        """
        with self._news:
            view = self._views.get(camera)
            if view is None or not view.sequence:
                return None
            now_s = self._now_s()
            watched = self._fresh(view).get(max_width)
            must_tell = watched is None or now_s - watched.told_s >= _ASK_EVERY_S
            if watched is None:
                watched = view.watched[max_width] = _Watched(now_s, now_s)
            watched.asked_s = now_s
            if must_tell:
                watched.told_s = now_s
        if must_tell:
            self.on_watch(camera, max_width)
        with self._news:
            wanted = max((other.sequence for other in view.watched.values()), default=0)
            self._news.wait_for(
                lambda: (
                    (watched.jpeg is not None and watched.sequence >= wanted) or self._views.get(camera) is not view
                ),
                _FIRST_PICTURE_S if watched.jpeg is None else _NEXT_PICTURE_S,
            )
            return None if watched.jpeg is None else (watched.sequence, watched.jpeg)

    def _fresh(self, view: _View) -> dict[int, _Watched]:
        """What is still sent; a picture that nobody asked for lately is old, and forgotten."""
        oldest_s = self._now_s() - WATCHED_FOR_S
        view.watched = {width: each for width, each in view.watched.items() if each.asked_s >= oldest_s}
        return view.watched


def _as_of(view: _View, now_s: float) -> CameraStatus:
    """The status; one that should have been told anew by now is as late as that."""
    late_s = max(0.0, now_s - view.told_s - _TOLD_EVERY_S)
    status = view.status
    return status if status.delay_s is None else replace(status, delay_s=status.delay_s + late_s)


def _unknown(name: str) -> CameraStatus:
    return CameraStatus(
        name=name,
        state="connecting",
        detail="",
        fps=0.0,
        width=0,
        height=0,
        dropped=0,
        detections=0,
        delay_s=None,
        gate=None,
        gate_reason=None,
    )
