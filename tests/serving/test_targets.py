from __future__ import annotations

from pathlib import Path

import av
import pytest

from filming import film
from watchpost.errors import TargetError
from watchpost.serving.targets import TargetAddress


@pytest.mark.parametrize(
    ("text", "container", "is_live", "shown"),
    [
        ("rtmp://h/live/secret", "flv", True, "rtmp://h/live/***"),
        ("rtsp://user:pass@h:8554/gate", "rtsp", True, "rtsp://***@h:8554/gate"),
        ("udp://239.1.1.1:5000", "mpegts", True, "udp://239.1.1.1:5000"),
        ("rtp://h:5000", "rtp_mpegts", True, "rtp://h:5000"),
        ("gate.mp4", "mp4", False, "gate.mp4"),
        ("gate.TS", "mpegts", False, "gate.TS"),
    ],
)
def test_addresses(text: str, container: str, is_live: bool, shown: str) -> None:
    address = TargetAddress.parse(text)
    assert (address.container, address.is_live, address.shown) == (container, is_live, shown)
    assert "secret" not in repr(address)
    assert "pass" not in repr(address)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://h/x", "can not be written to; there are rtmp://"),
        ("rtsp:///x", "names no host"),
        ("udp://h", "names no port"),
        ("rtmp://h/live", "name an application and a stream"),
        ("film.avi", "ends in one of .mp4"),
        ("no/folder/film.mp4", "no/folder is no folder"),
    ],
)
def test_what_can_not_be_meant(text: str, says: str) -> None:
    with pytest.raises(TargetError, match=says) as error:
        TargetAddress.parse(text)
    assert error.value.permanent


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "gate.mp4"
    target = TargetAddress.parse(str(path)).open()
    for packet in film(20):
        target.write(packet)
    assert not path.exists()
    assert (tmp_path / "gate.mp4.part").exists()
    target.close()
    assert (target.frames, target.bytes > 0, target.left_out) == (20, True, "")
    with av.open(path) as file:
        assert len(list(file.decode(video=0))) == 20
    assert [each.name for each in tmp_path.iterdir()] == ["gate.mp4"]


def test_srt_says_that_this_ffmpeg_has_none() -> None:
    target = TargetAddress.parse("srt://127.0.0.1:9000").open()
    with pytest.raises(TargetError, match="does not know the protocol") as error:
        target.write(film(2)[0])
    assert error.value.permanent
    target.abandon()
