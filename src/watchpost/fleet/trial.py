"""Several approaches in turn on the same fleet, so that what else the machine does hits all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watchpost.fleet import runner
from watchpost.fleet.cameras import FleetCamera, deal, truth
from watchpost.fleet.clips import Clip
from watchpost.fleet.job import Job, Measured
from watchpost.fleet.outcome import Limits, Outcome, judge
from watchpost.fleet.search import Search

FLOORS = ("demux_only", "decode_only", "bare_detector")
"""They are bounds, not ways of watching: run at a fixed number of cameras, judged by nobody."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What all runs have in common."""

    clips: Sequence[Clip]
    model: Path
    fps: float
    tracker: str
    warm_s: float
    seconds: float
    limits: Limits
    execute: Callable[[Job], Measured] = runner.run

    def run(self, approach: str, cameras: int, others: Sequence[FleetCamera] = ()) -> Outcome:
        """One run, judged. `approach`: as in `Job`; `others` run along, with their faults, and are not judged."""
        fleet = deal(self.clips, cameras)
        job = Job(approach, [*fleet, *others], self.model, self.fps, self.tracker, self.warm_s, self.seconds)
        visits = None if job.name in FLOORS else truth(self.clips, fleet, self.warm_s + self.seconds)
        return judge(replace(job, cameras=fleet), self.execute(job), self.limits, visits)


def at_numbers(
    trial: Trial, approaches: Sequence[str], numbers: Sequence[int], rounds: int, told: Callable[[Outcome], None]
) -> list[Outcome]:
    """Each approach at each number of cameras, `rounds` times, in turn; `told` of each run."""
    outcomes = []
    for cameras in numbers:
        for _ in range(rounds):
            for approach in approaches:
                outcomes.append(trial.run(approach, cameras))
                told(outcomes[-1])
    return outcomes


def search(trial: Trial, searches: Mapping[str, Search], told: Callable[[Outcome], None]) -> list[Outcome]:
    """Raise each approach's number of cameras until a limit breaks, a run of each in turn; `told` of each run."""
    outcomes: list[Outcome] = []
    while wanted := {name: cameras for name, each in searches.items() if (cameras := each.next()) is not None}:
        for approach, cameras in wanted.items():
            outcome = trial.run(approach, cameras)
            searches[approach].report(cameras, outcome.broken is None, outcome.cpu_share)
            outcomes.append(outcome)
            told(outcome)
    return outcomes
