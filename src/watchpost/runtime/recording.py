"""The recordings of a running server: a feed and a recorder for each camera that is recorded, and their retention."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchpost import plugins
from watchpost.clock import Clock
from watchpost.config import Camera as CameraConfig
from watchpost.config import Configuration
from watchpost.errors import WatchpostError
from watchpost.recordings.archive import Archive
from watchpost.recordings.recorder import Recorder, RecorderFigures, RecorderOptions
from watchpost.recordings.retention import CameraLimits, Limits, Retention
from watchpost.recordings.writer import Lengths
from watchpost.runtime.alerts import Alerts
from watchpost.runtime.feed import Feed
from watchpost.sources import plugin_for
from watchpost.types import Event, Packet
from watchpost.video.ring import Ring

_LOG: Final = logging.getLogger(__name__)
_PRUNE_S: Final = 60.0
_FEEDS_STOP_WITHIN_S: Final = 2.0
_RECORDERS_STOP_WITHIN_S: Final = 5.0
"""All together: the guard kills a server that takes 20 s."""
_GB: Final = 1_000_000_000
_LONGEST_GROUP_S: Final = 10.0
"""The ring drops whole groups: a key frame at or before the wanted time takes that much more."""


@dataclass(slots=True)
class _Recorded:
    """A camera that is recorded, and what that depends on: other changes of its settings leave it alone."""

    made_of: tuple[Any, ...]
    feed: Feed
    recorder: Recorder


class Recordings:
    """Recorders of one process. Called from the supervisor's thread, `event` and `saw_activity` from any.

    `on_event` hears, from threads of its own, what is wrong with them, as events of the server.
    """

    def __init__(self, clock: Clock, on_event: Callable[[Event], None] = lambda _: None) -> None:
        self._clock = clock
        self._tell = Alerts(clock, on_event)
        self._archive: Archive | None = None
        self._recorded: dict[str, _Recorded] = {}

    def packets(
        self, name: str, config: CameraConfig, data: Path, read: Callable[[threading.Event], Iterable[Packet]]
    ) -> Callable[[threading.Event], Iterable[Packet]]:
        """Where the analysis of a camera takes its packets from: of one that is recorded, from its feed.

        A feed that runs already goes on: reading and recording do not stop when the analysis is started anew.
        """
        if config.recording.mode == "off":
            self.remove([name])
            return read
        made_of = config.source, config.options, config.recording, config.ring, config.masks
        found = self._recorded.get(name)
        if found is not None and (found.made_of != made_of or found.feed.ended.is_set()):
            self.remove([name])
            found = None
        if found is None:
            try:
                found = self._start(name, config, data, made_of, read)
            except (WatchpostError, OSError) as error:
                self._tell.problem(name, str(error))
                return read
        return found.feed.packets

    def event(self, event: Event) -> None:
        """Record, and keep longer, what is around an event."""
        if (found := self._recorded.get(event.camera)) is not None:
            found.recorder.event(event)

    def saw_activity(self, camera: str, camera_time_s: float) -> None:
        """Somebody is in sight of a camera."""
        if (found := self._recorded.get(camera)) is not None:
            found.recorder.saw_activity(camera_time_s)

    def figures(self, camera: str) -> RecorderFigures | None:
        """What a camera's recorder has done, `None` where it is not recorded; from any thread."""
        found = self._recorded.get(camera)
        return None if found is None else found.recorder.figures()

    def unread(self, camera: str) -> int:
        """Packets of a recorded camera for which its analysis was too late; from any thread."""
        found = self._recorded.get(camera)
        return 0 if found is None else found.feed.lost

    def remove(self, names: Iterable[str]) -> None:
        """Stop recording cameras, what is waiting written."""
        going = [found for name in names if (found := self._recorded.pop(name, None)) is not None]
        # all are told before any is waited for: a disk that hangs must not hold up the server's end once a camera
        for stops, within_s in (
            ([each.feed.stop for each in going], _FEEDS_STOP_WITHIN_S),
            ([each.recorder.stop for each in going], _RECORDERS_STOP_WITHIN_S),
        ):
            for stop in stops:
                stop(0.0)
            end_s = time.monotonic() + within_s
            late = sum(not stop(max(0.0, end_s - time.monotonic())) for stop in stops)
            if late:
                _LOG.warning("recordings: %d threads did not end in time; what waited for the disk is lost", late)

    def keep(self, names: Iterable[str]) -> None:
        """Stop recording all cameras but these."""
        self.remove(self._recorded.keys() - set(names))

    def close(self) -> None:
        """Stop all recorders, then let go of the index."""
        self.keep(())
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def _start(
        self,
        name: str,
        config: CameraConfig,
        data: Path,
        made_of: tuple[Any, ...],
        read: Callable[[threading.Event], Iterable[Packet]],
    ) -> _Recorded:
        archive = self._open(data)
        retention = Retention(archive, self._clock, on_full=self._tell.full)
        options = recorder_options(config)
        seconds = max(config.ring.seconds, options.before_s) + _LONGEST_GROUP_S
        ring = Ring(round(config.ring.megabytes * 1e6), seconds) if options.mode == "events" else None
        recorder = Recorder(name, archive, retention, self._clock, options, ring, self._tell.problem)
        found = _Recorded(made_of, Feed(name, read, recorder), recorder)
        self._recorded[name] = found
        recorder.start()
        found.feed.start()
        self._tell.problem(name, "")  # where an earlier start failed
        return found

    def _open(self, data: Path) -> Archive:
        if self._archive is None:
            self._archive = Archive(data)
        elif self._archive.data != data:
            _LOG.warning("recordings stay in %s until the server is restarted", self._archive.data)
        return self._archive


class Keeper:
    """Keeps all recordings of a server within their age and bytes, in a thread of its own; one for all processes."""

    def __init__(self, clock: Clock, on_event: Callable[[Event], None] = lambda _: None) -> None:
        self._clock = clock
        self._tell = Alerts(clock, on_event)
        self._retention: Retention | None = None
        self._archive: Archive | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)

    def apply(self, config: Configuration) -> None:
        """Keep to this configuration from now on. A folder that can not be used is told in the log."""
        if self._archive is None:
            try:
                self._archive = Archive(config.data)
            except (WatchpostError, OSError) as error:
                _LOG.error("recordings: %s", error)
                return
            self._retention = Retention(self._archive, self._clock, on_full=self._tell.full)
        if self._retention is not None:
            self._retention.limits = limits(config)
        if self._thread.ident is None:
            self._thread.start()

    @property
    def archive(self) -> Archive | None:
        """The recordings, `None` where they can not be used."""
        return self._archive

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10.0)
        if self._archive is not None:
            self._archive.close()

    def _run(self) -> None:
        while True:
            if self._retention is not None:
                try:
                    self._retention.prune()
                except (WatchpostError, OSError) as error:
                    _LOG.error("recordings: what is too old can not be deleted: %s", error)
                except Exception:  # a fault here must not fill the disk for ever
                    _LOG.exception("recordings")
            if self._clock.wait(_PRUNE_S, self._stop):
                return


def recorder_options(config: CameraConfig) -> RecorderOptions:
    """What a camera's settings mean for its recorder."""
    wished = config.recording
    lengths = Lengths(wished.segment, wished.fragment)
    return RecorderOptions(wished.mode, wished.before, wished.after, lengths)


def limits(config: Configuration) -> Limits:
    """What a configuration means for what is kept."""
    cameras = {
        name: CameraLimits(
            camera.recording.keep,
            camera.recording.keep_events,
            None if camera.recording.gigabytes is None else round(camera.recording.gigabytes * _GB),
        )
        for name, camera in config.cameras.items()
    }
    others = CameraLimits(config.defaults.recording.keep, config.defaults.recording.keep_events)
    storage = config.recordings
    total = None if storage.gigabytes is None else round(storage.gigabytes * _GB)
    return Limits(cameras, others, total, round(storage.free_gigabytes * _GB))


def source_options(config: CameraConfig) -> Mapping[str, Any]:
    """A camera's source options; of one that is recorded with its sound, that too."""
    wished = config.recording
    known = plugins.load("sources", plugin_for(config.source)).Options.model_fields
    if wished.mode == "off" or not wished.sound or "sound" not in known:
        return config.options
    return {"sound": True, **config.options}
