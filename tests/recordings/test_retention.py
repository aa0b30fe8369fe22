"""What is deleted, in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from filming import MIDNIGHT, film
from watchpost.clock import ManualClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import check
from watchpost.recordings.disk import SystemDisk
from watchpost.recordings.index import Segment
from watchpost.recordings.retention import CameraLimits, Limits, Retention
from watchpost.recordings.writer import CameraWriter, Lengths

HOUR = 3600.0


def record(archive: Archive, camera: str, hours: list[int]) -> None:
    """Two seconds at the beginning of each of these hours."""
    writer = CameraWriter(camera, archive, ManualClock(), Lengths())
    for hour in hours:
        start = hour * HOUR
        for packet in film(20, camera=camera, start_s=start, wall_time_s=MIDNIGHT + start, is_discontinuous=True):
            writer.add(packet)
    writer.finish()


def left(archive: Archive) -> list[tuple[str, int]]:
    assert check(archive, read_all=True).findings == ()
    return [(row.camera, round((row.first_wall_time_s - MIDNIGHT) / HOUR)) for row in archive.index.segments()]


def retention(archive: Archive, now_hour: float, limits: Limits) -> Retention:
    return Retention(archive, ManualClock(MIDNIGHT + now_hour * HOUR), limits)


UNBOUND = {"free_bytes": 0}


def test_what_is_too_old_goes_by_each_cameras_own_age(archive: Archive) -> None:
    record(archive, "gate", [0, 1, 2, 3])
    record(archive, "yard", [0, 1, 2, 3])
    record(archive, "gone", [0, 3])
    limits = Limits(
        {"gate": CameraLimits(age_s=2 * HOUR), "yard": CameraLimits(age_s=None)},
        CameraLimits(age_s=3 * HOUR),
        **UNBOUND,
    )
    assert retention(archive, 3.5, limits).prune() > 0
    assert left(archive) == [("yard", 0), ("yard", 1), ("gate", 2), ("yard", 2), ("gate", 3), ("yard", 3), ("gone", 3)]


def test_what_an_event_is_kept_by_stays_longer(archive: Archive) -> None:
    record(archive, "gate", [0, 1, 2, 3])
    archive.index.keep_event("a", "gate", MIDNIGHT + HOUR, MIDNIGHT + HOUR + 1)
    limits = Limits({"gate": CameraLimits(age_s=HOUR, event_age_s=4 * HOUR)}, **UNBOUND)
    retention(archive, 3.5, limits).prune()
    assert left(archive) == [("gate", 1), ("gate", 3)]
    retention(archive, 5.5, limits).prune()
    assert left(archive) == []


def size(archive: Archive) -> int:
    return max(row.bytes for row in archive.index.segments())


def test_a_camera_keeps_to_its_bytes_and_events_go_last(archive: Archive) -> None:
    record(archive, "gate", [0, 1, 2, 3])
    record(archive, "yard", [0, 1])
    archive.index.keep_event("a", "gate", MIDNIGHT, MIDNIGHT + 1)
    most = int(2.5 * size(archive))
    retention(archive, 4, Limits({"gate": CameraLimits(bytes=most)}, **UNBOUND)).prune()
    assert left(archive) == [("gate", 0), ("yard", 0), ("yard", 1), ("gate", 3)]
    retention(archive, 4, Limits({"gate": CameraLimits(bytes=1)}, **UNBOUND)).prune()
    assert left(archive) == [("yard", 0), ("yard", 1)]


def test_all_together_keep_to_the_bytes_of_all(archive: Archive) -> None:
    record(archive, "gate", [0, 2, 4])
    record(archive, "yard", [1, 3, 5])
    most = int(3.5 * size(archive))
    retention(archive, 6, Limits(bytes=most, **UNBOUND)).prune()
    assert left(archive) == [("yard", 3), ("gate", 4), ("yard", 5)]


class SmallDisk(SystemDisk):
    """Has room for some of the files."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity

    def free_bytes(self, path: Path) -> int:
        return self.capacity - sum(file.stat().st_size for file in path.rglob("*.mp4"))


def test_what_must_stay_free_is_freed_and_told(archive: Archive) -> None:
    record(archive, "gate", [0, 1, 2, 3])
    one = size(archive)
    archive.disk = SmallDisk(5 * one)
    told: list[int] = []
    made = Retention(archive, ManualClock(MIDNIGHT + 4 * HOUR), Limits(free_bytes=3 * one), on_full=told.append)
    assert made.prune() == sum(told) > 0
    assert left(archive) == [("gate", 2), ("gate", 3)]
    assert made.prune() == 0


def test_room_is_made_by_the_oldest_and_there_may_be_none(archive: Archive) -> None:
    record(archive, "gate", [0, 1])
    one = size(archive)
    archive.disk = SmallDisk(0)
    made = retention(archive, 4, Limits())
    assert made.make_room(one)
    assert left(archive) == [("gate", 1)]
    assert made.make_room(one)
    assert not made.make_room(one)


def test_an_index_that_has_no_room_to_say_what_goes_gets_it(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchpost.recordings.index import IndexFullError

    record(archive, "gate", [0, 1, 2])
    files = lambda: len(list(archive.folder.rglob("*.mp4")))  # noqa: E731
    mark = archive.index.mark_garbage

    def full_until_a_file_has_gone(going: list[Segment]) -> None:
        if files() == 3:
            raise IndexFullError("full")
        mark(going)

    monkeypatch.setattr(archive.index, "mark_garbage", full_until_a_file_has_gone)
    archive.disk = SmallDisk(0)
    assert retention(archive, 4, Limits()).make_room(1)
    assert left(archive) == [("gate", 1), ("gate", 2)]
