"""Where the recordings of a server are: a folder of files, the index in front of it, and the disk below."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from watchpost.errors import WatchpostError
from watchpost.recordings.disk import Disk, SystemDisk
from watchpost.recordings.index import RecordingIndex, Segment

FOLDER: Final = "recordings"
INDEX: Final = "recordings.db"
_LOCKS: Final = "recordings.lock"
SUFFIX: Final = ".mp4"


class Archive:
    """The recordings below a server's data folder. Safe to use from several threads and processes.

    Raises `WatchpostError` when its index can not be opened.
    """

    def __init__(self, data: Path, disk: Disk | None = None) -> None:
        self.data = data
        self.folder = data / FOLDER
        self.disk: Disk = disk or SystemDisk()
        self.index = RecordingIndex(data / INDEX)
        try:
            self.disk.make_folder(self.folder)
            self.disk.make_folder(data / _LOCKS)
        except OSError as error:
            self.index.close()
            raise WatchpostError(f"{error.filename}: can not be made: {error.strerror}.") from None

    def path(self, segment: Segment) -> Path:
        """Where a file of the index is."""
        return self.folder / segment.path

    def new_path(self, camera: str, wall_time_s: float) -> str:
        """Where a file that begins now is to be, relative to the folder: camera, day, time of day (UTC)."""
        begin = datetime.fromtimestamp(wall_time_s, UTC)
        stem = f"{camera}/{begin:%Y-%m-%d}/{begin:%H%M%S}.{begin.microsecond // 1000:03d}Z"
        path, number = stem + SUFFIX, 1
        while (self.folder / path).exists():  # the machine's clock was set back
            number += 1
            path = f"{stem}-{number}{SUFFIX}"
        return path

    def delete(self, segments: Iterable[Segment]) -> int:
        """Delete files and their rows; bytes that became free. Raises `WatchpostError` or `OSError`.

        First the rows say so, then the files go, then the rows: whatever is cut short is finished at the next start.
        """
        going = list(segments)
        self.index.mark_garbage(going)
        return self.sweep(going)

    def sweep(self, garbage: Iterable[Segment]) -> int:
        """Delete the files of rows that are marked as garbage, then the rows; bytes that became free."""
        going = list(garbage)
        folders = set()
        for each in going:
            path = self.path(each)
            self.disk.remove(path)
            folders.add(path.parent)
        for folder in folders:
            if folder.is_dir():
                self.disk.sync_folder(folder)
        self.index.forget(going)
        for folder in folders:
            _remove_if_empty(folder)
        return sum(each.bytes for each in going)

    @contextmanager
    def writing(self, camera: str) -> Iterator[None]:
        """Be the only one that writes a camera's recordings, as long as this lasts.

        Raises `WatchpostError` where another one is at it. The lock goes with its process, however that ends.
        """
        descriptor = os.open(self.data / _LOCKS / camera, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WatchpostError(f"{camera}: is being recorded by another process.") from None
            yield
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the index."""
        self.index.close()


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # of today, or used by somebody else
