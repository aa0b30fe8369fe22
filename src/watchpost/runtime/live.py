"""What is going on now: pipelines publish here, viewers read here, and no viewer ever slows a camera."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from watchpost.clock import Clock
from watchpost.picture import encode_jpeg
from watchpost.telemetry import redacted
from watchpost.types import Detections, Event, Frame
from watchpost.video.blindness import Blindness
from watchpost.video.draw import Overlay
from watchpost.video.gate import Gate

CameraState = Literal["connecting", "live", "blind", "reconnecting", "ended", "failed"]

_RATE_WINDOW_S: Final = 5.0
_RATE_SAMPLES: Final = 256
_CACHED_WIDTHS: Final = 4
_JPEG_QUALITY: Final = 80
_BLIND: Final[dict[Blindness, str]] = {
    "dark": "The picture is dark all over.",
    "covered": "The picture is of one grey all over: the lens is covered, or there is nothing to see.",
    "frozen": "The picture has not changed at all for minutes.",
}


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera as a page shows it."""

    name: str
    state: CameraState
    detail: str
    """What went wrong, without credentials; empty while all is well."""
    fps: float
    """Analysed frames per second over the last 5 s."""
    width: int
    height: int
    """Pixels of the newest frame, 0 before the first."""
    dropped: int
    """Frames that came too late to be analysed."""
    detections: int
    """Objects in the newest frame."""
    delay_s: float | None
    """From the arrival of the newest frame until now; `None` before the first."""
    gate: str | None
    """What the camera's gate does: `asleep`, `awake`, `open`, `heavy`; `None` where there is none."""
    gate_reason: str | None
    """Why it does so, as a key: `quiet`, `picture`, ..."""
    blindness: Blindness | None = None
    """What is wrong with the picture of a camera that is `blind`: packets come, and nothing can be seen."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    sequence: int
    frame: Frame
    detections: Detections
    counts: Mapping[str, int]
    dropped: int


@dataclass(eq=False)
class _Camera:
    overlay: Overlay
    gate: Callable[[], Gate | None]
    sight: Callable[[], Blindness | None]
    state: CameraState = "connecting"
    detail: str = ""
    newest: _Shown | None = None
    times_s: deque[float] = field(default_factory=lambda: deque(maxlen=_RATE_SAMPLES))
    rendering: threading.Lock = field(default_factory=threading.Lock)
    jpegs: OrderedDict[int, tuple[int, bytes]] = field(default_factory=OrderedDict)
    """By width: the sequence number and its JPEG. Guarded by `rendering`."""


class LiveHub:
    """The newest frame of each camera and the last events. All methods may be called from any thread.

    Publishing stores references and costs microseconds; pictures are drawn and encoded only when a viewer asks,
    and once however many ask for the same.
    """

    def __init__(self, clock: Clock, *, max_events: int = 200) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera] = {}
        self._events: deque[Event] = deque(maxlen=max_events)

    def add(
        self,
        camera: str,
        zones: Mapping[str, NDArray[np.floating]] | None = None,
        lines: Mapping[str, NDArray[np.floating]] | None = None,
        gate: Callable[[], Gate | None] = lambda: None,
        sight: Callable[[], Blindness | None] = lambda: None,
    ) -> None:
        """Make a camera known before its first frame, with the zones and lines to draw (see `Overlay`), its gate, and
        what is wrong with its picture.

        Adding it again replaces them.
        """
        with self._lock:
            self._cameras[camera] = _Camera(Overlay(zones, lines), gate, sight)

    def remove(self, camera: str) -> None:
        """Forget a camera; its events stay."""
        with self._lock:
            self._cameras.pop(camera, None)

    def set_state(self, camera: str, state: CameraState, detail: str = "") -> None:
        """Note how a camera is; `detail` says what went wrong (credentials in it are hidden)."""
        with self._lock:
            entry = self._known(camera)
            entry.state, entry.detail = state, redacted(detail)

    def publish(
        self,
        camera: str,
        frame: Frame,
        detections: Detections,
        counts: Mapping[str, int] | None = None,
        *,
        dropped: int = 0,
    ) -> None:
        """Show this frame from now on; the camera is live. `dropped` counts the frames that came too late."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            entry = self._known(camera)
            sequence = 1 if entry.newest is None else entry.newest.sequence + 1
            entry.newest = _Shown(sequence, frame, detections, dict(counts or {}), dropped)
            entry.times_s.append(now_s)
            entry.state, entry.detail = "live", ""
        entry.overlay.observe(frame, detections)

    def look(self, frame: Frame) -> None:
        """Show a frame of a camera that sleeps; nothing is known of what is in it."""
        with self._lock:
            entry = self._known(frame.camera)
            before = entry.newest
            nothing = Detections.empty(frame.size)
            counts, dropped = ({}, 0) if before is None else (before.counts, before.dropped)
            entry.newest = _Shown(1 if before is None else before.sequence + 1, frame, nothing, counts, dropped)
            entry.state, entry.detail = "live", ""

    def cameras(self) -> list[CameraStatus]:
        """All cameras, in the order in which they were added."""
        now_s, wall_time_s = self._clock.monotonic_s(), self._clock.wall_time_s()
        with self._lock:
            return [_status(name, entry, now_s, wall_time_s) for name, entry in self._cameras.items()]

    def status(self, camera: str) -> CameraStatus | None:
        """One camera, `None` for one that is not known."""
        now_s, wall_time_s = self._clock.monotonic_s(), self._clock.wall_time_s()
        with self._lock:
            entry = self._cameras.get(camera)
            return None if entry is None else _status(camera, entry, now_s, wall_time_s)

    def sequence(self, camera: str) -> int | None:
        """The number of a camera's newest frame, 0 before the first, `None` for a camera that is not known."""
        with self._lock:
            entry = self._cameras.get(camera)
            if entry is None:
                return None
            return 0 if entry.newest is None else entry.newest.sequence

    def newest(self, camera: str) -> Frame | None:
        """A camera's newest frame; `None` before the first, and of cameras of other processes."""
        with self._lock:
            entry = self._cameras.get(camera)
            return None if entry is None or entry.newest is None else entry.newest.frame

    def jpeg(self, camera: str, max_width: int = 1280) -> tuple[int, bytes] | None:
        """The newest frame, drawn at most `max_width` pixels wide: its sequence number and the JPEG's bytes.

        `None` before the first frame and for a camera that is not known.
        """
        with self._lock:
            entry = self._cameras.get(camera)
        if entry is None:
            return None
        with entry.rendering:
            shown = entry.newest
            if shown is None:
                return None
            cached = entry.jpegs.get(max_width)
            if cached is None or cached[0] != shown.sequence:
                cached = shown.sequence, _render(shown, entry.overlay, max_width)
                entry.jpegs[max_width] = cached
            entry.jpegs.move_to_end(max_width)
            if len(entry.jpegs) > _CACHED_WIDTHS:
                entry.jpegs.popitem(last=False)
            return cached

    def add_event(self, event: Event) -> None:
        """Show an event."""
        with self._lock:
            self._events.append(event)

    def events(self, after_id: str | None = None) -> list[Event]:
        """The events since `after_id`, oldest first; all that are kept where that one is not among them."""
        with self._lock:
            newer = list(takewhile(lambda event: event.id != after_id, reversed(self._events)))
        return newer[::-1]

    def event(self, event_id: str) -> Event | None:
        """One of the kept events."""
        with self._lock:
            return next((event for event in self._events if event.id == event_id), None)

    def _known(self, camera: str) -> _Camera:
        if camera not in self._cameras:
            self._cameras[camera] = _Camera(Overlay(), lambda: None, lambda: None)
        return self._cameras[camera]


def _status(name: str, entry: _Camera, now_s: float, wall_time_s: float) -> CameraStatus:
    recent = [time_s for time_s in entry.times_s if time_s > now_s - _RATE_WINDOW_S]
    span_s = now_s - recent[0] if recent else 0.0
    shown, gate = entry.newest, entry.gate()
    blindness = entry.sight() if entry.state == "live" else None
    width, height = shown.frame.size if shown else (0, 0)
    return CameraStatus(
        name=name,
        state="blind" if blindness else entry.state,
        detail=_BLIND[blindness] if blindness else entry.detail,
        fps=(len(recent) - 1) / span_s if span_s > 0 else 0.0,
        width=width,
        height=height,
        dropped=shown.dropped if shown else 0,
        detections=len(shown.detections) if shown else 0,
        delay_s=max(0.0, wall_time_s - shown.frame.wall_time_s) if shown else None,
        gate=gate.state.value if gate else None,
        gate_reason=gate.reason.name.lower() if gate else None,
        blindness=blindness,
    )


def _render(shown: _Shown, overlay: Overlay, max_width: int) -> bytes:
    """Scaled first, drawn then: what is drawn stays crisp, and little is drawn."""
    width, height = shown.frame.size
    if width > max_width:
        height = max(1, round(height * max_width / width))
        picture = shown.frame.picture.resized(max_width, height)
    else:
        picture = shown.frame.picture.bgr()
    return encode_jpeg(overlay.draw(picture, shown.detections, shown.counts), _JPEG_QUALITY)
