"""Is the data folder writable, and for how long will its disk last?"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchpost.runtime.doctor.finding import Finding, Level

_DAY_S: Final = 86400.0
_WINDOW_S: Final = 7 * _DAY_S
_SHORTEST_S: Final = _DAY_S / 24
"""Growth is not told from less than an hour of files."""
_DATABASES: Final = (".db", ".sqlite", ".sqlite3")
_MOST_FILES: Final = 200_000


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file of the data folder."""

    size: int
    modified_wall_time_s: float
    is_database: bool = False


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The data folder and its disk."""

    folder: str
    free_bytes: int
    total_bytes: int
    write_error: str | None
    """Why nothing can be written there; `None` where it can."""
    files: Sequence[FileFact]
    now_wall_time_s: float


def disk_facts(folder: Path, now_wall_time_s: float) -> DiskFacts:
    """Look at the folder, or at where it will be made; a file is written there and removed."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    write_error = None
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            pass
    except OSError as error:
        write_error = error.strerror or str(error)
    usage = shutil.disk_usage(existing)
    files = list(_files(folder)) if folder.is_dir() else []
    return DiskFacts(str(folder), usage.free, usage.total, write_error, files, now_wall_time_s)


def _files(folder: Path) -> list[FileFact]:
    found: list[FileFact] = []
    for root, _, names in os.walk(folder):
        for name in names:
            if len(found) == _MOST_FILES:
                return found
            with contextlib.suppress(OSError):  # it has just been pruned
                stat = Path(root, name).stat()
                found.append(FileFact(stat.st_size, stat.st_mtime, name.endswith(_DATABASES)))
    return found


def growth_bytes_per_day(files: Sequence[FileFact], now_wall_time_s: float) -> float | None:
    """How fast the folder grew in the last week; `None` when its files tell too little.

    A recording counts by when it was written. A database is written all the time, so it counts by its size over
    the age of the oldest file.
    """
    if not files:
        return None
    age_s = now_wall_time_s - min(file.modified_wall_time_s for file in files)
    if age_s < _SHORTEST_S:
        return None
    window_s = min(age_s, _WINDOW_S)
    recent = sum(
        file.size for file in files if not file.is_database and file.modified_wall_time_s >= now_wall_time_s - window_s
    )
    databases = sum(file.size for file in files if file.is_database)
    return (recent / window_s + databases / age_s) * _DAY_S


def judge_disk(facts: DiskFacts) -> list[Finding]:
    """Writable, free, and the days that are left."""
    if facts.write_error is not None:
        seen = f"{facts.folder} can not be written: {facts.write_error}"
        return [Finding("disk", Level.PROBLEM, seen, "Change its owner (chown), or set `data:` to another folder.")]
    free = f"{facts.folder}: {facts.free_bytes / 1e9:.1f} of {facts.total_bytes / 1e9:.1f} GB free"
    cure = "Free some space, shorten how long events are kept, or set `data:` to a larger disk."
    growth = growth_bytes_per_day(facts.files, facts.now_wall_time_s)
    days = facts.free_bytes / growth if growth else None
    forecast = (
        f"{free}; it grows by {growth / 1e9:.2f} GB a day: full in {days:.1f} days"
        if growth is not None and days is not None and days < 3650
        else f"{free}; no growth seen that would fill it"
    )
    if facts.free_bytes < 500e6 or (days is not None and days < 1):
        return [Finding("disk", Level.PROBLEM, forecast, cure)]
    if facts.free_bytes < 0.05 * facts.total_bytes or (days is not None and days < 7):
        return [Finding("disk", Level.WARNING, forecast, cure)]
    return [Finding("disk", Level.OK, forecast)]
