"""Records one camera, in a thread of its own behind a bounded queue: whatever is slow here, nobody waits for it."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.mp4.fragments import Seal
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import recover
from watchpost.recordings.index import Segment
from watchpost.recordings.retention import Retention
from watchpost.recordings.segment import DiskFullError, SyncFailedError
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.types import Event, Packet

_LOG: Final = logging.getLogger(__name__)
_RETRY_S: Final = 5.0
_PACKET_COST: Final = 500
"""Bytes that a packet takes beside its data."""

Mode = Literal["continuous", "events", "off"]


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """What is recorded of one camera."""

    mode: Mode = "continuous"
    before_s: float = 5.0
    """In mode `events`: how much of what came before an event; it also keeps so much around events longer."""
    after_s: float = 10.0
    """How long it goes on after the last sign of an event."""
    lengths: Lengths = field(default_factory=Lengths)
    queue_bytes: int = 64_000_000
    """What may wait for a disk that is slow; what comes beyond is lost and counted."""


class PreRoll(Protocol):
    """The newest packets of a camera (`watchpost.video.ring.Ring`)."""

    def add(self, packet: Packet) -> None:
        """Hold a packet; old ones give way."""

    def since_key(self, time_s: float) -> list[Packet]:
        """The packets from the newest key frame at or before a camera time on."""


@dataclass(frozen=True, slots=True)
class RecorderFigures:
    """What a recorder has done so far."""

    camera: str
    mode: Mode
    problem: str
    """Why it does not record although it should; empty when all is well."""
    is_recording: bool
    bytes: int
    """Written since the start."""
    fragments: int
    lost: int
    """Packets that came and could not be kept."""
    queued_bytes: int
    kept_wall_time_s: float
    """Up to when the recording is safe; 0 before its first fragment."""
    sound_left_out: str
    """Codec of sound that can not be recorded; empty without."""
    gaps: int = 0
    """Times that pictures were missing within a file: the camera, or the way from it, left some out."""
    gap_s: float = 0.0
    """How long these were in all."""


def abort() -> None:
    """End this process now, as a kill would: what the disk holds has to be found out anew."""
    os.abort()


class Recorder:
    """Takes a camera's packets ahead of all analysis. `take`, `event` and `saw_activity` return at once.

    `on_problem` hears, from the recorder's thread, what keeps it from recording, and with an empty text that it goes
    on. `die` is called when the disk failed to keep what was written: it should not return.
    """

    def __init__(
        self,
        camera: str,
        archive: Archive,
        retention: Retention,
        clock: Clock,
        options: RecorderOptions | None = None,
        pre_roll: PreRoll | None = None,
        on_problem: Callable[[str, str], None] = lambda *_: None,
        die: Callable[[], None] = abort,
    ) -> None:
        self.camera = camera
        self._archive = archive
        self._clock = clock
        self._options = options or RecorderOptions()
        self._ring = pre_roll
        self._on_problem = on_problem
        self._die = die
        self._changed = threading.Condition()
        self._queue: deque[tuple[Packet, int] | Event] = deque()
        self._queued_bytes = 0
        self._lost_at_door = 0
        """Packets that found the queue full since the last that did not."""
        self._lost = 0
        self._stop = threading.Event()
        self._problem = ""
        self._bytes = self._fragments = 0
        self._kept_wall_time_s = 0.0
        self._gaps, self._gap_s = 0, 0.0
        self._writer = CameraWriter(
            camera, archive, clock, self._options.lengths, retention.make_room, on_kept=self._note_kept
        )
        self._until_s: float | None = None
        """In mode `events`: camera time at which recording ends, `None` while there is none."""
        self._active_s = float("-inf")
        self._written_pts = -1.0
        self._thread = threading.Thread(target=self._run, name=f"{camera} recorder", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def take(self, packet: Packet) -> None:
        """Record a packet, with times that the timestamp filter has mended."""
        size = packet.size + _PACKET_COST
        with self._changed:
            if self._queued_bytes + size > self._options.queue_bytes:
                self._lost_at_door += 1
                self._lost += 1
                return
            self._queue.append((packet, self._lost_at_door))
            self._lost_at_door = 0
            self._queued_bytes += size
            self._changed.notify()

    def event(self, event: Event) -> None:
        """Record, and keep longer, what is around an event."""
        with self._changed:
            self._queue.append(event)
            self._changed.notify()

    def saw_activity(self, camera_time_s: float) -> None:
        """Something is still in sight: a recording that an event began goes on."""
        self._active_s = camera_time_s

    def figures(self) -> RecorderFigures:
        """What has been done so far; from any thread."""
        return RecorderFigures(
            camera=self.camera,
            mode=self._options.mode,
            problem=self._problem,
            is_recording=self._options.mode == "continuous" or self._until_s is not None,
            bytes=self._bytes,
            fragments=self._fragments,
            lost=self._lost + self._writer.lost,
            queued_bytes=self._queued_bytes,
            kept_wall_time_s=self._kept_wall_time_s,
            sound_left_out=self._writer.sound.left_out,
            gaps=self._gaps,
            gap_s=self._gap_s,
        )

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Write what is waiting and end. False if that did not end in time."""
        with self._changed:
            self._stop.set()
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                with self._archive.writing(self.camera):
                    recover(self._archive, self.camera)
                    self._record()
                return
            except SyncFailedError as error:
                _LOG.critical("%s: the disk did not keep what was written: %s. This process ends.", self.camera, error)
                self._die()
                return
            except Exception as error:
                self._note_problem(error)
            if self._clock.wait(_RETRY_S, self._stop):
                return

    def _record(self) -> None:
        try:
            while (item := self._next()) is not None:
                try:
                    self._work(item)
                except SyncFailedError:
                    raise
                except Exception as error:  # whatever it is, the camera goes on and so does its recording
                    self._writer.abandon()
                    self._note_problem(error)
                finally:
                    self._release(item)
            self._writer.finish()
        except BaseException:
            self._writer.abandon()
            raise

    def _next(self) -> tuple[Packet, int] | Event | None:
        with self._changed:
            while not self._queue and not self._stop.is_set():
                self._changed.wait()
            if not self._queue:
                return None
            return self._queue.popleft()

    def _release(self, item: tuple[Packet, int] | Event) -> None:
        if isinstance(item, tuple):
            with self._changed:
                self._queued_bytes -= item[0].size + _PACKET_COST

    def _work(self, item: tuple[Packet, int] | Event) -> None:
        if isinstance(item, Event):
            self._note_event(item)
        elif self._options.mode == "continuous":
            self._writer.add(*item)
        elif self._options.mode == "events":
            self._add_if_wanted(*item)

    def _add_if_wanted(self, packet: Packet, lost: int) -> None:
        if self._ring is not None:
            self._ring.add(packet)
        if self._until_s is None:
            return
        time_s = packet.camera_time_s or 0.0
        self._until_s = max(self._until_s, self._active_s + self._options.after_s)
        if time_s > self._until_s:
            self._until_s = None
            self._writer.finish()
            return
        self._write(packet, lost)

    def _note_event(self, event: Event) -> None:
        before_s, after_s = self._options.before_s, self._options.after_s
        if self._options.mode == "events":
            is_new = self._until_s is None
            self._until_s = max(self._until_s or 0.0, event.end.camera_time_s + after_s)
            if is_new and self._ring is not None:
                for packet in self._ring.since_key(event.start.camera_time_s - before_s):
                    if (packet.camera_time_s or 0.0) > self._written_pts:
                        self._write(packet, 0)
        first_s, last_s = event.start.wall_time_s - before_s, event.end.wall_time_s + after_s
        self._archive.index.keep_event(event.id, event.camera, first_s, last_s)

    def _write(self, packet: Packet, lost: int) -> None:
        self._writer.add(packet, lost)
        self._written_pts = max(self._written_pts, packet.camera_time_s or 0.0)

    def _note_kept(self, row: Segment, seal: Seal) -> None:
        self._bytes += seal.size
        self._fragments += 1
        self._gaps += seal.gaps
        self._gap_s += seal.gap_s
        self._kept_wall_time_s = row.last_wall_time_s
        if self._problem:
            self._problem = ""
            self._on_problem(self.camera, "")

    def _note_problem(self, error: Exception) -> None:
        text = "the disk is full, and nothing is left to delete." if isinstance(error, DiskFullError) else str(error)
        if text != self._problem:
            known = isinstance(error, WatchpostError | OSError | DiskFullError)
            _LOG.error("%s: recording: %s", self.camera, text, exc_info=None if known else error)
            self._problem = text
            self._on_problem(self.camera, text)
