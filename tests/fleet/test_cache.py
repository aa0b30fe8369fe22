"""The cache of streams stays small; what is in use, and what was used last, stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from watchpost.fleet import cache


def stream(folder: Path, name: str, used_s: int, size: int = 1000) -> Path:
    for suffix in (".mp4", ".json", ".0123.json"):
        path = folder / f"{name}{suffix}"
        path.write_bytes(b"x" * (size if suffix == ".mp4" else 10))
        os.utime(path, (used_s, used_s))
    return folder / f"{name}.mp4"


def test_what_was_used_longest_ago_goes_first_and_whole(tmp_path: Path) -> None:
    old, kept, new = stream(tmp_path, "old", 1), stream(tmp_path, "kept", 0), stream(tmp_path, "new", 2)
    (tmp_path / "fleet-index.json").write_text("[]")
    assert cache.prune(tmp_path, [kept], most_bytes=2500) == 1020
    assert not list(tmp_path.glob("old*"))
    assert kept.exists()
    assert new.exists()
    assert (tmp_path / "fleet-index.json").exists()
    assert not old.exists()


def test_what_is_in_use_stays_however_large(tmp_path: Path) -> None:
    kept = stream(tmp_path, "kept", 0)
    assert cache.prune(tmp_path, [kept], most_bytes=0) == 0
    assert kept.exists()


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "watchpost" / "bench-fleet"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "watchpost" / "bench-fleet"
