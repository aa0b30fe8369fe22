"""What `watchpost bench cameras` does: streams, what full decoding finds in them, then run after run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from watchpost.detectors.network import usable_cores
from watchpost.errors import WatchpostError
from watchpost.fleet import cache, runner, trial
from watchpost.fleet.cameras import LONGEST_PHASE_S
from watchpost.fleet.clips import Clip, FleetOptions, clip_of, make_clips
from watchpost.fleet.job import Job, Measured
from watchpost.fleet.outcome import Limits, Outcome
from watchpost.fleet.reference import with_reference
from watchpost.fleet.search import Search
from watchpost.fleet.series import Series
from watchpost.fleet.stage import Stage

STEADY, ADAPTIVE = "watchpost", "watchpost_adaptive"
_BEGIN_S = 1.0
"""What a camera needs until its first packets are read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    model: Path
    fleet: FleetOptions
    """The streams; `activities` takes the place of its activity."""
    activities: Sequence[float] = (0.1,)
    """A series of runs for each."""
    videos: Sequence[Path] = ()
    """Play these instead; what is to be seen in them is not known."""
    numbers: Sequence[int] = ()
    """Numbers of cameras to run; without any, the number is raised until a limit breaks."""
    rounds: int = 1
    """Runs of each number, or of a search's answer."""
    start: int = 4
    most: int = 400
    tolerance: float = 0.05
    """How exact a search is, as a share."""
    approach: str = ADAPTIVE
    fps: float = 5.0
    tracker: str = "bytetrack"
    warm_s: float = 10.0
    seconds: float = 60.0
    limits: Limits = field(default_factory=Limits)


class Told(Protocol):
    """Who is told how far it is."""

    def rendering(self, done: int, total: int) -> None:
        """So many frames of the streams are there."""

    def looking(self, done_s: float, total_s: float) -> None:
        """So many seconds of the streams are looked through by full decoding."""

    def streams(self, series: Series) -> None:
        """The streams are ready; runs begin."""

    def running(self, job: Job, past_s: float) -> None:
        """A run is so old."""

    def outcome(self, outcome: Outcome) -> None:
        """A run has ended; its series holds it already."""


class Campaign:
    """Measures a plan. `series` holds what is measured so far, also after an interruption."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        told: Told,
        execute: Callable[[Job, Callable[[float], None]], Measured] | None = None,
    ) -> None:
        self.series: list[Series] = []
        self._plan = plan
        self._folder = folder
        self._told = told
        self._execute = execute or runner.run

    def run(self) -> None:
        """Measure all. Raises `WatchpostError` when streams can not be made or the very first run fails."""
        if self._plan.videos:
            self._measure(Series(None, [clip_of(video) for video in self._plan.videos]))
            return
        for activity in self._plan.activities:
            self._measure(self._synthetic(activity))

    def _synthetic(self, activity: float) -> Series:
        options = replace(self._plan.fleet, activity=activity)
        clips = make_clips(options, self._folder, self._told.rendering, usable_cores())
        cache.prune(self._folder, [clip.path for clip in clips])
        if not activity:
            return Series(activity, clips)
        stage = Stage([], self._plan.model, self._plan.fps, self._plan.tracker)
        total_s = sum(clip.seconds for clip in clips)
        marked, found = with_reference(clips, stage, self._folder, lambda done_s: self._told.looking(done_s, total_s))
        return Series(activity, marked, found)

    def _measure(self, series: Series) -> None:
        plan = self._plan
        self.series.append(series)
        self._told.streams(series)
        common = self._trial(series.clips)

        def note(outcome: Outcome) -> None:
            series.outcomes.append(outcome)
            self._told.outcome(outcome)
            if outcome.measured.error is not None and all(each.measured.error for each in self._outcomes()):
                raise WatchpostError(f"the first run failed: {outcome.measured.error}")

        if plan.numbers:
            trial.at_numbers(common, [plan.approach], plan.numbers, plan.rounds, note)
        else:
            search = Search(plan.start, plan.most, plan.rounds, plan.tolerance)
            trial.search(common, {plan.approach: search}, note)
        series.is_finished = True

    def _outcomes(self) -> list[Outcome]:
        return [outcome for series in self.series for outcome in series.outcomes]

    def _trial(self, clips: Sequence[Clip]) -> trial.Trial:
        plan = self._plan

        def execute(job: Job) -> Measured:
            return self._execute(job, lambda past_s: self._told.running(job, past_s))

        # measured is from when all cameras have begun
        warm_s = max(plan.warm_s, min(max(clip.gop_s for clip in clips), LONGEST_PHASE_S) + _BEGIN_S)
        return trial.Trial(clips, plan.model, plan.fps, plan.tracker, warm_s, plan.seconds, plan.limits, execute)
