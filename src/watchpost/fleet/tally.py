"""What one camera's way through an approach has done; cheap enough to count every packet."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from watchpost.types import Event


@dataclass(slots=True)
class Tally:
    """Counts since the start. Each field is written by one thread at a time."""

    packets: int = 0
    """Read."""
    late: int = 0
    """Of these, read much later than they were due."""
    decoded: int = 0
    """Frames."""
    asked: int = 0
    """Frames that the approach's own rules wanted analysed."""
    analysed: int = 0
    dropped: int = 0
    """Frames that were wanted and given up."""
    lags_s: list[float] = field(default_factory=list)
    """From capture to result, for each frame analysed as it came (not for those fetched from the past)."""
    events: list[tuple[float, Event]] = field(default_factory=list)
    """With the moment, on `time.monotonic`, at which each was known."""

    def note_analysed(self, captured_s: float, *, is_backlog: bool = False) -> None:
        """A frame has its result now; `is_backlog` for one that an approach fetched from the past on purpose."""
        self.analysed += 1
        if not is_backlog:
            self.lags_s.append(time.monotonic() - captured_s)

    def note_events(self, events: Iterable[Event]) -> None:
        """These are known now."""
        now_s = time.monotonic()
        self.events += [(now_s, event) for event in events]

    def counts(self) -> dict[str, int]:
        """The counts now."""
        return {
            "packets": self.packets,
            "late": self.late,
            "decoded": self.decoded,
            "asked": self.asked,
            "analysed": self.analysed,
            "dropped": self.dropped,
        }
