"""A file as an endless camera; what is played, and what a file tells of itself."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from clips import encode_clip, moving_square
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.sources.looped import looped, shape


@pytest.fixture
def video(tmp_path: Path) -> Path:
    encode_clip(tmp_path / "one.mp4", moving_square(20), fps=5, gop=5)
    return tmp_path / "one.mp4"


def test_rounds_follow_each_other_and_begin_at_the_offset(video: Path) -> None:
    packets = list(itertools.islice(looped(video, "gate", offset_s=2.0, round_s=4.0, clock=SystemClock()), 35))
    assert [packet.camera_time_s for packet in packets] == pytest.approx([number / 5 for number in range(35)])
    assert [number for number, packet in enumerate(packets) if packet.is_key] == [0, 5, 10, 15, 20, 25, 30]
    assert {id(packet.stream) for packet in packets} == {id(packets[0].stream)}


def test_a_file_tells_its_shape(video: Path) -> None:
    found = shape(video)
    assert (found.seconds, found.fps, found.gop_s) == pytest.approx((4.0, 5.0, 1.0))


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"text\.mp4"):
        shape(tmp_path / "text.mp4")
