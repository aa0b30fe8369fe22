from __future__ import annotations

import threading
from pathlib import Path

import av
import pytest

from filming import film
from watchpost.clock import SystemClock
from watchpost.errors import SourceError, WatchpostError
from watchpost.runtime.handing_on import HandingOn
from watchpost.runtime.outputs import transcoding
from watchpost.serving.targets import TargetAddress


def test_a_film_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "gate.mkv"
    work = HandingOn(TargetAddress.parse(str(path)), SystemClock(), threading.Event())
    work.run(film(30))
    done = work.progress()
    assert (done.frames, done.losses, done.media_s) == (30, 0, pytest.approx(2.9))
    assert done.bytes == pytest.approx(sum(packet.size for packet in film(30)), rel=0.01)  # lengths for start codes
    with av.open(path) as file:
        assert len(list(file.decode(video=0))) == 30


def test_encoded_anew(tmp_path: Path) -> None:
    path = tmp_path / "gate.mp4"
    work = HandingOn(TargetAddress.parse(str(path)), SystemClock(), threading.Event(), transcoding)
    work.run(film(30, codec="libx265"))
    with av.open(path) as file:
        assert file.streams.video[0].codec_context.name == "h264"
        assert len(list(file.decode(video=0))) == 30


def test_what_came_before_a_source_broke_off_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "gate.mp4"

    def broken():
        yield from film(15)
        raise SourceError("the file breaks off.")

    with pytest.raises(SourceError):
        HandingOn(TargetAddress.parse(str(path)), SystemClock(), threading.Event()).run(broken())
    with av.open(path) as file:
        assert len(list(file.decode(video=0))) == 15


def test_a_stop_ends_the_file_in_order(tmp_path: Path) -> None:
    path, stop = tmp_path / "gate.mp4", threading.Event()

    def endless():
        for packet in film(20):
            if packet.camera_time_s > 1.0:
                stop.set()
            yield packet

    HandingOn(TargetAddress.parse(str(path)), SystemClock(), stop).run(endless())
    with av.open(path) as file:
        assert 11 <= len(list(file.decode(video=0))) <= 13


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    work = HandingOn(TargetAddress.parse("rtmp://127.0.0.1:1/live/key"), SystemClock(), threading.Event())
    with pytest.raises(WatchpostError, match="check that the server runs"):
        work.run(film(30, wall_time_s=SystemClock().wall_time_s()))
