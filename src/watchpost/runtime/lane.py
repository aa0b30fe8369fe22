"""A model that cameras share, and those of them that have a frame for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchpost.detectors import Detector
from watchpost.runtime.fairness import FairTurns
from watchpost.runtime.seat import Seat


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

    def detector_for(self, *, is_small: bool) -> Detector:
        """The detector, or the smaller one where it is wanted and there is one."""
        return self.smaller if is_small and self.smaller is not None else self.detector


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

    def due_s(self, now_s: float) -> float | None:
        """When the next batch goes, `None` while there is nothing for it."""
        ready = len(self.since_s)
        if not ready:
            return None
        if ready >= min(self.served.batch, self.seats):  # full, or nobody is left to wait for
            return now_s
        return next(iter(self.since_s.values())) + self.served.fill_s
