"""What one camera has done so far: the figures of the status line, the page and the summary."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from watchpost.clock import Clock
from watchpost.pipeline import Analysed
from watchpost.runtime.delays import DelayCounter

_WINDOW_S: Final = 5.0


@dataclass
class CameraStats:
    """Counts of one camera; written by its two threads, each its own, read by anyone."""

    clock: Clock
    packets: int = 0
    """Packets received."""
    decoded: int = 0
    """Decoded frames, those decoded a second time too."""
    frames: int = 0
    """Analysed frames."""
    detections: int = 0
    """Confirmed objects, summed over frames."""
    tracks: int = 0
    """Different tracks."""
    events: int = 0
    dropped: int = 0
    """Decoded frames that were too late to be analysed."""
    skipped: int = 0
    """Decoded frames that the wanted frame rate did not ask for."""
    damaged: int = 0
    """Decoded frames of which a part was lost on the way."""
    delays: DelayCounter = field(default_factory=DelayCounter)
    """From a frame's arrival to its result."""
    started_s: float = field(init=False)
    _times_s: deque[float] = field(init=False, default_factory=deque)
    _newest_track: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.started_s = self.clock.monotonic_s()

    def note(self, result: Analysed) -> None:
        """Add one analysed frame."""
        now = self.clock.monotonic_s()
        self._times_s.append(now)
        while self._times_s[0] < now - _WINDOW_S:
            self._times_s.popleft()
        if result.frame.is_discontinuous:
            self._newest_track = 0  # the tracker counts from 1 again
        self.frames += 1
        self.delays.add(self.clock.wall_time_s() - result.frame.wall_time_s)
        self.detections += len(result.detections)
        if result.detections.track_id is not None:
            for track in sorted(result.detections.track_id.tolist()):
                if track > self._newest_track:  # numbers rise; a set of all would grow for months
                    self.tracks, self._newest_track = self.tracks + 1, track

    def fps(self) -> float:
        """Analysed frames per second over the last five seconds (or since the start, if that is shorter)."""
        now = self.clock.monotonic_s()
        span = min(_WINDOW_S, now - self.started_s)
        recent = sum(1 for time_s in list(self._times_s) if time_s >= now - _WINDOW_S)
        return recent / span if span > 0 else 0.0

    def mean_fps(self) -> float:
        """Analysed frames per second since the start."""
        elapsed = self.clock.monotonic_s() - self.started_s
        return self.frames / elapsed if elapsed > 0 else 0.0
