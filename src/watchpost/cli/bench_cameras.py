"""`watchpost bench cameras`: how many cameras this machine sustains, at which recall, delay and price."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchpost.plugins import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.progress import Progress

    from watchpost.fleet.campaign import Plan
    from watchpost.fleet.job import Job
    from watchpost.fleet.outcome import Outcome
    from watchpost.fleet.report import Subject
    from watchpost.fleet.series import Series

_IDLE_NUMBERS: Final = (10, 50, 100, 200)
_THOROUGH: Final = {"streams": 12, "stream_seconds": 60, "warm": 10.0, "seconds": 60.0, "rounds": 2, "tolerance": 0.05}
_QUICK: Final = {"streams": 6, "stream_seconds": 30, "warm": 5.0, "seconds": 20.0, "rounds": 1, "tolerance": 0.15}


def bench_cameras(
    cameras: Annotated[
        str | None,
        typer.Option(
            help="Run these numbers, such as 10,50,100.", show_default="raised until a limit breaks", metavar="N,N"
        ),
    ] = None,
    active: Annotated[
        str,
        typer.Option(help="Share of the time with somebody in view, such as 10%; several by comma: a series for each."),
    ] = "10%",
    idle: Annotated[
        bool, typer.Option("--idle", help="Nobody comes: how CPU and memory grow with 10, 50, 100, 200 cameras.")
    ] = False,
    variant: Annotated[
        str, typer.Option(help="clean: by day. clock: with a clock burnt in. night: infrared and noise. noisy: both.")
    ] = "clean",
    video: Annotated[
        list[Path] | None,
        typer.Option(help="Play this H.264 or H.265 file instead; may be repeated. No scores.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="An installed model, an .onnx file or its card.")] = DEFAULT_MODEL,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer and shorter streams and runs: a first answer in minutes.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Length of each measurement.", show_default="60; 20 with --quick")
    ] = None,
    warm: Annotated[
        float | None, typer.Option(min=0, help="Seconds before it begins.", show_default="10; 5 with --quick")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1, help="Runs of each number, or of a search's answer.", show_default="1; 2 for a search's answer"
        ),
    ] = None,
    streams: Annotated[
        int | None,
        typer.Option(
            min=1, help="Different synthetic streams; the cameras share them.", show_default="12; 6 with --quick"
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Cameras that a search does not go beyond.")] = 400,
    fps: Annotated[
        float, typer.Option(min=0.1, max=60, help="Frames a second analysed of a camera in which something happens.")
    ] = 5.0,
    steady: Annotated[
        bool, typer.Option("--steady", help="Keep to --fps; by default the rate falls while all goes its steady way.")
    ] = False,
    tracker: Annotated[str, typer.Option(help="bytetrack, sort or centroid.")] = "bytetrack",
    most_lag: Annotated[
        float, typer.Option(min=0.1, help="Limit: 95th percentile from capture to result, in seconds.")
    ] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Write all figures here.", show_default=False)] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the tables and plots.", show_default=False)
    ] = None,
) -> None:
    """Raise the number of cameras until this machine no longer keeps up, and say what that costs and finds.

    The cameras are synthetic 720p15 streams, played at a camera's pace, with exact truth of who comes when. A number
    is sustained while 95 % of the packets are read, 95 % of the wanted frames analysed, and the results come in time.
    Streams are rendered once and kept in the cache folder. Close other programs first. Ctrl-C ends with what there is.

    Examples:

        watchpost bench cameras --quick

        watchpost bench cameras --variant noisy --active 1%,10%,50%,100% --html bench.html

        watchpost bench cameras --idle --json growth.json

        watchpost bench cameras --video gate.mp4 --video hall.mp4 --cameras 8,16
    """
    import datetime
    from functools import partial

    from rich.console import Console

    from watchpost.fleet import cache, report
    from watchpost.fleet.campaign import ADAPTIVE, STEADY, Campaign

    plan = _plan(
        _numbers(cameras) or (_IDLE_NUMBERS if idle else ()),
        (0.0,) if idle else _shares(active),
        variant,
        tuple(video or ()),
        model,
        {"streams": streams, "warm": warm, "seconds": seconds, "rounds": rounds},
        quick=quick,
        others={"most": most, "fps": fps, "tracker": tracker, "approach": STEADY if steady else ADAPTIVE},
        most_lag_s=most_lag,
    )
    for path in (json, html):
        if path is not None and not path.absolute().parent.is_dir():
            raise _error(f"{path.parent} is no folder: create it, or choose another place.")
    begun = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    about = report.subject(plan.model, _told_options(plan), begun)
    console = Console(highlight=False, soft_wrap=True)
    for line in about.lines()[:2]:
        console.print(line, markup=False)
    told = _Progress(console)
    campaign = Campaign(plan, cache.folder(), told)
    told.on_outcome = partial(_write, json, html, about, campaign.series)
    try:
        with told:
            campaign.run()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:  # also what was measured before something went wrong
        _show(console, campaign.series)
        if campaign.series:
            _write(json, html, about, campaign.series)


def _plan(
    numbers: tuple[int, ...],
    activities: tuple[float, ...],
    variant: str,
    videos: tuple[Path, ...],
    model: str,
    wishes: dict[str, Any],
    *,
    quick: bool,
    others: dict[str, Any],
    most_lag_s: float,
) -> Plan:
    from typing import get_args

    from watchpost.detectors.network import usable_cores
    from watchpost.fleet.campaign import Plan
    from watchpost.fleet.clips import FleetOptions, Variant
    from watchpost.fleet.outcome import Limits
    from watchpost.plugins import model_file

    if variant not in get_args(Variant):
        raise _error(f"--variant {variant}: there are {', '.join(get_args(Variant))}.")
    for each in videos:
        if not each.is_file():
            raise _error(f"{each} is no file.")
    chosen: dict[str, Any] = dict(_QUICK if quick else _THOROUGH)
    if numbers:
        chosen["rounds"] = 1
    chosen |= {name: value for name, value in wishes.items() if value is not None}
    return Plan(
        model=model_file(model) or Path(model),
        fleet=FleetOptions(variant=variant, clips=chosen["streams"], seconds=chosen["stream_seconds"]),  # type: ignore[arg-type]
        activities=activities,
        videos=videos,
        numbers=numbers,
        rounds=chosen["rounds"],
        start=4 * usable_cores(),
        tolerance=chosen["tolerance"],
        warm_s=chosen["warm"],
        seconds=chosen["seconds"],
        limits=Limits(most_lag_s=most_lag_s),
        **others,
    )


def _told_options(plan: Plan) -> dict[str, Any]:
    """What the reader of a result must know to repeat it."""
    from watchpost.fleet.campaign import ADAPTIVE

    fleet = plan.fleet
    shown: dict[str, Any] = (
        {"videos": " ".join(path.name for path in plan.videos)}
        if plan.videos
        else {
            "variant": fleet.variant,
            "active": " ".join(f"{100 * each:g}%" for each in plan.activities),
            "streams": f"{fleet.clips} of {fleet.seconds} s",
        }
    )
    if plan.numbers:
        shown["cameras"] = " ".join(map(str, plan.numbers))
    return shown | {
        "analysed": f"{plan.fps:g}/s" + (" at most" if plan.approach == ADAPTIVE else ""),
        "tracker": plan.tracker,
        "seconds": f"{plan.seconds:g} after {plan.warm_s:g}",
        "rounds": plan.rounds,
        "most lag": f"{plan.limits.most_lag_s:g} s",
    }


def _numbers(text: str | None) -> tuple[int, ...]:
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise _error(f"--cameras {text}: give numbers from 1 on, such as 10,50,100.")
    return tuple(map(int, words))


def _shares(text: str) -> tuple[float, ...]:
    """Shares of the time, as 0.1 or 10%."""
    shares = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        try:
            share = float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise _error(f"--active {word}: give a share such as 10% or 0.1.")
        shares.append(share)
    if not shares:
        raise _error("--active needs a share such as 10%.")
    return tuple(shares)


class _Progress:
    """Bars for what goes on, a line for each run; a `with` block."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.on_outcome: Callable[[], None] | None = None
        self._console = console
        self._bar: Progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", visible=False)
        self._runs = 0
        self._said = ""

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def rendering(self, done: int, total: int) -> None:
        """So many frames of the streams are there."""
        self._say_once("rendering the streams ...")
        self._move(f"rendering the streams, once: {done} of {total} frames", done, total)

    def looking(self, done_s: float, total_s: float) -> None:
        """So many seconds of the streams are looked through by full decoding."""
        self._say_once("full decode of the streams ...")
        self._move(f"full decode of the streams, once: {done_s:.0f} of {total_s:.0f} s", done_s, total_s)

    def streams(self, series: Series) -> None:
        """The streams are ready; runs begin."""
        from watchpost.fleet import summary

        clip, visits = series.clips[0], series.visits_to_find
        text = f"{series.name}: {len(series.clips)} streams, {clip.fps:g} frames/s, {series.mbit_s:.2f} Mbit/s"
        if visits is not None:
            text += f", {visits} visits to find"
        if series.full_decode is not None:
            text += f", of which full decode finds {series.full_decode.found}"
        self._bar.update(self._task, visible=False)
        self._console.print(f"\n{text}", markup=False)
        self._console.print(summary.heading(), markup=False)

    def running(self, job: Job, past_s: float) -> None:
        """A run is so old."""
        self._move(f"run {self._runs + 1}: {len(job.cameras)} cameras", past_s, job.warm_s + job.seconds)

    def outcome(self, outcome: Outcome) -> None:
        """A run has ended."""
        from watchpost.fleet import summary

        self._runs += 1
        self._console.print(summary.line(outcome), markup=False)
        if self.on_outcome is not None:
            self.on_outcome()

    def _say_once(self, text: str) -> None:
        """Where there are no bars."""
        if not self._console.is_terminal and text != self._said:
            self._console.print(text, markup=False)
            self._said = text

    def _move(self, text: str, done: float, total: float) -> None:
        task = self._bar.tasks[0]
        if text.partition(":")[0] != task.description.partition(":")[0] or not task.visible:
            self._bar.reset(self._task)
        self._bar.update(self._task, description=text, completed=min(done, total), total=total, visible=True)


def _show(console: Console, series: list[Series]) -> None:
    """The answer: a column a series."""
    from rich import box
    from rich.table import Table

    from watchpost.fleet import summary

    if not any(each.outcomes for each in series):
        return
    columns = [summary.facts(each) for each in series]
    table = Table("", *(each.name for each in series), box=box.SIMPLE_HEAD, title="times: p50 / p95 / p99, s")
    for label in dict.fromkeys(label for column in columns for label in column):
        table.add_row(label, *(column.get(label, "-") for column in columns))
    console.print(table, soft_wrap=False)
    for text in summary.warnings(series):
        console.print(text, markup=False, style="yellow")


def _write(json: Path | None, html: Path | None, about: Subject, series: list[Series]) -> None:
    """Write the files that are wanted: after each run, so that nothing is lost."""
    from json import dumps

    from watchpost.fleet import report

    try:
        if json is not None:
            json.write_text(dumps(report.document(about, series), indent=1) + "\n", encoding="utf-8")
        if html is not None:
            html.write_text(report.html(about, series), encoding="utf-8")
    except OSError as error:
        raise _error(f"{error.filename} can not be written: {error.strerror}.") from None


def _error(text: str) -> Exception:
    from watchpost.errors import WatchpostError

    return WatchpostError(text)
