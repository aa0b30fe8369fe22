from __future__ import annotations

from pathlib import Path

import pytest

from clips import encode_clip, moving_square
from watchpost.clock import ManualClock
from watchpost.errors import SourceError
from watchpost.sources import open_source
from watchpost.types import Packet


def read(path: Path, clock: ManualClock | None = None, **options: bool) -> list[Packet]:
    return list(open_source(str(path), "door", options, clock or ManualClock()).packets())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip: 50%d.mp4"
    encode_clip(path, moving_square(10), fps=25, gop=5)
    return path


def test_packets_in_order_with_their_stream(clip: Path) -> None:
    packets = read(clip)

    assert len(packets) == 10
    assert [packet.is_key for packet in packets] == [True, False, False, False, False] * 2
    assert [packet.camera_time_s for packet in packets] == pytest.approx([index / 25 for index in range(10)])
    assert len({id(packet.stream) for packet in packets}) == 1
    stream = packets[0].stream
    assert (stream.codec, stream.width, stream.height, stream.average_rate) == ("h264", 160, 120, 25)
    assert not stream.is_live
    assert packets[0].camera == "door"
    assert packets[0].wall_time_s == ManualClock().wall_time_s()
    assert all(packet.size > 0 for packet in packets)


def test_file_url_and_relative_path(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    for address in (clip.as_uri(), clip.name):
        assert len(list(open_source(address, "door", None, ManualClock()).packets())) == 10


def test_realtime_plays_at_the_files_own_speed(clip: Path) -> None:
    clock = ManualClock()
    arrived = [packet.wall_time_s for packet in read(clip, clock, realtime=True)]

    assert [time - arrived[0] for time in arrived] == pytest.approx([index / 25 for index in range(10)])
    assert clock.monotonic_s() == pytest.approx(9 / 25)


def test_realtime_is_live(clip: Path) -> None:
    assert read(clip, realtime=True)[0].stream.is_live


def test_realtime_of_an_elementary_stream_goes_by_its_rate(tmp_path: Path) -> None:
    encode_clip(tmp_path / "clip.h264", moving_square(6), fps=25)
    clock = ManualClock()
    assert len(read(tmp_path / "clip.h264", clock, realtime=True)) == 6
    assert clock.monotonic_s() == pytest.approx(5 / 25)


def test_loop_marks_each_new_round_until_closed(clip: Path) -> None:
    source = open_source(str(clip), "door", {"loop": True}, ManualClock())
    marks = []
    for packet in source.packets():
        marks.append(packet.is_discontinuous)
        if len(marks) == 25:
            source.close()
            source.close()

    assert len(marks) == 25
    assert [index for index, mark in enumerate(marks) if mark] == [10, 20]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_read(tmp_path: Path, degrees: int) -> None:
    encode_clip(tmp_path / "turned.mp4", moving_square(3), rotation=degrees)
    assert read(tmp_path / "turned.mp4")[0].stream.rotation == degrees


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "is empty (0 bytes)"),
        (b"this is a shopping list, not a film\n" * 50, "is no video"),
        (bytes(range(256)) * 40, "is no video"),
    ],
)
def test_what_is_no_video_is_one_clear_permanent_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SourceError) as caught:
        read(path)

    assert caught.value.permanent
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import wave

    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 800, "NONE", ""))
        sound.writeframes(bytes(1600))

    with pytest.raises(SourceError, match="holds no video") as caught:
        read(path)
    assert caught.value.permanent


def test_unreadable_file(tmp_path: Path, clip: Path) -> None:
    import os

    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    clip.chmod(0)
    with pytest.raises(SourceError, match=r"[Pp]ermission denied"):
        read(clip)


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts", "avi"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.97])
def test_cut_off_file_ends_or_says_why(tmp_path: Path, container: str, part: float) -> None:
    whole = tmp_path / "whole"
    encode_clip(whole, moving_square(30), container=container)
    data = whole.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(data[: int(len(data) * part)])
    try:
        packets = read(cut)
    except SourceError as error:
        assert str(cut) in str(error)  # noqa: PT017 - either outcome is right, depending on the container
    else:
        assert 0 < len(packets) <= 30


def test_options_are_checked(clip: Path) -> None:
    with pytest.raises(SourceError, match=r"option speed: .*know: loop, realtime") as caught:
        open_source(str(clip), "door", {"speed": 2}, ManualClock())
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("x" * 5000, "can not be the path"),
        ("~nobody-here/x.mp4", "can not be the path"),
        ("a\0b", "can not be"),
        ("", "is empty"),
        ("gopher://host/x", "gopher: is not known"),
        ("rstp://u:p@host/x", "rstp: is not known"),
        ("rtsp:/10.0.0.5/stream1", "names no host"),
        ("rtsp://u:p@/x", "names no host"),
        ("rtmp://u:p@[::1/x", "names no host"),
        ("http://", "names no host"),
    ],
)
def test_addresses_that_can_not_be_meant(address: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        open_source(address, "door", None, ManualClock())
    assert caught.value.permanent
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(("part", "said"), [(1.0, []), (0.5, ["is it cut off?"])])
def test_a_film_that_ends_long_before_its_header_says_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: float, said: list[str]
) -> None:
    film = tmp_path / "film.avi"
    encode_clip(film, moving_square(60), fps=5)  # 12 s
    film.write_bytes(film.read_bytes()[: int(film.stat().st_size * part)])
    assert read(film)
    assert [record.getMessage()[-len("is it cut off?") :] for record in caplog.records] == said
