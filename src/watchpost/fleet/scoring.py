"""Events against the truth: which visits were reported, how late, and what was reported for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from watchpost.fleet.visits import Visit
from watchpost.trackers.assignment import assign

TOLERANCE_S = 0.5
"""A reported visit belongs to a true one that it overlaps, or misses by no more than this."""
GRACE_S = 3.0
"""Whoever comes in sight less than this before the end need not have been reported yet."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One visit as a presence rule reports it, in seconds of camera time."""

    start_s: float
    end_s: float
    """Its last sighting; for who has not left yet, the end of the run."""
    reported_s: float
    """When `appeared` came, on the camera's clock."""


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the visits. Scores of several cameras add up."""

    expected: int = 0
    found: int = 0
    known: int = 0
    """Of the expected, those that full decoding finds."""
    known_found: int = 0
    duplicates: int = 0
    """Reported again although one report had been matched, as after a lost track."""
    false: int = 0
    """Reported while nobody was there."""
    delays_s: tuple[float, ...] = field(default=(), repr=False)
    """From the capture of the first frame that shows the person well to the event, for each visit found."""
    start_errors_s: tuple[float, ...] = field(default=(), repr=False)
    """The event's start less the time of that frame."""
    extra_delays_s: tuple[float, ...] = field(default=(), repr=False)
    """How much later than full decoding in no time a visit was reported, for each that both found ..."""
    start_shifts_s: tuple[float, ...] = field(default=(), repr=False)
    """... and by how much the event's start differs."""

    @property
    def recall(self) -> float | None:
        """Share of the expected visits that were reported; `None` where nobody was expected."""
        return self.found / self.expected if self.expected else None

    @property
    def known_recall(self) -> float | None:
        """Share reported of what full decoding finds; `None` where that is nothing."""
        return self.known_found / self.known if self.known else None

    @property
    def precision(self) -> float | None:
        """Share of the reports that are right and new; `None` without any."""
        reports = self.found + self.duplicates + self.false
        return self.found / reports if reports else None

    def __add__(self, other: Score) -> Score:
        return Score(
            self.expected + other.expected,
            self.found + other.found,
            self.known + other.known,
            self.known_found + other.known_found,
            self.duplicates + other.duplicates,
            self.false + other.false,
            self.delays_s + other.delays_s,
            self.start_errors_s + other.start_errors_s,
            self.extra_delays_s + other.extra_delays_s,
            self.start_shifts_s + other.start_shifts_s,
        )


def score(visits: Sequence[Visit], reports: Sequence[Reported], begin_s: float, end_s: float) -> Score:
    """Score one camera between two moments of camera time.

    Expected are the findable visits whose person comes in sight in between (and not in the last `GRACE_S`). Reports
    are matched to them one to one: as many as possible, then with the most overlap. What is left over is ignored
    if it began before `begin_s` or overlaps a visit that is not expected.
    """
    expected = [each for each in visits if _is_expected(each, begin_s, end_s)]
    others = [each for each in visits if not _is_expected(each, begin_s, end_s)]
    pairs = matches(expected, reports)
    taken = {id(report) for _, report in pairs}
    unmatched = [
        report
        for report in reports
        if id(report) not in taken and report.start_s >= begin_s and not _overlaps_any(others, report)
    ]
    duplicates = sum(_overlaps_any(expected, report) for report in unmatched)
    both = [(visit, report) for visit, report in pairs if visit.known_s is not None]
    seen = [(visit.seen_from_s or 0.0, report) for visit, report in pairs]
    return Score(
        expected=len(expected),
        found=len(pairs),
        known=sum(visit.known_s is not None for visit in expected),
        known_found=len(both),
        duplicates=duplicates,
        false=len(unmatched) - duplicates,
        delays_s=tuple(report.reported_s - seen_from_s for seen_from_s, report in seen),
        start_errors_s=tuple(report.start_s - seen_from_s for seen_from_s, report in seen),
        extra_delays_s=tuple(report.reported_s - (visit.known_s or 0.0) for visit, report in both),
        start_shifts_s=tuple(report.start_s - (visit.known_start_s or 0.0) for visit, report in both),
    )


def matches(visits: Sequence[Visit], reports: Sequence[Reported]) -> list[tuple[Visit, Reported]]:
    """Visits and their reports, one to one: as many pairs as possible, then those with the most overlap."""
    likeness = np.array([[_likeness(visit, report) for report in reports] for visit in visits], np.float64)
    rows, columns = assign(likeness.reshape(len(visits), len(reports)), minimum=0.0)
    return [(visits[row], reports[column]) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)]


def percentiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    """The 50th, 95th and 99th percentile, `None` of nothing."""
    if not len(values):
        return None
    p50, p95, p99 = np.percentile(np.asarray(values, np.float64), (50, 95, 99)).tolist()
    return p50, p95, p99


def _is_expected(visit: Visit, begin_s: float, end_s: float) -> bool:
    return visit.is_findable and begin_s <= (visit.seen_from_s or 0.0) <= end_s - GRACE_S


def _likeness(visit: Visit, report: Reported) -> float:
    """1 and the share that two stays overlap, so that a second match is worth more than any overlap; else -inf."""
    if not _overlaps_any([visit], report):
        return -np.inf
    shared = min(visit.leave_s, report.end_s) - max(visit.enter_s, report.start_s)
    whole = max(visit.leave_s, report.end_s) - min(visit.enter_s, report.start_s)
    return 1.0 + max(shared, 0.0) / max(whole, 1e-9)


def _overlaps_any(visits: Iterable[Visit], report: Reported) -> bool:
    return any(
        visit.enter_s - TOLERANCE_S <= report.end_s and report.start_s <= visit.leave_s + TOLERANCE_S
        for visit in visits
    )
