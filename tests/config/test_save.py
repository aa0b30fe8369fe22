from __future__ import annotations

import os
from pathlib import Path

import pytest

from watchpost.config import InvalidConfigError
from watchpost.config.save import BACKUPS, ChangedMeanwhileError, read, save
from watchpost.errors import ConfigError

OLD = b"cameras:\n  gate: {source: 'synthetic:'}  # ours\n"
NEW = b"cameras:\n  gate: {source: 'synthetic:', max_fps: 2}  # ours\n"
NOW = 1_700_000_000.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "watchpost.yaml"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


def test_the_new_one_is_there_whole_with_its_mode_and_the_old_one_is_kept(file: Path) -> None:
    _, version = read(file)
    new_version = save(file, NEW, version, NOW)
    assert read(file) == (NEW, new_version)
    assert new_version != version
    assert file.stat().st_mode & 0o777 == 0o640
    (kept,) = (file.parent / BACKUPS).iterdir()
    assert kept.read_bytes() == OLD
    assert kept.name == "watchpost.yaml.20231114T221320.000000Z"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == [BACKUPS, "watchpost.yaml"]


def test_what_somebody_else_has_written_meanwhile_stays(file: Path) -> None:
    _, version = read(file)
    file.write_bytes(OLD + b"# a line more\n")
    with pytest.raises(ChangedMeanwhileError, match="somebody else"):
        save(file, NEW, version, NOW)
    assert file.read_bytes() == OLD + b"# a line more\n"


def test_what_does_not_hold_is_not_written(file: Path) -> None:
    _, version = read(file)
    with pytest.raises(InvalidConfigError, match="max_fsp"):
        save(file, NEW.replace(b"max_fps", b"max_fsp"), version, NOW)
    assert file.read_bytes() == OLD
    assert not (file.parent / BACKUPS).exists()


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    save(link, NEW, read(link)[1], NOW)
    assert link.is_symlink()
    assert file.read_bytes() == NEW


def test_the_last_twenty_are_kept(file: Path) -> None:
    for number in range(25):
        save(file, NEW + b"#" * number + b"\n", read(file)[1], NOW + number)
    kept = sorted((file.parent / BACKUPS).iterdir())
    assert len(kept) == 20
    assert kept[-1].read_bytes() == NEW + b"#" * 23 + b"\n"


def test_a_write_that_fails_leaves_the_old_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        save(file, NEW, read(file)[1], NOW)
    assert file.read_bytes() == OLD
    assert not [path for path in file.parent.rglob("*") if path.is_file() and path != file]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can not be read"):
        read(tmp_path / "nothing.yaml")
