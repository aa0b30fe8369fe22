"""How long recordings stay: by age, by bytes, and never at the price of what is being recorded now.

The oldest goes first. What an event is kept by goes after what no event is kept by, when room is short: that is what
people come back for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from watchpost.clock import Clock
from watchpost.recordings.archive import Archive
from watchpost.recordings.index import IndexFullError, Segment

_AT_ONCE: Final = 200
"""Files deleted in one go, so that recorders get at the index in between."""


@dataclass(frozen=True, slots=True)
class CameraLimits:
    """What is kept of one camera. `None` is without bounds."""

    age_s: float | None = 7 * 86_400.0
    event_age_s: float | None = 30 * 86_400.0
    """Of what an event is kept by; at least `age_s`."""
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept in all."""

    cameras: Mapping[str, CameraLimits] = field(default_factory=dict)
    others: CameraLimits = CameraLimits()
    """Of cameras that are not configured any more."""
    bytes: int | None = None
    free_bytes: int = 1_000_000_000
    """Stays free on the disk, for the index, the events and other programs."""


class Retention:
    """Deletes what is not to be kept. Safe to use from several threads and processes.

    `on_full` hears of it when the disk was full and recordings had to go before their time.
    """

    def __init__(
        self,
        archive: Archive,
        clock: Clock,
        limits: Limits | None = None,
        on_full: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.limits = limits or Limits()
        """May be replaced at any time."""
        self._archive = archive
        self._clock = clock
        self._on_full = on_full
        self._lock = threading.Lock()

    def prune(self) -> int:
        """Delete what is too old or too much; bytes that became free.

        Raises `WatchpostError` or `OSError` when index or files can not be changed.
        """
        limits, archive = self.limits, self._archive
        with self._lock:
            freed = sum(self._prune_age(name, limits.cameras.get(name, limits.others)) for name in self._cameras())
            sizes = archive.index.bytes_of_cameras()
            for name, size in sizes.items():
                most = limits.cameras.get(name, limits.others).bytes
                if most is not None and size > most:
                    gone = self._free(size - most, name)
                    sizes[name] -= gone
                    freed += gone
            total = sum(sizes.values())
            if limits.bytes is not None and total > limits.bytes:
                freed += self._free(total - limits.bytes)
            missing = limits.free_bytes - archive.disk.free_bytes(archive.folder)
            if missing > 0:
                gone = self._free(missing)
                freed += gone
                self._on_full(gone)
        return freed

    def make_room(self, size: int, again: bool = False) -> bool:
        """Delete the oldest files of all cameras, `size` bytes of them; whether anything could be deleted.

        The first time that somebody asks it may be that another has made room just now. `again` is who asked already.
        """
        with self._lock:
            archive = self._archive
            if not again and archive.disk.free_bytes(archive.folder) >= 2 * size:
                return True
            gone = self._free(size)
            self._on_full(gone)
            return gone > 0

    def _cameras(self) -> list[str]:
        return self._archive.index.cameras()

    def _prune_age(self, camera: str, limits: CameraLimits) -> int:
        index, now_s = self._archive.index, self._clock.wall_time_s()
        freed = 0
        if limits.event_age_s is not None and limits.age_s is not None:
            longest_s = max(limits.age_s, limits.event_age_s)
            index.drop_events(camera, now_s - longest_s)
        if limits.age_s is None:
            return 0
        while True:
            old = index.oldest(_AT_ONCE, camera=camera, before_wall_time_s=now_s - limits.age_s)
            freed += self._archive.delete(old) if old else 0
            if len(old) < _AT_ONCE:
                return freed

    def _free(self, size: int, camera: str | None = None) -> int:
        """Delete the oldest files, of a camera or all, until so many bytes are free; how many became."""
        freed = 0
        for spared in (True, False):
            while freed < size:
                oldest = self._archive.index.oldest(_AT_ONCE, camera=camera, spared=spared)
                if not oldest:
                    break
                freed += self._delete(oldest, size - freed)
        return freed

    def _delete(self, oldest: list[Segment], size: int) -> int:
        """Delete the first of some files, as many as it takes."""
        going = _enough(oldest, size)
        try:
            return self._archive.delete(going)
        except IndexFullError:  # to say what goes takes room, too: files go unsaid until there is enough for that
            for count, each in enumerate(oldest, 1):
                self._archive.disk.remove(self._archive.path(each))
                with suppress(IndexFullError):
                    return self._archive.delete(oldest[: max(count, len(going))])
            raise


def _enough(segments: list[Segment], size: int) -> list[Segment]:
    """The first of them, as many as it takes."""
    going = []
    for each in segments:
        if size <= 0:
            break
        going.append(each)
        size -= each.bytes
    return going
