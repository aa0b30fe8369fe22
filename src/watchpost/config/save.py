"""A configuration file replaced: whole or not at all, never over a change of somebody else, the old one kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from watchpost.config.reader import loads
from watchpost.errors import ConfigError

BACKUPS: Final = ".watchpost-backups"
"""A folder beside the file."""
_KEPT: Final = 20


class ChangedMeanwhileError(ConfigError):
    """Somebody else has changed the file."""


def version_of(content: bytes) -> str:
    """What tells one content of a file from another."""
    return hashlib.sha256(content).hexdigest()[:32]


def read(file: Path) -> tuple[bytes, str]:
    """What a file holds, and its version. Raises `ConfigError`."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} can not be read: {error.strerror}.") from None
    return content, version_of(content)


def save(
    file: Path, content: bytes, version: str, wall_time_s: float, environment: Mapping[str, str] | None = None
) -> str:
    """Put `content` into the file in place of that of `version`; the new version.

    The new one is validated first, the old one kept in the folder `BACKUPS`. Returns when all is on the disk.
    Raises `InvalidConfigError` for what is wrong with the new one, `ChangedMeanwhileError` where the file is of
    another version by now, and `ConfigError` where it can not be written.
    """
    file = file.resolve()  # a link stays one
    loads(content, str(file), file.parent, environment)
    old, found = read(file)
    if found != version:
        raise ChangedMeanwhileError(f"{file.name} has been changed by somebody else; look at it again.")
    if old == content:
        return version
    try:
        _keep(file, old, wall_time_s)
        _replace(file, content)
    except OSError as error:
        raise ConfigError(f"{file} can not be written: {error.strerror}.") from None
    return version_of(content)


def _keep(file: Path, content: bytes, wall_time_s: float) -> None:
    folder = file.parent / BACKUPS
    folder.mkdir(mode=0o700, exist_ok=True)
    moment = datetime.fromtimestamp(wall_time_s, UTC)
    _replace(folder / f"{file.name}.{moment:%Y%m%dT%H%M%S}.{moment.microsecond:06d}Z", content, mode=0o600)
    for path in sorted(folder.glob(f"{file.name}.*Z"))[:-_KEPT]:
        path.unlink(missing_ok=True)


def _replace(file: Path, content: bytes, mode: int | None = None) -> None:
    """All of the file, or nothing: also after a power cut."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            if mode is None:
                before = file.stat()
                os.fchmod(out.fileno(), before.st_mode & 0o777)
                _give(out.fileno(), before.st_uid, before.st_gid)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _give(descriptor: int, owner: int, group: int) -> None:
    """Keep the file's owner where this process may; a server that runs as the owner has nothing to give."""
    if (owner, group) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(descriptor, owner, group)
        except PermissionError:
            return
