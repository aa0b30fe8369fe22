"""What a recorder asks of the file system, so that tests can fill the disk, cut the power and break it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from watchpost.mp4.boxes import Buffer

_MOST_BUFFERS: Final = 1000
"""Linux takes 1024 in one call."""


class Disk(Protocol):
    """A file system. All raise `OSError`."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it; for its owner alone, as it holds pictures of people."""

    def create(self, path: Path) -> int:
        """A new file's descriptor. Raises `FileExistsError` where there is one."""

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> None:
        """Append all of the buffers."""

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off, and go on writing there."""

    def sync(self, descriptor: int) -> None:
        """Return when the file's bytes are on the disk."""

    def close(self, descriptor: int) -> None:
        """Let go of a file."""

    def sync_folder(self, path: Path) -> None:
        """Return when a folder's names are on the disk."""

    def remove(self, path: Path) -> None:
        """Delete a file. One that has gone already is no error."""

    def free_bytes(self, path: Path) -> int:
        """What may still be written."""


class SystemDisk:
    """This machine's file system."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        """A new file's descriptor."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> None:
        """Append all of the buffers."""
        for start in range(0, len(buffers), _MOST_BUFFERS):
            waiting = [memoryview(each) for each in buffers[start : start + _MOST_BUFFERS] if len(each)]
            while waiting:
                written = os.writev(descriptor, waiting)
                while waiting and written >= len(waiting[0]):
                    written -= len(waiting.pop(0))
                if written:
                    waiting[0] = waiting[0][written:]

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off, and go on writing there."""
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)

    def sync(self, descriptor: int) -> None:
        """Return when the file's bytes are on the disk."""
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        """Let go of a file."""
        os.close(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Return when a folder's names are on the disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink(missing_ok=True)

    def free_bytes(self, path: Path) -> int:
        """What may still be written."""
        state = os.statvfs(path)
        return state.f_bavail * state.f_frsize
