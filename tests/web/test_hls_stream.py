"""The playlist and segments of a camera, without a server."""

from __future__ import annotations

import dataclasses
import io
import re

import av
import pytest

from filming import FPS, MIDNIGHT, film
from watchpost.types import Packet
from watchpost.web.hls_stream import HlsStream, NotStreamedError


def streamed(packets: list[Packet], first_number: int = 100) -> HlsStream:
    stream = HlsStream(first_number)
    for packet in packets:
        stream.add(packet)
    return stream


def names(playlist: str, ending: str = r"\d+\.m4s") -> list[str]:
    return re.findall(rf"^({ending})$", playlist, re.MULTILINE)


def tags(playlist: str, name: str) -> list[str]:
    return re.findall(rf"^#{name}:(.*)$", playlist, re.MULTILINE)


def test_whole_segments_play_after_the_header() -> None:
    stream = streamed(film(75, gop=20))
    assert stream.is_playable
    numbers = [int(name.partition(".")[0]) for name in names(stream.playlist())]
    assert numbers == [100, 101, 102]
    data = (stream.init(100) or b"") + b"".join(stream.segment(number) or b"" for number in numbers)
    with av.open(io.BytesIO(data)) as file:
        frames = list(file.decode(video=0))
    assert len(frames) == 60
    assert [float(frame.time or 0) for frame in frames] == pytest.approx([number / FPS for number in range(60)])


def test_the_playlist_says_what_players_need() -> None:
    playlist = streamed(film(75, gop=20)).playlist()
    assert playlist.startswith("#EXTM3U\n")
    assert tags(playlist, "EXT-X-TARGETDURATION") == ["2"]
    assert tags(playlist, "EXT-X-MEDIA-SEQUENCE") == ["100"]
    assert tags(playlist, "EXT-X-MAP") == ['URI="init-100.mp4"']
    assert tags(playlist, "EXTINF") == ["2.00000,"] * 3
    assert tags(playlist, "EXT-X-PROGRAM-DATE-TIME")[:2] == ["2023-11-15T00:00:00.000Z", "2023-11-15T00:00:02.000Z"]
    main = streamed(film(75, gop=20)).main_playlist()
    assert re.search(r'BANDWIDTH=\d+,CODECS="avc1\.[0-9a-f]{6}",RESOLUTION=64x48\nlive\.m3u8\n', main)


def test_parts_are_told_as_they_come_and_make_the_segment() -> None:
    stream = streamed(film(75, gop=20))
    playlist = stream.playlist()
    told = [
        re.fullmatch(r'DURATION=([\d.]+),URI="(\d+)\.(\d+)\.m4s"(,INDEPENDENT=YES)?', each)
        for each in tags(playlist, "EXT-X-PART")
    ]
    assert all(told)
    assert all(float(each[1]) <= 0.6 for each in told if each)
    assert {int(each[3]) for each in told if each and each[4]} == {0}
    whole = b"".join(stream.part(101, number) or b"" for number in range(4))
    assert whole == stream.segment(101)
    assert stream.newest == (103, 2)
    assert tags(playlist, "EXT-X-PRELOAD-HINT") == ['TYPE=PART,URI="103.2.m4s"']
    assert "CAN-BLOCK-RELOAD=YES" in playlist
    assert stream.part(103, 1) is not None
    assert stream.part(103, 2) is None
    assert stream.segment(103) is None, "it is not whole yet"


def test_old_segments_go() -> None:
    stream = streamed(film(400, gop=20))
    assert len(names(stream.playlist())) == 6
    assert stream.segment(100) is None
    assert stream.init(100) is not None, "those that are left still need it"
    held = sum(len(stream.segment(number) or b"") for number in range(113, 119))
    assert held <= stream.bytes < 2 * held


@pytest.mark.parametrize(("gop", "length"), [(5, 2.0), (10, 2.0), (30, 3.0), (70, 7.0)])
def test_segments_follow_the_groups_of_pictures(gop: int, length: float) -> None:
    playlist = streamed(film(200, gop=gop)).playlist()
    assert tags(playlist, "EXT-X-TARGETDURATION") == [f"{length:.0f}"]
    assert {float(each.rstrip(",")) for each in tags(playlist, "EXTINF")} == {length}


def test_no_segment_is_longer_than_was_promised() -> None:
    """A camera whose groups become long: its segments are cut in their midst."""
    later = film(150, gop=150, start_s=6.0, wall_time_s=MIDNIGHT + 6)
    first = film(60, gop=20)
    stream = streamed([*first, *(dataclasses.replace(packet, stream=first[0].stream) for packet in later)])
    playlist = stream.playlist()
    assert tags(playlist, "EXT-X-TARGETDURATION") == ["2"]
    assert all(round(float(each.rstrip(","))) <= 2 for each in tags(playlist, "EXTINF"))
    numbers = [int(name.partition(".")[0]) for name in names(playlist)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_another_picture_is_a_discontinuity_with_a_header_of_its_own() -> None:
    wide = film(45, gop=20, size=(96, 48), start_s=4.5, wall_time_s=MIDNIGHT + 4.5)
    stream = streamed([*film(45, gop=20), *wide])
    playlist = stream.playlist()
    assert playlist.count("#EXT-X-DISCONTINUITY\n") == 1
    assert tags(playlist, "EXT-X-MAP") == ['URI="init-100.mp4"', 'URI="init-103.mp4"']
    assert stream.size == (96, 48)
    with av.open(io.BytesIO((stream.init(103) or b"") + (stream.segment(103) or b""))) as file:
        assert [frame.width for frame in file.decode(video=0)] == [96] * 20


def test_a_camera_that_is_started_afresh_counts_from_0_again() -> None:
    first = film(45, gop=20)
    again = [dataclasses.replace(packet, stream=first[0].stream) for packet in film(45, gop=20)]
    stream = streamed([*first, *again])
    assert stream.playlist().count("#EXT-X-DISCONTINUITY\n") == 1
    assert stream.newest[0] == 105


def test_slow_cameras_have_no_parts() -> None:
    slow = [
        dataclasses.replace(packet, pts=(packet.pts or 0) * 20, dts=(packet.dts or 0) * 20)
        for packet in film(12, gop=2)
    ]  # a picture in 2 s
    playlist = streamed(slow).playlist()
    assert "PART" not in playlist
    assert len(names(playlist)) >= 4


def test_a_codec_that_no_player_takes_is_told() -> None:
    stream = dataclasses.replace(film(1)[0].stream, codec="mjpeg")
    with pytest.raises(NotStreamedError, match=r"HLS takes H\.264 and H\.265"):
        HlsStream().add(dataclasses.replace(film(1)[0], stream=stream))
