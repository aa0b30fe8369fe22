"""python -m bench.fleet make|run|compare: how many cameras does this machine sustain, by which way of watching?

    python -m bench.fleet compare --model MODEL.onnx                     # search for each approach's limit
    python -m bench.fleet compare --model MODEL.onnx --variant noisy --activity 0.01 --json noisy-1.json
    python -m bench.fleet compare --model MODEL.onnx --at 10 50 100      # no search: each at these numbers (growth)
    python -m bench.fleet run plain --model MODEL.onnx --cameras 4       # one run of one approach
    python -m bench.fleet make --variant noisy                           # only render what a run would need

Clips are rendered once (minutes) and kept in --cache. Measure on a quiet machine: the column `others` tells.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from watchpost.detectors.network import usable_cores
from watchpost.errors import WatchpostError
from watchpost.fleet import approaches as own
from watchpost.fleet import table, trial
from watchpost.fleet.cache import folder
from watchpost.fleet.clips import Clip, FleetOptions, Variant, clip_of, make_clips
from watchpost.fleet.outcome import Limits, Outcome
from watchpost.fleet.reference import with_reference
from watchpost.fleet.search import Search
from watchpost.fleet.stage import Stage
from watchpost.fleet.usage import machine, revision

_HERE = Path(__file__).parent


def approaches() -> dict[str, str]:
    """All that there are: the name of each and what to import."""
    rooms = {"watchpost.fleet.approaches": Path(own.__file__).parent, "bench.fleet.approaches": _HERE / "approaches"}
    found = {path.stem: f"{room}.{path.stem}" for room, folder in rooms.items() for path in folder.glob("[a-z]*.py")}
    return dict(sorted(found.items()))


def main() -> None:
    """Run a verb."""
    wishes = _parser().parse_args()
    console = Console(soft_wrap=True)
    try:
        _run(wishes, console)
    except (WatchpostError, ValueError, OSError) as error:
        sys.exit(f"bench.fleet: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _run(wishes: argparse.Namespace, console: Console) -> None:
    console.print(machine(), highlight=False)
    clips = _clips(wishes, console)
    if wishes.verb == "make":
        return
    if wishes.reference and not wishes.video:
        clips = _with_reference(clips, wishes, console)
    limits = Limits(wishes.least_rate, wishes.most_lag)
    common = trial.Trial(clips, wishes.model, wishes.fps, wishes.tracker, wishes.warm, wishes.seconds, limits)
    report = _Report(wishes)
    print(table.heading(), flush=True)
    known = approaches()
    if wishes.verb == "run":
        trial.at_numbers(common, [known[wishes.approach]], [wishes.cameras], 1, report.add)
    elif wishes.at:
        trial.at_numbers(
            common,
            [approaches()[name] for name in wishes.approach or approaches()],
            wishes.at,
            wishes.rounds,
            report.add,
        )
    else:
        _search(common, wishes, report, console)
    for text in table.floors(report.outcomes, wishes.fps):
        print(text)


def _search(common: trial.Trial, wishes: argparse.Namespace, report: _Report, console: Console) -> None:
    names = wishes.approach or list(approaches())
    floors = [approaches()[name] for name in names if name in trial.FLOORS]
    trial.at_numbers(common, floors, [wishes.start], wishes.rounds, report.add)
    searches = {
        approaches()[name]: Search(wishes.start, wishes.most, wishes.rounds, wishes.tolerance)
        for name in names
        if name not in trial.FLOORS
    }
    trial.search(common, searches, report.add)
    best = {name.rpartition(".")[2]: search.best for name, search in searches.items()}
    report.best = best
    report.write()
    console.print(table.summary(best, report.outcomes, "plain" if "plain" in best else None))


class _Report:
    """Prints each run and keeps the JSON file up to date, so that nothing is lost when a long comparison is ended."""

    def __init__(self, wishes: argparse.Namespace) -> None:
        self.outcomes: list[Outcome] = []
        self.best: dict[str, int] = {}
        self._wishes = wishes
        self._begun = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

    def add(self, outcome: Outcome) -> None:
        """Take in a run."""
        print(table.line(outcome), flush=True)
        self.outcomes.append(outcome)
        self.write()

    def write(self) -> None:
        """Write the file, if one is wanted."""
        if self._wishes.json is None:
            return
        # folders say nothing to whoever reads the file elsewhere
        wishes = {name: value for name, value in vars(self._wishes).items() if name not in ("cache", "json")}
        document: dict[str, Any] = {
            "machine": machine(),
            "begun": self._begun,
            "revision": revision(),
            "options": wishes,
            "cameras_sustained": self.best,
            "runs": [outcome.as_dict() for outcome in self.outcomes],
        }
        self._wishes.json.write_text(
            json.dumps(document, indent=1, default=lambda path: path.name) + "\n", encoding="utf-8"
        )


def _clips(wishes: argparse.Namespace, console: Console) -> list[Clip]:
    if wishes.video:
        return [clip_of(path) for path in wishes.video]
    options = FleetOptions(
        variant=wishes.variant, activity=wishes.activity, clips=wishes.clips, seconds=wishes.clip_seconds
    )
    columns = (TextColumn("rendering"), BarColumn(), TextColumn("{task.completed}/{task.total} frames"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        clips = make_clips(
            options,
            wishes.cache,
            lambda done, total: progress.update(task, completed=done, total=total),
            usable_cores(),
        )
    rate = sum(clip.bit_rate for clip in clips) / len(clips) / 1e6
    visits = sum(visit.is_findable for clip in clips for visit in clip.visits or ())
    print(f"{options.variant}: {len(clips)} clips of {options.seconds} s, {rate:.2f} Mbit/s, {visits} visits to find")
    return clips


def _with_reference(clips: list[Clip], wishes: argparse.Namespace, console: Console) -> list[Clip]:
    stage = Stage([], wishes.model, wishes.fps, wishes.tracker)
    columns = (TextColumn("full decode of all clips, once"), BarColumn(), TextColumn("{task.completed:.0f} s"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(clip.seconds for clip in clips))
        marked, score = with_reference(
            clips, stage, wishes.cache, lambda done_s: progress.update(task, completed=done_s)
        )
    print(f"full decode: {table.events(score)}")
    return marked


def _parser() -> argparse.ArgumentParser:
    fleet = argparse.ArgumentParser(add_help=False)
    usual = FleetOptions()
    group = fleet.add_argument_group("the fleet")
    group.add_argument("--variant", choices=get_args(Variant), default=usual.variant)
    group.add_argument("--activity", type=float, default=usual.activity, help="share of the time with people, 0-1")
    group.add_argument("--clips", type=int, default=usual.clips, help="different streams, shared by the cameras")
    group.add_argument("--clip-seconds", type=int, default=usual.seconds, help="length of each stream")
    group.add_argument("--video", type=Path, nargs="+", help="play these H.264 files instead; no truth, no scores")
    group.add_argument("--cache", type=Path, default=folder(), help="folder of the rendered streams")

    run = argparse.ArgumentParser(add_help=False)
    limits = Limits()
    group = run.add_argument_group("the run")
    group.add_argument("--model", type=Path, required=True, help=".onnx file or model card")
    group.add_argument("--fps", type=float, default=5.0, help="analysed frames a second of an active camera")
    group.add_argument("--tracker", default="bytetrack")
    group.add_argument("--warm", type=float, default=10.0, help="seconds before the measurement begins")
    group.add_argument("--seconds", type=float, default=60.0, help="seconds of each measurement")
    group.add_argument("--least-rate", type=float, default=limits.least_rate, help="limit: share kept up with")
    group.add_argument("--most-lag", type=float, default=limits.most_lag_s, help="limit: p95 of capture to result, s")
    group.add_argument(
        "--no-reference", dest="reference", action="store_false", help="leave out what full decode finds"
    )
    group.add_argument("--json", type=Path, help="write all runs to this file")

    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__, formatter_class=usage)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("make", parents=[fleet], help="render the streams")
    one = verbs.add_parser("run", parents=[fleet, run], help="one run of one approach")
    known = list(approaches())
    one.add_argument("approach", choices=known)
    one.add_argument("--cameras", type=int, default=4)
    many = verbs.add_parser("compare", parents=[fleet, run], help="approaches in turn, N raised until a limit breaks")
    many.add_argument("--approach", action="append", choices=known, help="give it several times; usually all")
    many.add_argument("--at", type=int, nargs="+", help="no search: run at these numbers of cameras")
    many.add_argument("--rounds", type=int, default=3, help="runs of each number (in a search: of the answer)")
    many.add_argument("--start", type=int, default=4, help="cameras that a search begins with, and the floors have")
    many.add_argument("--most", type=int, default=400, help="cameras that a search does not go beyond")
    many.add_argument("--tolerance", type=float, default=0.05, help="how exact a search is, as a share")
    return parser


if __name__ == "__main__":
    main()
