"""A recorder's thread: nothing it does is waited for, and what it is told is kept."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from fakes import event
from filming import FPS, MIDNIGHT, film
from waiting import until
from watchpost.clock import ManualClock
from watchpost.mp4.boxes import Buffer
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import check
from watchpost.recordings.disk import SystemDisk
from watchpost.recordings.recorder import Recorder, RecorderOptions
from watchpost.recordings.retention import Retention
from watchpost.recordings.writer import Lengths
from watchpost.types import Event, Moment, Packet
from watchpost.video.ring import Ring

SHORT = Lengths(segment_s=3.0, fragment_s=1.0)


class SlowDisk(SystemDisk):
    """Hangs in every write while `gate` is not set."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.hangs = threading.Event()

    def write(self, descriptor: int, buffers: Sequence[Buffer]) -> None:
        if not self.gate.is_set():
            self.hangs.set()
            assert self.gate.wait(20)
        super().write(descriptor, buffers)


def recorder(archive: Archive, options: RecorderOptions | None = None, **more: object) -> Recorder:
    clock = ManualClock(MIDNIGHT)
    made = Recorder(
        "gate", archive, Retention(archive, clock), clock, options or RecorderOptions(lengths=SHORT), **more
    )
    made.start()
    return made


def spans(archive: Archive) -> list[tuple[float, float]]:
    return [(round(row.first_camera_time_s, 2), round(row.last_camera_time_s, 2)) for row in archive.index.segments()]


def test_all_that_came_is_on_the_disk_when_it_has_stopped(archive: Archive) -> None:
    made = recorder(archive)
    for packet in film(75):
        made.take(packet)
    assert made.stop()
    assert spans(archive) == [(0, 3), (3, 6), (6, 7.5)]
    figures = made.figures()
    assert (figures.lost, figures.queued_bytes, figures.problem, figures.fragments) == (0, 0, "", 8)
    assert figures.kept_wall_time_s == pytest.approx(MIDNIGHT + 7.4)
    assert check(archive, read_all=True).findings == ()


def test_a_disk_that_hangs_is_not_waited_for_and_what_fits_the_queue_is_kept(tmp_path: Path) -> None:
    disk = SlowDisk()
    archive = Archive(tmp_path, disk)
    made = recorder(archive)
    packets = film(400)
    for packet in packets[:25]:
        made.take(packet)
    assert until(lambda: made.figures().fragments == 2)
    disk.gate.clear()
    for packet in packets[25:]:
        made.take(packet)
    assert disk.hangs.wait(10)
    disk.gate.set()
    assert made.stop()
    assert made.figures().lost == 0
    assert spans(archive)[-1][1] == 40.0
    archive.close()


def test_what_does_not_fit_the_queue_is_lost_counted_and_told_in_the_index(tmp_path: Path) -> None:
    disk = SlowDisk()
    archive = Archive(tmp_path, disk)
    made = recorder(archive, RecorderOptions(lengths=Lengths(60, 1), queue_bytes=50_000))
    packets = film(400)
    disk.gate.clear()
    for packet in packets[:300]:
        made.take(packet)
    assert made.figures().queued_bytes <= 50_000
    disk.gate.set()
    assert until(lambda: made.figures().queued_bytes == 0)
    for packet in packets[300:360]:
        made.take(packet)
    assert made.stop()
    lost = made.figures().lost
    assert 100 < lost < 300
    first, second = archive.index.segments()
    assert second.lost == lost
    kept = first.last_camera_time_s - first.first_camera_time_s + second.last_camera_time_s - second.first_camera_time_s
    assert kept == pytest.approx(36 - lost / FPS, abs=1.0)
    archive.close()


def test_the_disk_is_full_and_nothing_can_go_the_camera_goes_on(tmp_path: Path) -> None:
    class FullDisk(SystemDisk):
        is_full = False

        def write(self, descriptor: int, buffers: Sequence[Buffer]) -> None:
            if self.is_full:
                raise OSError(errno.ENOSPC, "full")
            super().write(descriptor, buffers)

    disk = FullDisk()
    archive = Archive(tmp_path, disk)
    told: list[tuple[str, str]] = []
    made = recorder(archive, on_problem=lambda *what: told.append(what))
    packets = film(200)
    for packet in packets[:25]:
        made.take(packet)
    assert until(lambda: made.figures().queued_bytes == 0)
    disk.is_full = True
    for packet in packets[25:100]:
        made.take(packet)
    assert until(lambda: made.figures().queued_bytes == 0)
    assert made.figures().problem == "the disk is full, and nothing is left to delete."
    disk.is_full = False
    for packet in packets[100:]:
        made.take(packet)
    assert made.stop()
    assert told == [("gate", "the disk is full, and nothing is left to delete."), ("gate", "")]
    assert spans(archive)[-1][1] == 20.0
    assert check(archive, read_all=True).findings == ()
    archive.close()


def test_a_sync_that_fails_ends_the_process(tmp_path: Path) -> None:
    class LyingDisk(SystemDisk):
        def sync(self, descriptor: int) -> None:
            raise OSError(5, "Input/output error")

    archive = Archive(tmp_path, LyingDisk())
    died = threading.Event()
    made = recorder(archive, die=died.set)
    for packet in film(25):
        made.take(packet)
    assert died.wait(10)
    assert made.stop()
    archive.close()


def happened(at_s: float, until_s: float | None = None) -> Event:
    end_s = at_s if until_s is None else until_s
    moments = {"start": Moment(at_s, MIDNIGHT + at_s), "end": Moment(end_s, MIDNIGHT + end_s)}
    return dataclasses.replace(event(), **moments)


def run_events(archive: Archive, count: int, calls: dict[int, Callable[[Recorder], None]]) -> Recorder:
    """A camera in mode `events`, with 2 s before and 1 s after; `calls` come before the packet of that number."""
    options = RecorderOptions(mode="events", before_s=2.0, after_s=1.0, lengths=SHORT)
    made = recorder(archive, options, pre_roll=Ring(10_000_000, 5.0))
    for number, packet in enumerate(film(count)):
        if number in calls:
            assert until(lambda: made.figures().queued_bytes == 0)
            calls[number](made)
        made.take(packet)
    assert made.stop()
    return made


def test_without_an_event_nothing_is_recorded(archive: Archive) -> None:
    run_events(archive, 100, {})
    assert archive.index.segments() == []


def test_an_event_is_recorded_with_what_came_before_and_after(archive: Archive) -> None:
    run_events(archive, 150, {55: lambda made: made.event(happened(5.2))})
    (first, last), *more = spans(archive)
    assert first == 3.0  # the key frame at or before 5.2 - 2
    assert (more[-1][1] if more else last) == pytest.approx(6.3, abs=0.11)
    assert check(archive, read_all=True).findings == ()


def test_it_goes_on_as_long_as_something_is_in_sight(archive: Archive) -> None:
    def see(at_s: float) -> Callable[[Recorder], None]:
        return lambda made: made.saw_activity(at_s)

    run_events(archive, 150, {50: lambda made: made.event(happened(5.0)), 58: see(5.8), 66: see(6.6), 75: see(7.5)})
    assert spans(archive)[0][0] == 3.0
    assert spans(archive)[-1][1] == pytest.approx(8.5, abs=0.11)


def test_two_events_close_to_each_other_repeat_nothing(archive: Archive) -> None:
    run_events(
        archive,
        200,
        {50: lambda made: made.event(happened(5.0)), 80: lambda made: made.event(happened(7.5))},
    )
    found = spans(archive)
    assert all(before[1] <= after[0] + 0.001 for before, after in pairwise(found))
    assert found[-1][1] == pytest.approx(8.6, abs=0.11)


def test_what_an_event_needs_is_marked_to_be_kept(archive: Archive) -> None:
    made = recorder(archive)
    for packet in film(150):
        made.take(packet)
    made.event(happened(7.0, 8.0))
    assert made.stop()
    spared = {row.path for row in archive.index.segments()} - {row.path for row in archive.index.oldest(100)}
    assert len(spared) == 5  # all from 2 s to 18 s: 5 s before and 10 s after
    assert len(archive.index.oldest(100)) == len(archive.index.segments()) - len(spared)


def test_another_process_that_records_the_camera_is_waited_for(archive: Archive, tmp_path: Path) -> None:
    holder = os.open(tmp_path / "recordings.lock" / "gate", os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    told: list[str] = []
    problem = threading.Event()
    made = recorder(archive, on_problem=lambda _, text: (told.append(text), problem.set()))
    for packet in film(75):
        made.take(packet)
    assert problem.wait(10)
    os.close(holder)
    assert until(lambda: made.figures().queued_bytes == 0)
    assert made.stop()
    assert told[0] == "gate: is being recorded by another process."
    assert spans(archive) == [(0, 3), (3, 6), (6, 7.5)]


def test_a_fault_of_ours_costs_the_fragment_and_not_the_recording(archive: Archive) -> None:
    made = recorder(archive)
    packets = film(100)
    for packet in packets[:35]:
        made.take(packet)
    made.take(_broken(packets[35]))
    for packet in packets[36:]:
        made.take(packet)
    assert made.stop()
    assert made.figures().lost >= 0
    assert spans(archive)[-1][1] == 10.0
    assert check(archive, read_all=True).findings == ()


def _broken(packet: Packet) -> Packet:
    return dataclasses.replace(packet, payload=object())
