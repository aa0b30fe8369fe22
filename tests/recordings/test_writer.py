"""Packets become files that hold exactly what came."""

from __future__ import annotations

import dataclasses
import errno
import itertools
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from filming import FPS, G711, MIDNIGHT, film
from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.mp4.parameter_sets import with_lengths
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import check
from watchpost.recordings.disk import SystemDisk
from watchpost.recordings.segment import SyncFailedError
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.types import Packet

SHORT = Lengths(segment_s=3.0, fragment_s=1.0)


def record(archive: Archive, packets: Sequence[Packet], lengths: Lengths = SHORT) -> CameraWriter:
    writer = CameraWriter("gate", archive, ManualClock(), lengths)
    for packet in packets:
        writer.add(packet)
    writer.finish()
    return writer


def stored(archive: Archive) -> list[bytes]:
    """The coded pictures of all files, as FFmpeg reads them."""
    found = []
    for row in archive.index.segments():
        with av.open(archive.path(row)) as file:
            found += [bytes(packet) for packet in file.demux(video=0) if packet.size]
    return found


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_every_packet_is_kept_as_it_came_and_plays(archive: Archive, codec: str, bframes: int) -> None:
    packets = film(75, codec=codec, bframes=bframes)
    record(archive, packets)
    assert stored(archive) == [with_lengths(bytes(packet.payload)) for packet in packets]
    decoded = []
    for row in archive.index.segments():
        with av.open(archive.path(row)) as file:
            decoded += [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]
    steps = [b - a for a, b in itertools.pairwise(decoded) if b > a]
    assert len(decoded) == 75
    assert all(step == pytest.approx(1 / FPS, abs=0.001) for step in steps)
    assert check(archive, read_all=True).findings == ()


def test_files_begin_with_key_frames_and_their_rows_say_when(archive: Archive) -> None:
    record(archive, film(75))
    rows = archive.index.segments()
    assert [row.first_camera_time_s for row in rows] == pytest.approx([0, 3, 6])
    assert [row.last_camera_time_s for row in rows] == pytest.approx([3, 6, 7.5])
    assert [row.first_wall_time_s for row in rows] == pytest.approx([MIDNIGHT, MIDNIGHT + 3, MIDNIGHT + 6])
    assert [row.last_wall_time_s for row in rows] == pytest.approx([MIDNIGHT + 2.9, MIDNIGHT + 5.9, MIDNIGHT + 7.4])
    assert {(row.state, row.video, row.audio, row.gaps, row.lost) for row in rows} == {
        ("closed", "h264 64x48", "", 0, 0)
    }
    assert rows[0].path == "gate/2023-11-15/000000.000Z.mp4"
    assert all(row.bytes == archive.path(row).stat().st_size for row in rows)


def test_sound_is_kept_beside_its_picture(archive: Archive) -> None:
    record(archive, film(50, sound=G711))
    rows = archive.index.segments()
    assert [row.audio for row in rows] == ["pcm_alaw"] * 2
    heard = b""
    for row in rows:
        with av.open(archive.path(row)) as file:
            assert file.streams.audio[0].codec_context.name == "pcm_alaw"
            heard += b"".join(bytes(packet) for packet in file.demux(audio=0))
    assert len(heard) == 5 * 8000
    assert heard[:800] == bytes([0]) * 800
    assert heard[-800:] == bytes([49]) * 800


def test_sound_that_mp4_can_not_hold_is_left_out_and_told(archive: Archive) -> None:
    writer = record(archive, film(20, sound=dataclasses.replace(G711, codec="adpcm_g726")))
    assert writer.sound.left_out == "adpcm_g726"
    assert [row.audio for row in archive.index.segments()] == [""]


def test_a_new_picture_size_begins_a_new_file(archive: Archive) -> None:
    small, large = film(20), film(20, size=(96, 64), start_s=2.0, wall_time_s=MIDNIGHT + 2)
    # the camera is set anew without a new connection: only its parameter sets say so
    large = [dataclasses.replace(packet, stream=small[0].stream) for packet in large]
    record(archive, [*small, *large], Lengths())
    assert [row.video for row in archive.index.segments()] == ["h264 64x48", "h264 96x64"]


def test_a_lost_connection_begins_a_new_file_at_the_next_key_frame(archive: Archive) -> None:
    later = film(20, start_s=30, wall_time_s=MIDNIGHT + 30)
    first = dataclasses.replace(later[3], is_discontinuous=True)
    record(archive, [*film(20), first, *later[4:]], Lengths())
    first, second = archive.index.segments()
    assert first.last_camera_time_s == pytest.approx(2.0)
    assert second.first_camera_time_s == pytest.approx(31.0)


def test_pictures_that_did_not_come_are_a_gap(archive: Archive) -> None:
    packets = film(60)
    record(archive, packets[:20] + packets[40:], Lengths())
    (row,) = archive.index.segments()
    assert (row.gaps, row.gap_s) == (1, pytest.approx(2.0, abs=0.01))
    assert row.last_camera_time_s == pytest.approx(6.0)


def test_packets_that_were_lost_on_the_way_are_counted_and_begin_a_new_file(archive: Archive) -> None:
    packets = film(60)
    writer = CameraWriter("gate", archive, ManualClock(), Lengths())
    for packet in packets[:15]:
        writer.add(packet)
    writer.add(packets[25], lost=10)
    for packet in packets[26:]:
        writer.add(packet)
    writer.finish()
    first, second = archive.index.segments()
    assert (first.lost, second.lost) == (0, 10)
    assert second.first_camera_time_s == pytest.approx(3.0)
    assert check(archive, read_all=True).findings == ()


def test_video_that_can_not_be_recorded_is_told_with_what_to_do(archive: Archive) -> None:
    packet = film(1)[0]
    odd = dataclasses.replace(packet, stream=dataclasses.replace(packet.stream, codec="rawvideo"))
    with pytest.raises(WatchpostError, match=r"gate: rawvideo video can not be recorded; set the camera to H\.264"):
        record(archive, [odd])


class FaultyDisk(SystemDisk):
    """Fails at the nth call of a kind, with an error."""

    def __init__(self, kind: str, at: int, code: int) -> None:
        self.kind, self.at, self.code = kind, at, code
        self.calls = 0

    def _count(self, kind: str) -> None:
        self.calls += kind == self.kind
        if kind == self.kind and self.calls == self.at:
            raise OSError(self.code, "broken")

    def create(self, path: Path) -> int:
        self._count("create")
        return super().create(path)

    def write(self, descriptor: int, buffers: Sequence[bytes]) -> None:
        if self.kind == "write" and self.calls + 1 == self.at:
            super().write(descriptor, [b"a torn write"])
        self._count("write")
        super().write(descriptor, buffers)

    def sync(self, descriptor: int) -> None:
        self._count("sync")
        super().sync(descriptor)

    def sync_folder(self, path: Path) -> None:
        self._count("sync_folder")
        super().sync_folder(path)


@pytest.mark.parametrize("kind", ["create", "write", "sync", "sync_folder"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_full_disk_is_tried_again_when_there_is_room(tmp_path: Path, kind: str, at: int) -> None:
    archive = Archive(tmp_path)
    archive.disk = FaultyDisk(kind, at, errno.ENOSPC)
    writer = CameraWriter("gate", archive, ManualClock(), SHORT, make_room=lambda *_: True)
    packets = film(75)
    for packet in packets:
        writer.add(packet)
    writer.finish()
    assert stored(archive) == [with_lengths(bytes(packet.payload)) for packet in packets]
    assert check(archive, read_all=True).findings == ()
    archive.close()


@pytest.mark.parametrize("kind", ["create", "write"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_disk_that_does_not_take_a_fragment_costs_that_fragment(tmp_path: Path, kind: str, at: int) -> None:
    archive = Archive(tmp_path)
    archive.disk = FaultyDisk(kind, at, errno.EIO)
    writer = CameraWriter("gate", archive, ManualClock(), SHORT)
    failed = 0
    for packet in film(75):
        try:
            writer.add(packet)
        except OSError:
            writer.abandon()
            failed += 1
    writer.finish()
    is_reached = archive.disk.calls >= at
    assert failed == is_reached
    assert len(stored(archive)) >= 75 - (20 if is_reached else 0)
    assert check(archive, read_all=True).findings == ()
    archive.close()


@pytest.mark.parametrize("kind", ["sync", "sync_folder"])
def test_a_sync_that_fails_is_never_tried_again(tmp_path: Path, kind: str) -> None:
    archive = Archive(tmp_path)
    archive.disk = FaultyDisk(kind, 1, errno.EIO)
    writer = CameraWriter("gate", archive, ManualClock(), SHORT, make_room=lambda *_: pytest.fail("asked for room"))
    with pytest.raises(SyncFailedError):
        list(map(writer.add, film(75)))
    archive.close()
