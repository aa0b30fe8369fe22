"""Where rendered streams are kept, and how much of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 2_000_000_000
"""Some five fleets of a minute with noise, or a hundred without."""


def folder() -> Path:
    """In the user's cache folder (XDG_CACHE_HOME, else ~/.cache)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "watchpost" / "bench-fleet"


def prune(cache: Path, keep: Collection[Path], most_bytes: int = MOST_BYTES) -> int:
    """Remove the streams that were used longest ago until the rest is small enough, never those of `keep`.

    What belongs to a stream (its truth, what full decoding found in it) goes with it. Returns the bytes removed.
    """
    kept = {path.stem for path in keep}
    streams: dict[str, list[Path]] = {}
    for path in cache.iterdir():
        streams.setdefault(path.name.partition(".")[0], []).append(path)
    sizes = {name: sum(_size(path) for path in paths) for name, paths in streams.items()}
    used = {name: max(_used_s(path) for path in paths) for name, paths in streams.items()}
    total, removed = sum(sizes.values()), 0
    for name in sorted(streams, key=lambda each: used[each]):
        if total - removed <= most_bytes:
            break
        if name in kept or name.startswith("fleet-"):  # an index is some hundred bytes
            continue
        for path in streams[name]:
            path.unlink(missing_ok=True)
        removed += sizes[name]
    return removed


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _used_s(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
