"""All runs at one activity of the cameras, and what they say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from watchpost.fleet import growth
from watchpost.fleet.clips import Clip
from watchpost.fleet.outcome import Outcome
from watchpost.fleet.scoring import Score
from watchpost.fleet.search import Search


@dataclass(slots=True)
class Series:
    """Runs with the same streams; `outcomes` grows while they go on."""

    activity: float | None
    """Share of the time with somebody in view that was asked for, 0-1; `None` for videos of the user's."""
    clips: Sequence[Clip]
    full_decode: Score | None = None
    """What full decoding finds in the streams; `None` where nobody looked."""
    outcomes: list[Outcome] = field(default_factory=list)
    is_finished: bool = False

    @property
    def name(self) -> str:
        """For headings."""
        return "your videos" if self.activity is None else f"{100 * self.activity:g} % active"

    @property
    def sustained(self) -> int:
        """The largest number of cameras that held, below which none broke; 0 for none."""
        return self._votes().best

    @property
    def limit(self) -> tuple[int, str] | None:
        """The smallest number of cameras that broke, and what broke there; `None` where nothing has."""
        broken = self._votes().broken
        if broken is None:
            return None
        reasons = Counter(each.broken for each in self.outcomes if each.cameras == broken and each.broken)
        return broken, str(reasons.most_common(1)[0][0])

    @property
    def best(self) -> list[Outcome]:
        """The runs with the number of cameras that is sustained."""
        sustained = self.sustained
        return [each for each in self.outcomes if each.cameras == sustained]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        limit = self.limit
        lines = {"memory_mb": growth.memory(self.outcomes), "cpu_ms_a_second": growth.cpu(self.outcomes)}
        return {
            "activity": self.activity,
            "is_finished": self.is_finished,
            "streams": {
                "count": len(self.clips),
                "seconds": self.clips[0].seconds,
                "fps": self.clips[0].fps,
                "gop_s": self.clips[0].gop_s,
                "mbit_s": self.mbit_s,
                "visits_to_find": self.visits_to_find,
                "of_these_full_decode_finds": None if self.full_decode is None else self.full_decode.found,
            },
            "cameras_sustained": self.sustained,
            "limit": None if limit is None else {"cameras": limit[0], "broke": limit[1]},
            "growth": {
                name: None
                if line is None
                else {
                    "per_camera": line.per_camera,
                    "constant": line.constant,
                    "r2": line.r2,
                    "runs": line.runs,
                }
                for name, line in lines.items()
            },
            "runs": [each.as_dict() for each in self.outcomes],
        }

    @property
    def mbit_s(self) -> float:
        """Of a stream, on average."""
        return sum(clip.bit_rate for clip in self.clips) / len(self.clips) / 1e6

    @property
    def visits_to_find(self) -> int | None:
        """In the streams, each played once; `None` where the truth is not known."""
        if any(clip.visits is None for clip in self.clips):
            return None
        return sum(visit.is_findable for clip in self.clips for visit in clip.visits or ())

    def _votes(self) -> Search:
        votes = Search(1, 1)
        for each in self.outcomes:
            votes.report(each.cameras, each.broken is None)
        return votes
