"""One camera watched from the terminal, the common part of `watch` and `demo`."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from watchpost import plugins
from watchpost.cli._signals import StopOnSignals
from watchpost.clock import SystemClock
from watchpost.detectors import NoDetector, open_detector
from watchpost.detectors.network import usable_cores
from watchpost.errors import WatchpostError
from watchpost.options import parse_seconds
from watchpost.pipeline import Analysed, Pipeline
from watchpost.plugins import DEFAULT_MODEL
from watchpost.runtime.assembly import make_rule, make_tracker, wanted_classes
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.camera import Camera
from watchpost.runtime.delivery import Delivery
from watchpost.runtime.intake import Intake
from watchpost.runtime.lane import Served
from watchpost.runtime.reconnect import Policy, State, packets
from watchpost.runtime.taps import Taps
from watchpost.sources import open_source, plugin_for
from watchpost.telemetry import redacted
from watchpost.types import Event, Packet
from watchpost.video.decoder import Decoder

_REFRESH_S: Final = 0.25
_PLAIN_REFRESH_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for on the command line."""

    source: str
    camera: str = "camera"
    source_options: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    """Nothing: the default model; `none`: no detector at all."""
    confidence: float | None = None
    threads: int | None = None
    """Frames in detection at once, each on one thread; nothing: one for each core."""
    classes: frozenset[str] | None = None
    """`None`: people if the model knows them, else everything; empty: everything."""
    tracker: str = "bytetrack"
    max_fps: float | None = None
    duration_s: float | None = None


class Session:
    """Runs one camera until its end, Ctrl-C or `duration_s`, and prints status, events and a summary.

    `on_state` also hears of connecting, live and lost, and `taps` are given the packets (for a page).
    """

    def __init__(
        self,
        wishes: Wishes,
        on_frame: Sequence[Callable[[Analysed], None]],
        on_events: Sequence[Callable[[list[Event]], None]],
        on_state: Callable[[State], None] | None = None,
        console: Console | None = None,
        taps: Taps | None = None,
    ) -> None:
        self.console = console or Console(highlight=False)
        self._wishes = wishes
        self._on_state = on_state
        self._taps = taps or Taps()
        self._state = "connecting"
        self._detail = ""
        self._clock = SystemClock()
        self._stop = threading.Event()
        tracker = make_tracker(wishes.tracker)
        self._detector = None
        if wishes.model != "none":
            confidence = tracker.minimum_confidence if wishes.confidence is None else wishes.confidence
            self._detector = open_detector(
                wishes.model or DEFAULT_MODEL, confidence=confidence, for_parallel_calls=True
            )
        rules = [make_rule("presence", wishes.camera)]
        pipeline = Pipeline(self._detector, tracker, rules, wanted_classes(wishes.classes, self._detector))
        workers = wishes.threads or usable_cores()
        self._batcher = Batcher({"own": Served(self._detector or NoDetector())}, self._clock, workers=workers)
        seat = self._batcher.join(wishes.camera, "own", fps=wishes.max_fps or math.inf, ahead=workers + 1)
        self.camera = Camera(
            wishes.camera,
            self._packets,
            Intake(Decoder(wishes.camera), self._clock),
            seat,
            pipeline,
            on_frame,
            [*on_events, self._print_events],
            self._clock,
        )

    @property
    def model_name(self) -> str:
        """The model's name, `none` without one."""
        return "none" if self._detector is None else self._detector.name

    def run(self) -> None:
        """Start, wait for the end, print the summary. Raises `WatchpostError` for what ended the camera."""
        with StopOnSignals(self._stop):
            self._batcher.start()
            self.camera.start()
            self._wait()
            has_ended = self.camera.stop() and self._batcher.stop()
        error = self.camera.error
        if error is None or self.camera.stats.frames:
            self._print_summary()
        if not has_ended:
            raise WatchpostError(f"{self._wishes.camera} did not end in time: what it is doing is given up.")
        if self._detector is not None:
            self._detector.close()
        if isinstance(error, WatchpostError):
            raise error
        if error is not None:
            raise WatchpostError(f"the analysis of {self._wishes.camera} failed: {error!r}") from error

    def _packets(self, stop: threading.Event) -> Iterator[Packet]:
        wishes = self._wishes
        read = packets(
            lambda: open_source(wishes.source, wishes.camera, wishes.source_options, self._clock),
            self._clock,
            stop,
            Policy(first_must_succeed=True),
            on_state=self._note_state,
        )
        return self._taps.passing(wishes.camera, read)

    def _note_state(self, state: State) -> None:
        self._state, self._detail = state.name, state.detail
        if state.name == "lost":
            self.console.print(f"[yellow]{escape(redacted(state.detail))}[/]", soft_wrap=True)
        if self._on_state is not None:
            self._on_state(state)

    def _wait(self) -> None:
        started_s = self._clock.monotonic_s()
        duration_s = self._wishes.duration_s
        end_s = float("inf") if duration_s is None else started_s + duration_s
        plain = not self.console.is_terminal
        next_line_s = started_s + _PLAIN_REFRESH_S
        with Live(console=self.console, auto_refresh=False, transient=True) as live:
            while not self._stop.is_set() and not self.camera.finished.wait(_REFRESH_S):
                now_s = self._clock.monotonic_s()
                if now_s >= end_s:
                    return
                if not plain:
                    live.update(Text(self._status()), refresh=True)
                elif now_s >= next_line_s:
                    next_line_s += _PLAIN_REFRESH_S
                    self.console.print(self._status(), markup=False, soft_wrap=True)

    def _status(self) -> str:
        stats = self.camera.stats
        if self._state != "live":
            return f"{self._wishes.camera}: {self._state} {redacted(self._detail)}"
        return (
            f"{self._wishes.camera}: {stats.fps():.1f} fps, {stats.frames} frames, "
            f"{stats.dropped} dropped, {stats.tracks} tracks, {stats.events} events"
        )

    def _print_summary(self) -> None:
        stats = self.camera.stats
        self.console.print(
            f"{stats.frames} frames, {stats.detections} detections, {stats.tracks} tracks, {stats.events} events, "
            f"{stats.mean_fps():.1f} fps, {stats.dropped} dropped, {stats.skipped} skipped "
            f"(model {self.model_name})",
            markup=False,
            soft_wrap=True,  # one line for whoever reads it by program
        )

    def _print_events(self, events: list[Event]) -> None:
        for event in events:
            self.console.print(_event_line(event), markup=False, soft_wrap=True)


def _event_line(event: Event) -> str:
    """Camera time, what happened to whom, how sure."""
    who = event.class_name if event.track_id is None else f"{event.class_name} #{event.track_id}"
    where = f" at {event.zone}" if event.zone else ""
    extra = "".join(f" {name}={value}" for name, value in event.attributes.items())
    start_s, end_s = event.start.camera_time_s, event.end.camera_time_s
    return (
        f"{_clock_text(start_s)} {who} {event.kind}{where} "
        f"({start_s:.1f}-{end_s:.1f} s, score {event.score:.2f}){extra}"
    )


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"[{minutes // 60:d}:{minutes % 60:02d}:{rest:02d}]"


def given_seconds(option: str, text: str) -> float:
    """A duration as the user wrote it, in seconds. Raises `WatchpostError` naming the option."""
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise WatchpostError(f"{option}: {error}.") from None


def source_options(given: Sequence[str], **named: Any) -> dict[str, Any]:
    """`name=value` texts and named options (those that are set) as one dictionary."""
    options = {name: value for name, value in named.items() if value}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise WatchpostError(f"--option {text!r}: write name=value, for instance --option loop=true.")
        options[name.strip()] = value.strip()
    return options


def given_classes(text: str | None) -> frozenset[str] | None:
    """Class names by comma; `all` is the empty set, nothing is `None` (see `Wishes.classes`)."""
    if text is None:
        return None
    return frozenset() if text == "all" else frozenset(name.strip() for name in text.split(",") if name.strip())


def event_file(path: Path) -> Delivery:
    """Delivery that appends events to a file, one JSON a line."""
    jsonl = plugins.load("sinks", "jsonl")
    return Delivery(None, [jsonl.create(jsonl.Options(path=path))], SystemClock())


def plays_in_real_time(source: str) -> dict[str, bool]:
    """The options that make a video file play like a camera; none for anything else.

    Raises `SourceError` for an address that can not be meant.
    """
    return {"realtime": True} if plugin_for(source) == "file" else {}
