"""What a run was worth: did the machine keep up, and were the events right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from watchpost.fleet.cameras import FleetCamera, activity
from watchpost.fleet.job import Happening, Job, Measured
from watchpost.fleet.scoring import Reported, Score, percentiles, score
from watchpost.fleet.visits import Visit

_IN_FLIGHT = 2
"""Frames that may have been wanted and not have had their turn when the measured time ends: in short runs, a share."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What breaks a number of cameras."""

    least_rate: float = 0.95
    """Share of the due packets that must be read, and of the wanted frames that must be analysed."""
    most_lag_s: float = 1.0
    """95th percentile of the time from a frame's capture to its result."""

    def broken(self, measured: Measured) -> str | None:
        """The first limit that a run broke, in words; `None` for a sustained run."""
        if measured.error is not None:
            return measured.error
        if measured.packets < self.least_rate * measured.packets_due:
            return f"read {_share(measured.packets, measured.packets_due)} of the packets"
        if measured.analysed < self.least_rate * measured.asked - _IN_FLIGHT:
            return f"analysed {_share(measured.analysed, measured.asked)} of the wanted frames"
        lags = percentiles(measured.lags_s)
        if lags is not None and lags[1] > self.most_lag_s:
            return f"p95 lag {lags[1]:.1f} s"
        if lags is None and measured.late > (1 - self.least_rate) * measured.packets_due:
            return f"read {_share(measured.late, measured.packets_due)} of the packets late"
        return None


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run of an approach, judged."""

    approach: str
    cameras: int
    measured: Measured
    broken: str | None
    """The limit that broke, `None` for sustained."""
    score: Score | None
    activity: float | None
    """Share of the cameras' measured time with somebody in view; `None`, as the score, where that is not known."""
    event_delays_s: tuple[float, ...] = field(default=(), repr=False)
    """From the capture of the frame that decided it to the `appeared` event, for each within the measured time."""

    @property
    def cpu_share(self) -> float:
        """Share of the machine's processor that the approach took, 0-1."""
        return self.measured.cpu_s / (self.measured.seconds * self.measured.cores) if self.measured.seconds else 1.0

    @property
    def others_share(self) -> float:
        """Share of the processor, of the cores to use, that the rest of the machine took meanwhile, 0-1."""
        measured = self.measured
        return measured.others_cpu_s / (measured.seconds * measured.cores) if measured.seconds else 0.0

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of a core that a camera takes each second."""
        return 1e3 * self.measured.cpu_s / self.measured.seconds / self.cameras if self.measured.seconds else 0.0

    @property
    def memory_mb(self) -> float:
        """Resident memory beyond the empty process."""
        return max(0.0, self.measured.rss_mb - self.measured.rss_empty_mb)

    @property
    def dropped_share(self) -> float:
        """Share of the wanted frames that were given up, 0-1."""
        return self.measured.dropped / self.measured.asked if self.measured.asked else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the figures, lists of single values as percentiles."""
        values = asdict(self.measured)
        lags = percentiles(values.pop("lags_s"))
        del values["happenings"]
        result: dict[str, Any] = {
            "approach": self.approach,
            "cameras": self.cameras,
            "broken": self.broken,
            "activity": self.activity,
            **values,
            "others_share": self.others_share,
            "lag_p50_p95_p99_s": lags,
            "capture_to_event_p50_p95_p99_s": percentiles(self.event_delays_s),
        }
        if self.score is not None:
            result["events"] = {
                "expected": self.score.expected,
                "found": self.score.found,
                "known": self.score.known,
                "known_found": self.score.known_found,
                "duplicates": self.score.duplicates,
                "false": self.score.false,
                "recall": self.score.recall,
                "recall_of_full_decode": self.score.known_recall,
                "precision": self.score.precision,
                "delay_p50_p95_p99_s": percentiles(self.score.delays_s),
                "start_error_p50_p95_p99_s": percentiles([abs(error) for error in self.score.start_errors_s]),
                "later_than_full_decode_p50_p95_p99_s": percentiles(self.score.extra_delays_s),
                "start_off_full_decode_p50_p95_p99_s": percentiles([abs(each) for each in self.score.start_shifts_s]),
            }
        return result


def judge(job: Job, measured: Measured, limits: Limits, truth: Sequence[Sequence[Visit]] | None) -> Outcome:
    """Judge a run against what was really to be seen by each of the job's cameras (`None`: not known)."""
    total, share = None, None
    begin_s, end_s = job.warm_s, job.warm_s + measured.seconds
    delays_s = tuple(
        each.known_s - each.end_s
        for each in measured.happenings
        if each.kind == "appeared" and begin_s <= each.known_s + job.cameras[each.camera].phase_s <= end_s
    )
    if truth is not None and measured.seconds > 0:
        total = Score()
        for number, (camera, visits) in enumerate(zip(job.cameras, truth, strict=True)):
            mine = [each for each in measured.happenings if each.camera == number]
            total += _score(camera, visits, mine, begin_s, end_s)
        share = activity(truth, begin_s, end_s)
    return Outcome(job.name, len(job.cameras), measured, limits.broken(measured), total, share, delays_s)


def _score(
    camera: FleetCamera, visits: Sequence[Visit], happenings: Sequence[Happening], begin_s: float, end_s: float
) -> Score:
    begin_s, end_s = begin_s - camera.phase_s, end_s - camera.phase_s
    return score(visits, reports(happenings, end_s), begin_s, end_s)


def reports(happenings: Sequence[Happening], until_s: float) -> list[Reported]:
    """One camera's `appeared` events, each with its `left` where that has come."""
    ends = {(each.track_id, each.start_s): each.end_s for each in happenings if each.kind == "left"}
    return [
        Reported(each.start_s, ends.get((each.track_id, each.start_s), until_s), each.known_s)
        for each in happenings
        if each.kind == "appeared"
    ]
