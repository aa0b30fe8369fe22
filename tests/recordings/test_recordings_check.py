"""Index and files agree, or it is told and mended."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from filming import film
from watchpost.clock import ManualClock
from watchpost.mp4.boxes import DamagedError
from watchpost.mp4.fragments import Seal
from watchpost.mp4.scan import fragments, read_header
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import check, read_segment, recover
from watchpost.recordings.disk import SystemDisk
from watchpost.recordings.index import Segment
from watchpost.recordings.writer import CameraWriter, Lengths

SHORT = Lengths(segment_s=3.0, fragment_s=1.0)


def record(archive: Archive, count: int = 75, on_kept: Callable[[Segment, Seal], None] = lambda *_: None) -> None:
    writer = CameraWriter("gate", archive, ManualClock(), SHORT, on_kept=on_kept)
    for packet in film(count):
        writer.add(packet)
    writer.finish()


def problems(archive: Archive, **how: bool) -> list[str]:
    return [found.problem for found in check(archive, **how).findings]


def begun(archive: Archive) -> None:
    """A recorder that is killed within its second file, in the middle of a write."""
    writer = CameraWriter("gate", archive, ManualClock(), SHORT)
    for packet in film(55):
        writer.add(packet)
    last = archive.index.segments(states=("open",))[0]
    with archive.path(last).open("ab") as file:
        file.write(b"\x00\x00\x00\x58uuid torn")


def test_a_sound_archive_is_told_as_such(archive: Archive) -> None:
    record(archive)
    report = check(archive, read_all=True)
    assert (report.files, report.being_written, report.findings) == (3, 0, ())
    assert report.bytes == sum(archive.path(row).stat().st_size for row in archive.index.segments())


def break_rows(archive: Archive) -> None:
    archive.index.update([_with(archive.index.segments()[1], last_camera_time_s=99.0)])


def _with(row: Segment, **changes: object) -> Segment:
    return dataclasses.replace(row, **changes)


def cut_short(archive: Archive) -> None:
    path = archive.path(archive.index.segments()[0])
    os.truncate(path, path.stat().st_size - 10)


def flip_a_bit(archive: Archive) -> None:
    path = archive.path(archive.index.segments()[0])
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)


def lose_a_file(archive: Archive) -> None:
    archive.path(archive.index.segments()[0]).unlink()


def lose_a_row(archive: Archive) -> None:
    archive.index.forget(archive.index.segments()[:1])


def delete_half(archive: Archive) -> None:
    going = archive.index.segments()[:1]
    archive.index.mark_garbage(going)
    archive.path(going[0]).unlink()


def empty_a_file(archive: Archive) -> None:
    archive.path(archive.index.segments()[0]).write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "problem", "files_left"),
    [
        (break_rows, "row differs", 3),
        (cut_short, "damaged", 3),
        (flip_a_bit, "damaged", 3),
        (lose_a_file, "missing", 2),
        (lose_a_row, "unknown", 3),
        (delete_half, "garbage", 2),
        (empty_a_file, "damaged", 2),
        (begun, "unfinished", 5),
    ],
)
def test_what_does_not_agree_is_found_and_mended(
    archive: Archive, harm: Callable[[Archive], None], problem: str, files_left: int
) -> None:
    record(archive)
    harm(archive)
    assert problems(archive, read_all=True) == [problem]
    assert problems(archive, read_all=True, repair=True) == [problem]
    assert problems(archive, read_all=True) == []
    assert len(archive.index.segments()) == files_left


def test_damage_in_the_middle_costs_the_fragment_it_is_in(archive: Archive) -> None:
    record(archive)
    row = archive.index.segments()[0]
    flip_a_bit(archive)
    check(archive, read_all=True, repair=True)
    mended = archive.index.segments()[0]
    assert (mended.first_camera_time_s, mended.last_camera_time_s) == (row.first_camera_time_s, row.last_camera_time_s)
    assert row.bytes * 0.5 < mended.bytes < row.bytes
    assert (mended.gaps, mended.gap_s) == (1, pytest.approx(1.0))


def test_the_index_can_be_made_anew_from_the_files(archive: Archive, tmp_path: Path) -> None:
    record(archive)
    before = archive.index.segments()
    archive.close()
    for file in tmp_path.glob("recordings.db*"):
        file.unlink()
    again = Archive(tmp_path)
    assert len(check(again, repair=True).findings) == 3
    assert again.index.segments() == before
    again.close()


def test_a_camera_that_is_being_recorded_is_left_alone(archive: Archive) -> None:
    with archive.writing("gate"):
        begun(archive)
        report = check(archive, repair=True)
    assert (report.being_written, report.findings) == (1, ())
    assert problems(archive) == ["unfinished"]


def test_a_recorder_finishes_what_the_last_one_could_not(archive: Archive) -> None:
    begun(archive)
    assert [found.problem for found in recover(archive, "gate")] == ["unfinished"]
    assert [row.state for row in archive.index.segments()] == ["closed", "closed"]
    assert archive.index.segments()[-1].last_camera_time_s == pytest.approx(5.0)
    assert problems(archive, read_all=True) == []


class PowerCutDisk(SystemDisk):
    """Knows what was promised to be on the disk; a power cut takes the rest, or any part of it."""

    def __init__(self) -> None:
        self.safe: dict[Path, int] = {}
        """Bytes of each file that were synced; only of files whose name was."""
        self._files: dict[int, Path] = {}
        self._synced: dict[Path, int] = {}

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self._files[descriptor] = path
        return descriptor

    def sync(self, descriptor: int) -> None:
        path = self._files[descriptor]
        self._synced[path] = path.stat().st_size
        if path in self.safe:
            self.safe[path] = self._synced[path]

    def sync_folder(self, path: Path) -> None:
        self.safe |= {file: size for file, size in self._synced.items() if file.parent == path}

    def cut(self, folder: Path, chance: random.Random) -> None:
        for file in list(folder.rglob("*.mp4")):
            if file not in self.safe:
                file.unlink()
            else:
                size = chance.randint(self.safe[file], file.stat().st_size)
                rest = size - self.safe[file]
                with file.open("r+b") as data:
                    data.truncate(size)
                    if rest and chance.random() < 0.5:  # the length has reached the disk, the bytes have not
                        data.seek(self.safe[file])
                        data.write(bytes(rest))


class _CutError(BaseException):
    """The lights go out."""


@pytest.mark.parametrize("seed", range(40))
def test_a_power_cut_costs_at_most_the_fragment_in_progress(archive: Archive, seed: int) -> None:
    chance = random.Random(seed)
    disk = PowerCutDisk()
    archive.disk = disk
    kept: list[Seal] = []
    writes, at = 0, chance.randint(1, 12)

    class Cutting(PowerCutDisk):
        def write(self, descriptor: int, buffers: Sequence[bytes]) -> None:
            nonlocal writes
            writes += 1
            super().write(descriptor, buffers if writes < at else buffers[: chance.randint(0, len(buffers))])
            if writes == at:
                raise _CutError

    disk.__class__ = Cutting
    writer = CameraWriter("gate", archive, ManualClock(), SHORT, on_kept=lambda _, seal: kept.append(seal))
    with pytest.raises(_CutError):
        list(map(writer.add, film(200)))
    disk.cut(archive.folder, chance)
    archive.disk = SystemDisk()
    check(archive, read_all=True, repair=True)
    assert problems(archive, read_all=True) == []
    found = []
    for row in archive.index.segments():
        with archive.path(row).open("rb") as file:
            found += [each.seal for each in fragments(file, read_header(file).size, read_all=True)]
    assert [seal.first_camera_time_s for seal in found[: len(kept)]] == [seal.first_camera_time_s for seal in kept]


@pytest.mark.parametrize("seed", range(30))
def test_any_bytes_are_a_recording_or_damage(archive: Archive, tmp_path: Path, seed: int) -> None:
    record(archive, 35)
    data = bytearray(archive.path(archive.index.segments()[0]).read_bytes())
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 20)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    file = tmp_path / "odd.mp4"
    file.write_bytes(data[: chance.randint(0, len(data))])
    with contextlib.suppress(DamagedError):
        read_segment(file, "gate/odd.mp4")
