"""How the server is: what the doctor finds, processor, memory and disk, and how long there is room to record."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Final

import psutil
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from watchpost.clock import Clock
from watchpost.config import Configuration
from watchpost.recordings.archive import Archive
from watchpost.recordings.forecast import Flow, days_until_full, grows_for_days, growth
from watchpost.runtime.doctor import Level, Plan, checks, examine
from watchpost.web.access import Operator
from watchpost.web.services import Services

_EXAMINED_EVERY_S: Final = 60.0
_GB: Final = 1e9


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class CameraStorage(_Model):
    """The recordings of one camera. Times are seconds since 1970-01-01 UTC."""

    camera: str
    bytes: int
    oldest_s: float
    newest_s: float
    bytes_a_day: float | None
    """Over the last week; null while there is less than an hour."""
    keep_days: float | None
    """Recordings without events are deleted after so many; null: when room is short."""


class Storage(_Model):
    """All recordings, and their room."""

    cameras: list[CameraStorage]
    bytes: int
    bytes_a_day: float
    limit_bytes: int | None
    """Most that may be kept, where the configuration says so."""
    disk_bytes: int
    free_bytes: int
    reserved_bytes: int
    """So much of the disk stays free."""
    days_until_full: float | None
    """From then on the oldest go before their time. null: deletions by age begin before that."""


class Found(_Model):
    """One thing that the doctor saw."""

    check: str
    level: Level
    seen: str
    cure: str


class Health(_Model):
    """How the machine and the server are."""

    findings: list[Found]
    """Up to a minute old."""
    processors: int
    processor_percent: float
    """Of all processors of the machine, since the last time this was asked for."""
    server_processor_percent: float
    """Of one processor, by the server with its workers."""
    server_memory_bytes: int
    """Resident, of the server with its workers; pages that they share count for each."""
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/settings", tags=["system"])
    doctor = _Doctor(services.clock)
    usage = _Usage(services.clock)
    recordings = services.recordings

    @routes.get("/health", summary="What the doctor finds, processor, memory and disk")
    def health(_user: Operator) -> Health:
        config = services.configuration()
        memory = psutil.virtual_memory()
        disk = shutil.disk_usage(_existing(config.data))
        server_percent, server_bytes = usage.of_server()
        return Health(
            findings=doctor.findings(config),
            processors=os.cpu_count() or 1,
            processor_percent=psutil.cpu_percent(interval=None),
            server_processor_percent=server_percent,
            server_memory_bytes=server_bytes,
            memory_bytes=memory.total,
            memory_available_bytes=memory.available,
            disk_bytes=disk.total,
            disk_free_bytes=disk.free,
        )

    if recordings is not None:

        @routes.get("/storage", summary="What recordings take, and for how long there is room")
        def storage(_user: Operator) -> Storage:
            archive = recordings()
            if archive is None:
                raise HTTPException(503, "the recordings can not be used; the server's log says why")
            return forecast(archive, services.configuration(), services.clock.wall_time_s())

    return routes


def forecast(archive: Archive, config: Configuration, now_s: float) -> Storage:
    """The recordings of a server, and when they have no more room. Raises `WatchpostError`."""
    disk = shutil.disk_usage(_existing(archive.folder))
    cameras = []
    flows = []
    for each in growth(archive.index, now_s):
        settings = config.cameras.get(each.camera, config.defaults)
        keep_s = settings.recording.keep
        cameras.append(
            CameraStorage(
                camera=each.camera,
                bytes=each.bytes,
                oldest_s=each.oldest_s,
                newest_s=each.newest_s,
                bytes_a_day=each.bytes_a_day,
                keep_days=None if keep_s is None else keep_s / 86_400,
            )
        )
        flows.append(Flow(each.bytes_a_day or 0.0, grows_for_days(keep_s, each.oldest_s, now_s)))
    used = sum(camera.bytes for camera in cameras)
    reserved = round(config.recordings.free_gigabytes * _GB)
    limit = None if config.recordings.gigabytes is None else round(config.recordings.gigabytes * _GB)
    room = disk.free - reserved if limit is None else min(disk.free - reserved, limit - used)
    return Storage(
        cameras=cameras,
        bytes=used,
        bytes_a_day=sum(flow.bytes_a_day for flow in flows),
        limit_bytes=limit,
        disk_bytes=disk.total,
        free_bytes=disk.free,
        reserved_bytes=reserved,
        days_until_full=days_until_full(room, flows),
    )


class _Doctor:
    """Examines the machine now and then: it takes seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: list[Found] = []
        self._examined_s = float("-inf")

    def findings(self, config: Configuration) -> list[Found]:
        """What was found the last time, which is at most a minute ago."""
        with self._lock:
            if self._clock.monotonic_s() >= self._examined_s + _EXAMINED_EVERY_S:
                cameras = sum(camera.enabled for camera in config.cameras.values())
                all_checks = checks(Plan(config.data, config.web.host, config.web.port, cameras))
                del all_checks["port"]  # it is in use: by this server
                self._found = [
                    Found(check=each.check, level=each.level, seen=each.seen, cure=each.cure)
                    for each in examine(all_checks)
                ]
                self._examined_s = self._clock.monotonic_s()
            return self._found


class _Usage:
    """What the server and its workers take of the machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._before_s = clock.monotonic_s()
        self._times_s: dict[int, float] = {}

    def of_server(self) -> tuple[float, int]:
        """Per cent of one processor since the last call, and bytes of resident memory."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            times_s: dict[int, float] = {}
            memory = 0
            own = psutil.Process()
            for process in (own, *own.children(recursive=True)):
                try:
                    times = process.cpu_times()
                    memory += process.memory_info().rss
                except psutil.Error:  # it has just ended
                    continue
                times_s[process.pid] = times.user + times.system
            spent_s = sum(each - self._times_s.get(pid, each) for pid, each in times_s.items())
            span_s = now_s - self._before_s
            self._before_s, self._times_s = now_s, times_s
            return (100 * spent_s / span_s if span_s > 0 else 0.0), memory


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())
