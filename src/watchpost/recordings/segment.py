"""One file of a recording while it is written. What `append` has returned from survives a power cut."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from watchpost.mp4.boxes import Buffer
from watchpost.recordings.disk import Disk

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskFullError(Exception):
    """There is no room; the file is as it was before."""


class SyncFailedError(Exception):
    """The disk did not take what was written. What it holds now is not known, and asking again would not tell
    (see "Can applications recover from fsync failures?", Rebello et al., USENIX ATC 2020)."""


def make_folder(disk: Disk, path: Path) -> None:
    """Make a folder and those above it, and return when their names are on the disk.

    Raises `DiskFullError`, `SyncFailedError` or `OSError`, with nothing made.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    try:
        disk.make_folder(path)
    except OSError as error:
        raise _translated(error) from error
    try:
        for each in missing:
            _sync(partial(disk.sync_folder, each.parent), each.parent)
    except BaseException:
        for each in missing:
            with suppress(OSError):  # another camera uses it already
                each.rmdir()
        raise


class SegmentFile:
    """A new file at `path`, its folder there already, that begins with `header`.

    Raises `DiskFullError`, `SyncFailedError` or `OSError`; then there is no file, or one without a fragment.
    """

    def __init__(self, disk: Disk, path: Path, header: Buffer) -> None:
        self.path = path
        self.size = 0
        """Bytes that are safe."""
        self._disk = disk
        try:
            self._descriptor = disk.create(path)
        except OSError as error:
            raise _translated(error) from error
        try:
            self.append([header])
            _sync(partial(disk.sync_folder, path.parent), path.parent)
        except BaseException:
            disk.close(self._descriptor)
            disk.remove(path)
            raise

    def append(self, buffers: Sequence[Buffer]) -> None:
        """Write and return when it is on the disk.

        Raises `DiskFullError` or `OSError`, with the file as it was before, or `SyncFailedError`.
        """
        try:
            self._disk.write(self._descriptor, buffers)
        except OSError as error:
            self._disk.truncate(self._descriptor, self.size)
            raise _translated(error) from error
        try:
            _sync(partial(self._disk.sync, self._descriptor), self.path)
        except DiskFullError:  # where room is taken at the sync: network file systems, quotas
            self._disk.truncate(self._descriptor, self.size)
            raise
        self.size += sum(map(len, buffers))

    def close(self) -> None:
        """Let go of the file."""
        self._disk.close(self._descriptor)


def _sync(action: Callable[[], None], path: Path) -> None:
    try:
        action()
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(str(path)) from error
        raise SyncFailedError(f"{path}: {error.strerror}") from error


def _translated(error: OSError) -> Exception:
    return DiskFullError(str(error.filename or "")) if error.errno in _FULL else error
