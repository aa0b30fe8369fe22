"""One worker's part of the cameras, and the process that runs it: started, watched, started again when it dies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from watchpost.clock import Clock
from watchpost.config import Configuration
from watchpost.config.diff import changes
from watchpost.errors import WatchpostError
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.children import reason_of_end
from watchpost.runtime.figures import CameraFigures, Figures, ModelFigures, total
from watchpost.runtime.footprints import Footprints
from watchpost.runtime.guard import Backoff
from watchpost.runtime.link import Message
from watchpost.runtime.open_events import OpenEvents
from watchpost.runtime.relay import RelayedHub
from watchpost.runtime.stream_relay import StreamInlet, watch_message
from watchpost.runtime.system_events import SERVER, worker_failed, worker_recovered
from watchpost.runtime.taps import Taps
from watchpost.runtime.worker_messages import apply_message, read_event, read_figures, read_footprint, read_report
from watchpost.runtime.worker_process import Start, WorkerProcess
from watchpost.types import Event

_LOG: Final = logging.getLogger(__name__)
_NOW: Final = frozenset({"level", "workers", "hung", "seats", "waiting"})
"""What a batcher tells of this moment; all else that it tells are totals."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker may take."""

    start_s: float = 60.0
    """From its start to its first report: it imports libraries."""
    silent_s: float = 15.0
    """Between two reports, of which it sends one a second from a thread that does nothing else."""
    busy_s: float = 300.0
    """For one round of its main loop: an engine may be built for a GPU, cameras that hang take 10 s to stop."""
    backoff: Backoff = field(default_factory=Backoff)


class Shard:
    """A worker process and its cameras. `on_event` is called with each of their events, from a thread of its own;
    `footprints` is given where people stood.

    Its methods are called from one thread, but for `figures`, `tell` and `watch`.
    """

    def __init__(
        self,
        name: str,
        hub: RelayedHub,
        clock: Clock,
        on_event: Callable[[Event], None],
        start: Start,
        patience: Patience,
        taps: Taps | None = None,
        boxes: BoxFeed | None = None,
        footprints: Footprints | None = None,
    ) -> None:
        """`taps` and `boxes` are given the streams of the cameras that are watched, and what is found in them."""
        self.name = name
        self.starts = 0
        """How often its process was started."""
        self._hub = hub
        self._clock = clock
        self._on_event = on_event
        self._start_process = start
        self._patience = patience
        self._taps = taps or Taps()
        self._inlet = StreamInlet(self._taps, boxes or BoxFeed())
        self._watched = watch_message((), ())
        self._footprints = footprints or Footprints()
        self._config = Configuration()
        self._detector_threads = 1
        self._process: WorkerProcess | None = None
        self._deaths = 0
        """In a row."""
        self._started_s = 0.0
        self._restart_at_s = 0.0
        self._failed_s: float | None = None
        """When it died, `None` once it has reported again."""
        self._tended_s = clock.monotonic_s()
        self._lock = threading.Lock()
        """Of what the listening thread and others use: all below."""
        self._heard_s: float | None = None
        """When the process reported last, `None` before it has."""
        self._busy_s = 0.0
        self._figures: Mapping[str, Any] | None = None
        self._open = OpenEvents()
        self._earlier: dict[str, tuple[int, int]] = {}
        """Losses and starts of cameras in processes that are gone."""
        self._earlier_batchers: dict[str, float] = {}
        """What batchers of processes that are gone have counted: a sum that falls would show as a burst."""
        self._earlier_models: tuple[ModelFigures, ...] = ()

    @property
    def cameras(self) -> frozenset[str]:
        """The cameras that it is to run."""
        return frozenset(self._config.cameras)

    @property
    def is_up(self) -> bool:
        """Whether its process runs and has reported."""
        return self._process is not None and self._heard_s is not None

    def apply(self, config: Configuration, detector_threads: int) -> None:
        """Run the cameras of this configuration from now on; what has not changed is left alone."""
        has_changed = bool(changes(self._config, config)) or detector_threads != self._detector_threads
        for gone in self.cameras - frozenset(config.cameras):
            self._earlier.pop(gone, None)
        self._config, self._detector_threads = config, detector_threads
        if self._process is None:
            self._restart_at_s = self._clock.monotonic_s() if not self._deaths else self._restart_at_s
            self.tend()
        elif has_changed:
            self._process.tell(apply_message(config, detector_threads))

    def tend(self) -> None:
        """See whether the process has died or does not answer, and whether it is time to start it again."""
        now_s = self._clock.monotonic_s()
        if now_s - self._tended_s > self._patience.silent_s / 2:
            self._forgive(now_s)  # this process was stopped itself; what the worker has said is still to be read
        self._tended_s = now_s
        if self._process is not None:
            self._watch(self._process, now_s)
            self._note_recovery(now_s)
        elif self._config.cameras and now_s >= self._restart_at_s:
            self._start()

    def tell(self, message: Message) -> None:
        """Send the process a message, if there is one."""
        if (process := self._process) is not None:
            process.tell(message)

    def watch(self, packets: frozenset[str] | set[str], boxes: frozenset[str] | set[str]) -> None:
        """Have the process send the packets of these cameras, and the boxes of those, and of no others."""
        message = watch_message(packets, boxes)
        if message != self._watched:
            self._watched = message
            self.tell(message)

    def figures(self) -> Figures:
        """As of the last report; what its cameras lived through in earlier processes is added."""
        with self._lock:
            said, earlier, batchers = self._figures, dict(self._earlier), dict(self._earlier_batchers)
            models = self._earlier_models
        figures = Figures((), {})
        if said is not None:
            try:
                figures = read_figures(said)
            except ValueError as error:
                _LOG.error("%s: %s", self.name, error)
        cameras = (self._whole(each, earlier) for each in figures.cameras if each.name in self._config.cameras)
        names = dict.fromkeys([*figures.batcher, *batchers])
        counts = {name: figures.batcher.get(name, 0.0) + batchers.get(name, 0.0) for name in names}
        return Figures(tuple(cameras), counts, models=total([*models, *figures.models]))

    def ask_to_stop(self) -> None:
        """Begin to end the process in order."""
        self.tell(Message("stop"))

    def stop(self, within_s: float) -> None:
        """End the process, in order if it manages `within_s`; its last events are taken in."""
        process, self._process = self._process, None
        if process is None:
            return
        if not process.wait(within_s):
            _LOG.warning("%s (process %d) did not end in time: killed", self.name, process.pid)
        process.end()
        self._interrupt()

    def _start(self) -> None:
        now_s = self._clock.monotonic_s()
        with self._lock:
            self._heard_s, self._busy_s, self._figures = None, 0.0, None
        for camera in self._config.cameras:
            self._hub.restart(camera, "connecting")
            self._taps.forget(camera)
        self.starts += 1
        try:
            self._process = self._start_process(self.name, self._hear)
        except (WatchpostError, OSError) as error:
            self._note_death(f"can not be started: {error}", now_s)
            return
        self._started_s = now_s
        self._process.tell(apply_message(self._config, self._detector_threads))
        if self._watched != watch_message((), ()):
            self._process.tell(self._watched)
        _LOG.info("%s is process %d", self.name, self._process.pid)

    def _watch(self, process: WorkerProcess, now_s: float) -> None:
        if process.exit_code is not None:
            self._process = None
            reason = reason_of_end(process.end())
        elif complaint := self._complaint(now_s):
            self._process = None
            process.end()
            reason = f"{complaint} and was killed"
        else:
            return
        self._note_death(f"(process {process.pid}) {reason}", now_s)

    def _complaint(self, now_s: float) -> str:
        patience = self._patience
        with self._lock:
            heard_s, busy_s = self._heard_s, self._busy_s
        if heard_s is None and now_s - self._started_s > patience.start_s:
            return f"said nothing for {now_s - self._started_s:.0f} s after its start"
        if heard_s is not None and now_s - heard_s > patience.silent_s:
            return f"did not answer for {now_s - heard_s:.0f} s"
        if busy_s > patience.busy_s:
            return f"was at one thing for {busy_s:.0f} s"
        return ""

    def _note_death(self, reason: str, now_s: float) -> None:
        self._keep_counts()
        backoff = self._patience.backoff
        self._deaths = 1 if now_s - self._started_s >= backoff.healthy_after_s and self._deaths else self._deaths + 1
        delay_s = backoff.delay_s(self._deaths)
        self._restart_at_s = now_s + delay_s
        said = f"{self.name} {reason}; it starts again in {delay_s:.0f} s."
        _LOG.error("%s Its cameras: %s", said, ", ".join(self._config.cameras))
        self._interrupt()
        for camera in self._config.cameras:
            self._hub.restart(camera, "failed", said)
        if self._failed_s is None:  # one that dies again and again is told once
            self._failed_s = now_s
            self._on_event(worker_failed(self.name, self._clock.wall_time_s(), len(self._config.cameras), reason))

    def _note_recovery(self, now_s: float) -> None:
        if self._failed_s is not None and self.is_up:
            out_s, self._failed_s = now_s - self._failed_s, None
            self._on_event(worker_recovered(self.name, self._clock.wall_time_s(), out_s))

    def _interrupt(self) -> None:
        """Report the ends that nobody will report any more."""
        with self._lock:
            ends = self._open.interrupt(self._clock.wall_time_s())
        for event in ends:
            _LOG.warning("%s: %s %s, as %s is gone", event.camera, event.class_name, event.kind, self.name)
            self._on_event(event)

    def _keep_counts(self) -> None:
        last = self.figures()
        with self._lock:
            self._figures = None
            self._earlier |= {camera.name: (camera.losses, camera.starts) for camera in last.cameras}
            self._earlier_models = tuple(replace(model, is_out=False) for model in last.models)
            self._earlier_batchers = {name: 0.0 if name in _NOW else count for name, count in last.batcher.items()}

    def _whole(self, camera: CameraFigures, earlier: Mapping[str, tuple[int, int]]) -> CameraFigures:
        losses, starts = earlier.get(camera.name, (0, 0))
        return replace(camera, losses=camera.losses + losses, starts=camera.starts + starts, worker=self.name)

    def _forgive(self, now_s: float) -> None:
        with self._lock:
            self._started_s = max(self._started_s, now_s - self._patience.start_s / 2)
            if self._heard_s is not None:
                self._heard_s = now_s

    def _hear(self, message: Message) -> None:
        """From the listening thread."""
        match message.kind:
            case "event":
                event = read_event(message)
                if event.camera == SERVER:
                    event = replace(event, attributes=event.attributes | {"worker": self.name})
                with self._lock:
                    self._open.note(event)
                self._on_event(event)
            case "picture":
                data = message.data
                self._hub.picture(str(data["camera"]), int(data["width"]), int(data["sequence"]), message.body)
            case "stream" | "packet" | "boxes":
                if message.data.get("camera") in self._config.cameras:
                    self._inlet.hear(message)
            case "footprint":
                self._footprints.add(read_footprint(message))
            case "report":
                report = read_report(message)
                with self._lock:
                    self._heard_s, self._busy_s = self._clock.monotonic_s(), report.busy_s
                    self._figures = report.figures
                for status in report.statuses:
                    if status.name in self._config.cameras:
                        self._hub.report(status, report.sequences.get(status.name, 0))
            case kind:
                _LOG.warning("%s said %s, which nobody understands", self.name, kind)
