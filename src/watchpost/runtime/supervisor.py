"""All cameras of one configuration: started, watched, restarted alone, and reloaded without touching the others."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from watchpost.clock import Clock
from watchpost.config import Camera as CameraConfig
from watchpost.config import Configuration
from watchpost.config.diff import changes
from watchpost.errors import WatchpostError
from watchpost.pipeline import Analysed, Pipeline
from watchpost.runtime.adaptive import AdaptiveOptions
from watchpost.runtime.assembly import (
    make_rule,
    make_tracker,
    show,
    show_events,
    show_state,
    wanted_classes,
)
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.camera import Camera
from watchpost.runtime.detector_pool import DetectorPool, ModelKey
from watchpost.runtime.figures import Figures, camera_figures
from watchpost.runtime.footprints import Footprint, Footprints
from watchpost.runtime.intake import Intake
from watchpost.runtime.live import LiveHub
from watchpost.runtime.outlet import EventOutlet, Outlet
from watchpost.runtime.reconnect import State, packets
from watchpost.runtime.recording import Recordings, source_options
from watchpost.runtime.taps import Taps
from watchpost.sources import Source, open_source
from watchpost.stores import EventStore
from watchpost.types import Event, Packet
from watchpost.video.decoder import Decoder
from watchpost.video.hardware import Hardware, devices
from watchpost.video.mask import masked
from watchpost.video.stills import Stills

_LOG: Final = logging.getLogger(__name__)
_FIRST_RESTART_S: Final = 2.0
_LONGEST_RESTART_S: Final = 60.0
_HEALTHY_AFTER_S: Final = 60.0
_STOP_WITHIN_S: Final = 10.0
"""All cameras together: the guard kills a server that takes 20 s, and the events must be handed on before."""


@dataclasses.dataclass(slots=True)
class _Entry:
    """A camera of the configuration and, while it runs, the running one."""

    config: CameraConfig
    running: Camera | None = None
    failures: int = 0
    starts: int = 0
    losses: int = 0
    """How often its connection was lost."""
    restart_at_s: float = 0.0
    started_at_s: float = 0.0
    model: ModelKey | None = None
    state: State | None = None
    """Of its connection."""


class Supervisor:
    """Keeps the cameras of a configuration running. Its methods are called from one thread.

    A camera whose source, model or analysis fails is started again alone, after 2 s, then 4 s, to at most a
    minute; a file that has been played to its end stays ended. A detector that hangs or fails is opened anew, and its
    cameras wait for it.
    """

    def __init__(
        self,
        hub: LiveHub,
        clock: Clock,
        outlet: EventOutlet | None = None,
        detector_threads: int | None = None,
        taps: Taps | None = None,
        boxes: BoxFeed | None = None,
    ) -> None:
        """`outlet` takes the events, by default store and sinks of the configuration; `detector_threads` run the
        detectors, by default one for each core; `taps` has the live streams and `boxes` what is found in them, for
        those who watch."""
        self.taps = taps or Taps()
        self.boxes = boxes or BoxFeed()
        self._hub = hub
        self._clock = clock
        self._config = Configuration()
        self._entries: dict[str, _Entry] = {}
        self._outlet = outlet or Outlet(clock)
        self._recordings = Recordings(clock, lambda event: self._events([event]))
        self._footprints = Footprints()
        self._stills = Stills()
        self._detectors = DetectorPool(clock, self._events, self._note_model, detector_threads)

    def apply(self, new: Configuration) -> None:
        """Start what is new, stop what has gone, restart what has changed, leave the rest alone.

        Raises `WatchpostError`, and leaves all as it was, where the store or a sink can not be used.
        """
        difference = changes(self._config, new)
        if difference.server & {"data", "store", "sinks"}:
            self._outlet.replace(new)
        self._config = new
        self._stop(difference.removed | difference.changed)
        for name in difference.removed:
            self._hub.remove(name)
        self._recordings.keep(name for name, camera in new.cameras.items() if camera.enabled)
        for name in difference.removed:  # nothing reads them any more
            self.taps.remove(name)
        used = {camera.model for camera in new.cameras.values() if camera.enabled}
        self._detectors.keep(frozenset(used - difference.models))
        if "detection" in difference.server:
            self._detectors.configure(new.detection)
        for name in sorted(difference.added | difference.changed):
            self._entries[name] = _Entry(new.cameras[name])
            self._start(name)

    def tend(self) -> None:
        """Look after detection and cameras that have ended; call it about once a second."""
        self._detectors.tend()
        for name, entry in self._entries.items():
            if entry.running is not None and entry.running.finished.is_set():
                self._note_end(name, entry)
            if entry.running is None and entry.failures and self._clock.monotonic_s() >= entry.restart_at_s:
                self._start(name)

    def running(self, name: str) -> Camera | None:
        """The running camera of that name, `None` while there is none."""
        entry = self._entries.get(name)
        return None if entry is None else entry.running

    def wake(self, name: str, seconds: float) -> bool | None:
        """Keep a camera awake for so long, from any thread.

        `None` where it does not run, false where it never sleeps.
        """
        camera = self.running(name)
        return None if camera is None else camera.wake(seconds)

    def figures(self) -> Figures:
        """What all running cameras and the batcher have counted; from any thread."""
        running = [(entry.running, entry) for entry in list(self._entries.values())]
        cameras = [
            camera_figures(
                camera,
                each.losses,
                each.starts,
                self._recordings.figures(camera.name),
                self._recordings.unread(camera.name),
            )
            for camera, each in running
            if camera is not None
        ]
        return Figures(tuple(cameras), self._detectors.counts(), models=self._detectors.figures())

    def footprints(self) -> list[Footprint]:
        """Where people stood since this was asked the last time; from any thread."""
        return self._footprints.take()

    @property
    def store(self) -> EventStore | None:
        """Where the events are kept, `None` before the first `apply`."""
        return self._outlet.store

    def close(self) -> None:
        """Stop all cameras, report what was going on, hand on the last events."""
        self._stop(list(self._entries))
        self._recordings.close()
        self._detectors.close()
        self._outlet.close()

    def _start(self, name: str) -> None:
        entry = self._entries[name]
        self._hub.set_state(name, "connecting")
        self.taps.forget(name)
        try:
            camera = self._make(name, entry.config)
        except (WatchpostError, OSError) as error:
            self._note_failure(name, entry, error)
            return
        entry.running, entry.started_at_s = camera, self._clock.monotonic_s()
        entry.starts += 1
        camera.start()

    def _make(self, name: str, config: CameraConfig) -> Camera:
        tracker = make_tracker(config.tracker.kind, config.tracker.options)
        model = ModelKey(config.model, tracker.minimum_confidence)
        detector = self._detectors.open(model, self._config.models[config.model])
        zones, lines = config.zone_arrays(), config.line_arrays()
        rules = [make_rule(rule.kind, name, rule.options, rule.title, zones, lines) for rule in config.rules]
        pipeline = Pipeline(detector, tracker, rules, wanted_classes(config.classes, detector))
        decoder = Decoder(name, hardware=Hardware(name, devices(config.decode)), stills=self._stills)
        intake = Intake(decoder, self._clock, config.gate, config.ring)
        self._entries[name].model = model
        self._hub.add(name, zones, lines, lambda: intake.gate, lambda: intake.sight.blindness)
        return Camera(
            name,
            self._recordings.packets(name, config, self._config.data, partial(self._packets, name, config)),
            intake,
            self._detectors.join(name, model, config),
            pipeline,
            [self._show],
            [self._events],
            self._clock,
            on_look=[self._hub.look],
            adaptive=AdaptiveOptions(full_fps=config.live_fps, least_fps=config.live_least_fps),
        )

    def _packets(self, name: str, config: CameraConfig, stop: threading.Event) -> Iterator[Packet]:
        opener: Callable[[], Source] = partial(open_source, config.source, name, source_options(config), self._clock)
        read = packets(opener, self._clock, stop, on_state=partial(self._note_state, name))
        if config.masks:  # before anybody else has them
            read = masked(name, read, config.mask_arrays())
        return self.taps.passing(name, read)

    def _show(self, result: Analysed) -> None:
        entry = self._entries.get(result.frame.camera)
        dropped = entry.running.stats.dropped if entry and entry.running else 0
        show(self._hub, result, dropped)
        self.boxes.see(result)
        self._footprints.see(result.frame, result.detections)
        if len(result.detections):
            self._recordings.saw_activity(result.frame.camera, result.frame.camera_time_s)

    def _note_state(self, name: str, state: State) -> None:
        if (entry := self._entries.get(name)) is not None:
            entry.state = state
            entry.losses += state.name == "lost"
        if state.name == "lost":
            self.taps.forget(name)
        if entry is None or entry.model is None or not self._detectors.is_out(entry.model):
            show_state(self._hub, name, state)
        _LOG.info("%s: %s%s", name, state.name, f": {state.detail}" if state.detail else "")

    def _note_model(self, model: ModelKey, problem: str | None) -> None:
        """A model is out of order, or well again: its cameras run on, and nothing of them is analysed meanwhile."""
        for name, entry in self._entries.items():
            if entry.model == model and entry.running is not None:
                if problem is not None:
                    self._hub.set_state(name, "failed", problem)
                elif entry.state is not None:
                    show_state(self._hub, name, entry.state)

    def _events(self, events: list[Event]) -> None:
        show_events(self._hub, events)
        for event in events:
            self._recordings.event(event)
            _LOG.info("%s: %s %s %s", event.camera, event.class_name, event.kind, event.zone or "")
        self._outlet.events(events)

    def _note_end(self, name: str, entry: _Entry) -> None:
        camera, entry.running = entry.running, None
        self.taps.forget(name)
        assert camera is not None  # noqa: S101 - the caller looked
        camera.stop()
        if camera.error is None:
            entry.failures = 0
            self._hub.set_state(name, "ended")
            return
        if self._clock.monotonic_s() - entry.started_at_s >= _HEALTHY_AFTER_S:
            entry.failures = 0
        self._note_failure(name, entry, camera.error)

    def _note_failure(self, name: str, entry: _Entry, error: Exception) -> None:
        entry.failures += 1
        delay_s = min(_LONGEST_RESTART_S, _FIRST_RESTART_S * 2.0 ** min(entry.failures - 1, 10))
        entry.restart_at_s = self._clock.monotonic_s() + delay_s
        self._hub.set_state(name, "failed", str(error))
        known = isinstance(error, WatchpostError | OSError)
        _LOG.error("%s: %s It starts again in %.0f s.", name, error, delay_s, exc_info=None if known else error)

    def _stop(self, names: Iterable[str]) -> None:
        running = {name: self._entries.pop(name).running for name in names}
        for camera in running.values():
            if camera is not None:
                camera.ask_to_stop()
        end_s = time.monotonic() + _STOP_WITHIN_S
        for name, camera in running.items():
            if camera is not None and not camera.stop(max(0.0, end_s - time.monotonic())):
                _LOG.warning("%s did not stop in time; it is left to end by itself", name)
