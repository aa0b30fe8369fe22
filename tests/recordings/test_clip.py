"""A stretch of a recording is one film, cut at key frames."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import pytest

from filming import FPS, G711, MIDNIGHT, film
from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.mp4.parameter_sets import with_lengths
from watchpost.recordings.archive import Archive
from watchpost.recordings.clip import Clip, cut, spans
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.types import Packet

SHORT = Lengths(segment_s=3.0, fragment_s=1.0)


def record(archive: Archive, packets: Sequence[Packet], lengths: Lengths = SHORT) -> CameraWriter:
    writer = CameraWriter("gate", archive, ManualClock(), lengths)
    for packet in packets:
        writer.add(packet)
    return writer


def content(clip: Clip) -> bytes:
    return b"".join(clip.file.read())


def coded(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as file:
        return [bytes(packet) for packet in file.demux(video=0) if packet.size]


@pytest.mark.parametrize("gop", [10, 35])
@pytest.mark.parametrize("bframes", [0, 2])
def test_a_clip_begins_at_the_key_frame_before_and_holds_what_was_recorded(
    archive: Archive, gop: int, bframes: int
) -> None:
    packets = film(100, gop=gop, bframes=bframes, sound=G711)
    record(archive, packets).finish()
    (clip,) = cut(archive, "gate", MIDNIGHT + 3.85, MIDNIGHT + 7.25)
    keys = [number for number, packet in enumerate(packets) if packet.is_key and number <= 38]
    wanted = packets[keys[-1] : 73]
    data = content(clip)
    assert len(data) == clip.file.size
    assert coded(data) == [with_lengths(bytes(packet.payload)) for packet in wanted]
    assert clip.first_wall_time_s == pytest.approx(MIDNIGHT + keys[-1] / FPS)
    assert clip.last_wall_time_s == pytest.approx(MIDNIGHT + 7.3)
    assert clip.duration_s == pytest.approx(len(wanted) / FPS)
    assert clip.gaps == ()
    with av.open(io.BytesIO(data)) as file:
        shown = [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]
    assert shown[0] == pytest.approx(0, abs=0.001)
    assert len(shown) == len(wanted)
    with av.open(io.BytesIO(data)) as file:
        heard = b"".join(bytes(packet) for packet in file.demux(audio=0))
    assert len(heard) == pytest.approx(len(wanted) / FPS * 8000, abs=800)
    assert heard[0] == keys[-1]


def test_what_is_missing_is_left_out_and_told(archive: Archive) -> None:
    record(archive, film(40)).finish()
    record(archive, film(40, start_s=60, wall_time_s=MIDNIGHT + 60, is_discontinuous=True)).finish()
    (clip,) = cut(archive, "gate", MIDNIGHT, MIDNIGHT + 120)
    assert len(coded(content(clip))) == 80
    assert clip.duration_s == pytest.approx(8.0)
    (gap,) = clip.gaps
    assert gap.first_wall_time_s == pytest.approx(MIDNIGHT + 4.0)
    assert gap.last_wall_time_s == pytest.approx(MIDNIGHT + 60)
    assert clip.wall_time_s(1.5) == pytest.approx(MIDNIGHT + 1.5)
    assert clip.wall_time_s(5.0) == pytest.approx(MIDNIGHT + 61)
    found = [(span.first_wall_time_s, span.last_wall_time_s) for span in spans(archive, "gate", 0, MIDNIGHT * 2)]
    assert found == [(MIDNIGHT, pytest.approx(MIDNIGHT + 3.9)), (MIDNIGHT + 60, pytest.approx(MIDNIGHT + 63.9))]


def test_pictures_of_another_size_are_another_clip(archive: Archive) -> None:
    record(archive, film(20)).finish()
    record(archive, film(20, size=(96, 64), start_s=2, wall_time_s=MIDNIGHT + 2)).finish()
    clips = cut(archive, "gate", MIDNIGHT, MIDNIGHT + 10)
    assert [len(coded(content(clip))) for clip in clips] == [20, 20]


def test_what_is_being_recorded_can_be_seen(archive: Archive) -> None:
    writer = record(archive, film(25), Lengths(fragment_s=1.0))
    (clip,) = cut(archive, "gate", MIDNIGHT, MIDNIGHT + 10)
    assert len(coded(content(clip))) == 20
    assert [span.last_wall_time_s for span in spans(archive, "gate", MIDNIGHT, MIDNIGHT + 9)] == [
        pytest.approx(MIDNIGHT + 1.9)
    ]
    writer.finish()


def test_any_range_of_bytes_is_the_same_as_of_the_whole(archive: Archive) -> None:
    record(archive, film(60, sound=G711)).finish()
    (clip,) = cut(archive, "gate", MIDNIGHT + 1, MIDNIGHT + 5)
    whole = content(clip)
    for start, stop in [(0, 1), (0, 100), (37, 4001), (len(whole) - 1, len(whole)), (1000, None), (5, 5)]:
        assert b"".join(clip.file.read(start, stop)) == whole[start:stop]


def test_a_time_without_a_recording_is_told(archive: Archive) -> None:
    record(archive, film(20)).finish()
    with pytest.raises(WatchpostError, match="gate: nothing was recorded at that time"):
        cut(archive, "gate", MIDNIGHT + 100, MIDNIGHT + 200)


def test_a_file_that_has_just_gone_is_passed_over(archive: Archive) -> None:
    record(archive, film(60)).finish()
    archive.path(archive.index.segments()[0]).unlink()
    (clip,) = cut(archive, "gate", MIDNIGHT, MIDNIGHT + 10)
    assert clip.first_wall_time_s == pytest.approx(MIDNIGHT + 3)
