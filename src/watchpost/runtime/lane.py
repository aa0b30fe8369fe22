"""A model that cameras share, and those of them that have a frame for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from watchpost.detectors import Detector
from watchpost.runtime.fairness import FairTurns
from watchpost.runtime.seat import Seat
from watchpost.types import Detections, Frame

Outcome = Detections | Exception


@dataclass(frozen=True, slots=True)
class Served:
    """A model that cameras share."""

    detector: Detector
    batch: int = 1
    """Most frames a call."""
    fill_s: float = 0.0
    """How long a frame may wait for others to fill the batch, in seconds."""
    share: float = 1.0
    """Its share of the workers' time, against that of the other models, when all have more to do than fits."""
    smaller: Detector | None = None
    """The same classes with a smaller input, for when there is too much to do."""
    is_accelerated: bool = False
    """It runs on an accelerator, which takes batches and few calls at once."""

    def detector_for(self, *, is_small: bool) -> Detector:
        """The detector, or the smaller one where it is wanted and there is one."""
        return self.smaller if is_small and self.smaller is not None else self.detector


@dataclass(slots=True)
class LaneCounts:
    """What a model has done."""

    calls: int = 0
    """That returned, or were given up."""
    frames: int = 0
    """In them."""
    failed: int = 0
    """Frames without a result."""
    hangs: int = 0
    """Calls that were given up."""
    busy_s: float = 0.0
    """In calls, the workers' times added up."""

    def __add__(self, other: LaneCounts) -> LaneCounts:
        return LaneCounts(
            self.calls + other.calls,
            self.frames + other.frames,
            self.failed + other.failed,
            self.hangs + other.hangs,
            self.busy_s + other.busy_s,
        )


@dataclass(slots=True, eq=False)
class Lane:
    """A model, its cameras, and those of them that have a frame."""

    name: str
    served: Served
    turns: FairTurns[Seat] = field(default_factory=FairTurns)
    since_s: dict[Seat, float] = field(default_factory=dict)
    """When those with a frame got it, the oldest first."""
    seats: int = 0
    calls: int = 0
    """Calls of its detector that have not returned."""
    counts: LaneCounts = field(default_factory=LaneCounts)
    failures: int = 0
    """Calls in a row in which every frame failed."""
    is_out: bool = False
    """Its detector hangs or fails; it gets nothing to do until it is opened anew."""

    def due_s(self, now_s: float) -> float | None:
        """When the next batch goes, `None` while there is nothing for it."""
        ready = len(self.since_s)
        if not ready or self.is_out:
            return None
        if ready >= min(self.served.batch, self.seats):  # full, or nobody is left to wait for
            return now_s
        return next(iter(self.since_s.values())) + self.served.fill_s

    def note(self, outcomes: Sequence[Outcome], busy_s: float) -> None:
        """Count a call."""
        failed = sum(isinstance(outcome, Exception) for outcome in outcomes)
        self.failures = self.failures + 1 if failed == len(outcomes) else 0
        self.counts.calls += 1
        self.counts.frames += len(outcomes)
        self.counts.failed += failed
        self.counts.busy_s += busy_s


def detect(detector: Detector, frames: list[Frame]) -> list[Outcome]:
    """What is found in each frame; after an error each is tried alone: it costs none but those that cause it."""
    try:
        found = detector.detect(frames)
        if len(found) != len(frames):
            raise RuntimeError(f"{detector.name} returned {len(found)} results for {len(frames)} frames")
    except Exception as error:
        return [error] if len(frames) == 1 else [detect(detector, [frame])[0] for frame in frames]
    return [*found]
