"""A server's cameras in worker processes: sharded, watched, restarted alone, reloaded without touching the others.

The server itself keeps the configuration, the page, the store and the sinks; it decodes and detects nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from watchpost.clock import Clock
from watchpost.config import Configuration, Web
from watchpost.config.diff import changes
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.figures import Figures, WorkerFigures, total
from watchpost.runtime.footprints import Footprint, Footprints
from watchpost.runtime.link import Message
from watchpost.runtime.outlet import EventOutlet, Outlet
from watchpost.runtime.relay import RelayedHub
from watchpost.runtime.shard import Patience, Shard
from watchpost.runtime.sharding import assign
from watchpost.runtime.taps import Taps
from watchpost.runtime.worker_process import Start, start
from watchpost.stores import EventStore
from watchpost.types import Event

_LOG: Final = logging.getLogger(__name__)
_STOP_WITHIN_S: Final = 12.0
"""All workers together: each gives its cameras 10 s, and the guard kills a server that takes 20 s."""


class Workers:
    """Keeps the cameras of a configuration running in `count` processes. Its methods are called from one thread,
    but for `figures`.

    It does for its server what `Supervisor` does within one process. `cores` are shared among the workers' detectors.
    `taps` and `boxes` have the live streams and what is found in them, for those who watch.
    """

    def __init__(
        self,
        hub: RelayedHub,
        clock: Clock,
        count: int,
        cores: int,
        *,
        outlet: EventOutlet | None = None,
        start: Start = start,
        patience: Patience | None = None,
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._config = Configuration()
        self._places: dict[str, int] = {}
        self._outlet = outlet or Outlet(clock)
        self._footprints = Footprints()
        self.taps = Taps(lambda _camera, _is_wanted: self._tell_watched())
        self.boxes = BoxFeed(lambda _camera: self._tell_watched())
        self._watch_lock = threading.Lock()
        self._shards = [
            Shard(
                f"worker-{number}",
                hub,
                clock,
                self._take,
                start,
                patience or Patience(),
                self.taps,
                self.boxes,
                self._footprints,
            )
            for number in range(1, count + 1)
        ]
        self._detector_threads = max(1, cores // count)
        hub.on_watch = self._watch

    def apply(self, new: Configuration) -> None:
        """Tell each worker what has changed of its cameras.

        Raises `WatchpostError`, and leaves all as it was, where the store or a sink can not be used.
        """
        difference = changes(self._config, new)
        if difference.server & {"data", "store", "sinks"}:
            self._outlet.replace(new)
        self._config = new
        cameras = [name for name, camera in new.cameras.items() if camera.enabled]
        before = set(self._places)
        self._places = assign(cameras, self._places, len(self._shards))
        self._hub.expect(cameras)
        for gone in before - set(cameras):
            self.taps.remove(gone)
        # who loses a camera hears of it first: a camera may allow one connection alone
        held = [{name for name, place in self._places.items() if place == each} for each in range(len(self._shards))]
        for number in sorted(range(len(held)), key=lambda each: -len(self._shards[each].cameras - held[each])):
            self._shards[number].apply(_part(new, held[number], len(held)), self._detector_threads)
        self._tell_watched()
        for shard in self._shards:
            if shard.cameras:
                _LOG.info("%s: %s", shard.name, ", ".join(name for name in cameras if name in shard.cameras))

    def tend(self) -> None:
        """Look after the workers; call it about once a second."""
        for shard in self._shards:
            shard.tend()

    def wake(self, name: str, seconds: float) -> bool | None:
        """Keep a camera awake for so long, from any thread.

        `None` where it does not run, false where it never sleeps.
        """
        place = self._places.get(name)
        if place is None or place >= len(self._shards):
            return None
        figures = next((each for each in self._shards[place].figures().cameras if each.name == name), None)
        if figures is None:
            return None
        self._shards[place].tell(Message("wake", {"camera": name, "seconds": seconds}))
        return figures.gate is not None

    def figures(self) -> Figures:
        """What all cameras and all batchers have counted, as of about a second ago; from any thread."""
        own = [shard.figures() for shard in self._shards]
        order = {name: index for index, name in enumerate(self._places)}
        cameras = [camera for each in own for camera in each.cameras]
        cameras.sort(key=lambda camera: order.get(camera.name, len(order)))
        workers = (WorkerFigures(shard.name, len(shard.cameras), shard.is_up, shard.starts) for shard in self._shards)
        batcher = _together([each.batcher for each in own])
        return Figures(tuple(cameras), batcher, tuple(workers), total(model for each in own for model in each.models))

    def footprints(self) -> list[Footprint]:
        """Where people stood, as far as the workers have told since this was asked the last time; from any thread."""
        return self._footprints.take()

    @property
    def store(self) -> EventStore | None:
        """Where the events are kept, `None` before the first `apply`."""
        return self._outlet.store

    def close(self) -> None:
        """Stop all workers in order, take in their last events and hand them on."""
        for shard in self._shards:
            shard.ask_to_stop()
        end_s = self._clock.monotonic_s() + _STOP_WITHIN_S
        for shard in self._shards:
            shard.stop(max(0.0, end_s - self._clock.monotonic_s()))
        self._outlet.close()

    def _take(self, event: Event) -> None:
        self._hub.add_event(event)
        self._outlet.events([event])

    def _tell_watched(self) -> None:
        """Ask each worker for the streams and boxes that somebody watches here; from any thread."""
        with self._watch_lock:  # what is told last is what holds
            packets, boxes, places = self.taps.watched(), self.boxes.watched(), self._places
            for number, shard in enumerate(self._shards):
                own = {name for name, place in places.items() if place == number}
                shard.watch(packets & own, boxes & own)

    def _watch(self, camera: str, width: int) -> None:
        place = self._places.get(camera)
        if place is not None:
            self._shards[place].tell(Message("watch", {"camera": camera, "width": width}))


def _together(batchers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The counts of several batchers as one's."""
    names = dict.fromkeys(name for each in batchers for name in each)
    together = {name: sum(each.get(name, 0.0) for each in batchers) for name in names}
    return together | {"level": max((each.get("level", 0.0) for each in batchers), default=0.0)}


def _part(config: Configuration, cameras: set[str], processes: int) -> Configuration:
    """What one of so many workers has to know: its cameras and their models; no token, no sinks."""
    own = {name: camera for name, camera in config.cameras.items() if name in cameras}
    used = {camera.model for camera in own.values()}
    models = {name: model for name, model in config.models.items() if name in used}
    detection = config.detection
    if detection.workers is not None:  # what is said of the server is shared
        detection = detection.model_copy(update={"workers": max(1, detection.workers // processes)})
    update = {"cameras": own, "models": models, "sinks": (), "web": Web(), "detection": detection}
    return config.model_copy(update=update)
