from __future__ import annotations

import os
from dataclasses import replace

import pytest

from watchpost.runtime.doctor import Level
from watchpost.runtime.doctor.disk import DiskFacts, FileFact, disk_facts, growth_bytes_per_day, judge_disk

DAY = 86400.0
NOW = 1_800_000_000.0
HEALTHY = DiskFacts("data", int(100e9), int(200e9), None, (), NOW)


def recordings(days: float, bytes_per_day: float) -> list[FileFact]:
    """A file every quarter of a day, up to now."""
    count = int(days * 4)
    return [FileFact(int(bytes_per_day / 4), NOW - index * DAY / 4) for index in range(count + 1)]


def test_growth_of_recordings_is_that_of_the_last_week():
    assert growth_bytes_per_day(recordings(30, 8e9), NOW) == pytest.approx(8e9, rel=0.05)


def test_growth_of_a_young_folder_is_told_from_its_age():
    assert growth_bytes_per_day(recordings(2, 8e9), NOW) == pytest.approx(8e9, rel=0.2)


def test_a_database_counts_by_its_age():
    files = [FileFact(1, NOW - 100 * DAY), FileFact(int(1e9), NOW, is_database=True)]
    assert growth_bytes_per_day(files, NOW) == pytest.approx(1e7)


@pytest.mark.parametrize("files", [[], [FileFact(10**9, NOW - 60)]])
def test_too_little_is_no_growth(files):
    assert growth_bytes_per_day(files, NOW) is None


def test_a_roomy_disk_is_well():
    (found,) = judge_disk(HEALTHY)
    assert found.level is Level.OK
    assert "100.0 of 200.0 GB free" in found.seen


@pytest.mark.parametrize(
    ("growth", "level", "text"),
    [(1e9, Level.OK, "full in 9"), (20e9, Level.WARNING, "full in 4."), (200e9, Level.PROBLEM, "full in 0.")],
)
def test_the_forecast_decides(growth, level, text):
    (found,) = judge_disk(replace(HEALTHY, files=recordings(30, growth)))
    assert found.level is level
    assert text in found.seen
    assert (found.cure != "") == (level is not Level.OK)


@pytest.mark.parametrize(("free", "level"), [(5e9, Level.WARNING), (0.4e9, Level.PROBLEM)])
def test_little_space_is_told_without_any_growth(free, level):
    assert judge_disk(replace(HEALTHY, free_bytes=int(free)))[0].level is level


def test_a_folder_that_can_not_be_written_is_a_problem():
    (found,) = judge_disk(replace(HEALTHY, write_error="Permission denied"))
    assert found.level is Level.PROBLEM
    assert found.seen == "data can not be written: Permission denied"
    assert "chown" in found.cure


def test_a_real_folder_is_read(tmp_path):
    (tmp_path / "day").mkdir()
    recording, database = tmp_path / "day" / "a.mp4", tmp_path / "watchpost.db"
    recording.write_bytes(b"x" * 100)
    database.write_bytes(b"y" * 50)
    os.utime(recording, (NOW - DAY, NOW - DAY))
    facts = disk_facts(tmp_path, NOW)
    assert sorted((file.size, file.is_database) for file in facts.files) == [(50, True), (100, False)]
    assert facts.write_error is None
    assert 0 < facts.free_bytes <= facts.total_bytes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day", "watchpost.db"]


def test_a_folder_that_is_still_to_be_made(tmp_path):
    facts = disk_facts(tmp_path / "not" / "there", NOW)
    assert facts.files == []
    assert facts.write_error is None
    assert not (tmp_path / "not").exists()


def test_a_folder_on_a_file_is_a_write_error(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert disk_facts(file, NOW).write_error == "Not a directory"
