"""What is given up, in which order, when there is more to detect than the machine can: declared, told and taken back.

The order is `Level`'s. Recording and decoding are not on the list: nothing here reaches them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from watchpost.clock import Clock
from watchpost.config.detection import LoadOptions
from watchpost.runtime.adaptive import Wish


class Level(IntEnum):
    """Each level keeps what the ones below it have given up."""

    FULL = 0
    """Every camera has the rate that it wishes."""
    QUIET_SLOWER = 1
    """Quiet cameras are analysed at `LoadOptions.slower_fps`."""
    QUIET_SLOWEST = 2
    """Quiet cameras are analysed at `LoadOptions.slowest_fps`."""
    SMALLER_INPUT = 3
    """Models that have a smaller variant run that."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a detector had to do since the last look."""

    wanted: int
    """Frames that were due."""
    dropped: int
    """Those of them that a newer one replaced."""
    busy: float
    """Share of the workers' time in the detector, 0-1."""

    @property
    def dropped_share(self) -> float:
        """Of the wanted frames, 0-1."""
        return self.dropped / self.wanted if self.wanted else 0.0


@dataclass(frozen=True, slots=True)
class LoadChange:
    """A step down or up, with its reason."""

    wall_time_s: float
    before: Level
    after: Level
    load: Load

    def __str__(self) -> str:
        verb = "gives up" if self.after > self.before else "takes back"
        step = max(self.before, self.after).name.lower().replace("_", " ")
        return (
            f"detection {verb} level {max(self.before, self.after):d} ({step}): "
            f"busy {self.load.busy:.0%}, {self.load.dropped_share:.0%} of the wanted frames dropped"
        )


class LoadControl:
    """Says at which level to run, from one look at the load after another. Its methods are called from one thread."""

    def __init__(self, options: LoadOptions, clock: Clock, *, has_smaller: bool = False) -> None:
        self.level = Level.FULL
        self.options = options
        self.has_smaller = has_smaller
        """Whether there is a model with a smaller variant, so that the last level gives anything."""
        self.steps_down = self.steps_up = 0
        """How often something was given up, and taken back."""
        self._clock = clock
        self._overloaded_since_s: float | None = None
        self._relaxed_since_s: float | None = None
        self._risen_at_s = float("-inf")
        self._caution = 1

    def look(self, load: Load) -> LoadChange | None:
        """The change that this load asks for, if it has lasted long enough: at most one level at a time."""
        options, now_s = self.options, self._clock.monotonic_s()
        is_overloaded = load.busy >= options.high_busy and load.dropped_share >= options.high_dropped
        is_relaxed = load.busy <= options.low_busy and load.dropped_share < options.high_dropped
        self._overloaded_since_s = _since(self._overloaded_since_s, is_overloaded, now_s)
        self._relaxed_since_s = _since(self._relaxed_since_s, is_relaxed, now_s)
        top = Level.SMALLER_INPUT if self.has_smaller else Level.QUIET_SLOWEST
        patience_s = options.relaxed_for * self._caution
        if _lasts(self._overloaded_since_s, now_s, options.overloaded_for) and self.level < top:
            if now_s - self._risen_at_s < patience_s:
                self._caution = min(16, self._caution * 2)
            return self._change(Level(self.level + 1), load)
        if _lasts(self._relaxed_since_s, now_s, patience_s) and self.level > Level.FULL:
            self._risen_at_s = now_s
            return self._change(Level(self.level - 1), load)
        if self.level == Level.FULL and now_s - self._risen_at_s >= patience_s:
            self._caution = 1
        return None

    def fps(self, wish: Wish) -> float:
        """The rate of a camera with this wish at the present level."""
        if not wish.is_quiet or self.level == Level.FULL:
            return wish.fps
        options = self.options
        return min(wish.fps, options.slower_fps if self.level == Level.QUIET_SLOWER else options.slowest_fps)

    def _change(self, level: Level, load: Load) -> LoadChange:
        change = LoadChange(self._clock.wall_time_s(), self.level, level, load)
        if level > self.level:
            self.steps_down += 1
        else:
            self.steps_up += 1
        self.level = level
        self._overloaded_since_s = self._relaxed_since_s = None
        return change


def _since(since_s: float | None, holds: bool, now_s: float) -> float | None:
    if not holds:
        return None
    return now_s if since_s is None else since_s


def _lasts(since_s: float | None, now_s: float, span_s: float) -> bool:
    return since_s is not None and now_s - since_s >= span_s
