"""Who really was to be seen: visits in a clip, and in a camera that plays the clip round and round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

LEAST_HEIGHT = 40 / 720
"""A body must be that much of the picture's height, in what is to be seen of it, for a detector to find it ..."""
LEAST_VISIBILITY = 0.5
"""... and show that share of itself."""
LEAST_SEEN_S = 1.0
"""Whoever is that large for less is neither to be found nor wrong to be found."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's stay, in seconds from the clip's first frame or of camera time."""

    enter_s: float
    leave_s: float
    """From the first to after the last frame with a pixel of the person in view."""
    seen_from_s: float | None
    """The first frame in which the person is large and clear enough to be found, `None` for never."""
    seen_s: float
    """For how long in total that is so."""
    is_cut: bool = False
    """The clip begins or ends in the middle of it."""
    known_start_s: float | None = None
    """The start of the report that full decoding makes of it (see `reference`); `None` where it makes none ..."""
    known_s: float | None = None
    """... and when it makes it, if computing took no time."""

    @property
    def is_findable(self) -> bool:
        """Whether a good detector must report it."""
        return self.seen_from_s is not None and self.seen_s >= LEAST_SEEN_S and not self.is_cut

    def later(self, seconds: float) -> Visit:
        """The same at another time."""
        names = ("enter_s", "leave_s", "seen_from_s", "known_start_s", "known_s")
        times = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(self, **{name: value + seconds for name, value in times.items()})


def in_camera(visits: Sequence[Visit], clip_s: float, offset_s: float, until_s: float) -> list[Visit]:
    """The visits of a camera that plays a clip from `offset_s` on, again and again, until camera time `until_s`."""
    rounds = int((until_s + offset_s) // clip_s) + 1
    played = [visit.later(number * clip_s - offset_s) for number in range(rounds) for visit in visits]
    return [visit for visit in played if visit.leave_s > 0 and visit.enter_s < until_s]


def busy_s(visits: Iterable[Visit], begin_s: float, end_s: float) -> float:
    """For how many seconds between two moments somebody is in view."""
    total, reached = 0.0, begin_s
    for visit in sorted(visits, key=lambda each: each.enter_s):
        begin, end = max(visit.enter_s, reached), min(visit.leave_s, end_s)
        if end > begin:
            total, reached = total + end - begin, end
    return total
