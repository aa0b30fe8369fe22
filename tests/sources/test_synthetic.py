"""The synthetic camera as a source: real H.264 with the structure that was asked for."""

from __future__ import annotations

import itertools

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from watchpost.clock import ManualClock
from watchpost.errors import SourceError
from watchpost.scene.scene import Scene
from watchpost.sources import open_source
from watchpost.sources.synthetic import Options
from watchpost.types import Packet

SMALL = "width=320&height=180&fps=10&people=2"


def play(query: str, count: int, clock: ManualClock | None = None) -> list[Packet]:
    source = open_source(f"synthetic:?{SMALL}&{query}", "door", {"seed": 3}, clock or ManualClock())
    packets = list(itertools.islice(source.packets(), count))
    source.close()
    return packets


def decode(packets: list[Packet]) -> list[av.VideoFrame]:
    context = VideoCodecContext.create("h264", "r")
    context.extradata = packets[0].stream.extradata
    frames = [frame for packet in packets for frame in context.decode(packet.payload)]  # type: ignore[arg-type]
    return frames + context.decode(None)


def test_key_frames_come_every_gop() -> None:
    packets = play("gop=7&duration=3&realtime=0", 100)
    assert len(packets) == 30
    assert [index for index, packet in enumerate(packets) if packet.is_key] == [0, 7, 14, 21, 28]
    assert [packet.pts for packet in packets] == [index * 9000 for index in range(30)]
    assert packets[0].stream.average_rate == 10
    assert packets[0].camera == "door"


def test_the_stream_decodes_to_the_scene() -> None:
    frames = decode(play("gop=5&duration=1&realtime=0&crf=12", 100))
    assert len(frames) == 10
    options = Options(width=320, height=180, fps=10, people=2, seed=3)
    scene = Scene(options)
    for index in (0, 9):
        decoded = frames[index].reformat(format="bgr24").to_ndarray()
        assert np.abs(decoded.astype(int) - scene.frame(index)[0]).mean() < 3


def test_b_frames_are_as_many_as_asked_for() -> None:
    packets = play("gop=12&bframes=2&duration=2.4&realtime=0", 100)
    frames = decode(packets)
    kinds = "".join(PictureType(frame.pict_type).name for frame in frames)
    assert len(packets) == len(frames) == 24
    assert kinds[0] == kinds[12] == "I"
    assert "PBBP" in kinds
    assert [frame.pts for frame in frames] == sorted(frame.pts or 0 for frame in frames)
    dts = [packet.dts or 0 for packet in packets]
    assert dts == sorted(dts)


def test_a_live_camera_keeps_its_pace() -> None:
    clock = ManualClock()
    packets = play("", 21, clock)
    assert packets[0].stream.is_live
    arrivals = [packet.wall_time_s - packets[0].wall_time_s for packet in packets]
    assert arrivals == pytest.approx([index / 10 for index in range(21)])


def test_as_fast_as_it_goes_waits_for_nothing() -> None:
    clock = ManualClock()
    packets = play("realtime=0", 5, clock)
    assert clock.waits_s == []
    assert not packets[0].stream.is_live


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_loop_repeats_its_packets_with_times_that_go_on(bframes: int) -> None:
    packets = play(f"loop=1&gop=5&realtime=0&bframes={bframes}", 35)
    assert [packet.is_key for packet in packets[:10]] == [packet.is_key for packet in packets[10:20]]
    assert [packet.size for packet in packets[:10]] == [packet.size for packet in packets[20:30]]
    dts = [packet.dts or 0 for packet in packets]
    assert all(later > earlier for earlier, later in itertools.pairwise(dts))
    frames = decode(packets[:30])
    assert [frame.pts for frame in frames] == [index * 9000 for index in range(30)]


def test_close_ends_a_camera() -> None:
    source = open_source(f"synthetic:?{SMALL}", "door", None, ManualClock())
    packets = source.packets()
    next(packets)
    source.close()
    source.close()
    assert list(packets) == []


def test_the_address_goes_before_the_options() -> None:
    source = open_source("synthetic:?fps=5&width=64&height=64", "door", {"fps": 20, "gop": 3}, ManualClock())
    packets = list(itertools.islice(source.packets(), 4))
    assert packets[0].stream.average_rate == 5
    assert [packet.is_key for packet in packets] == [True, False, False, True]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("synthetic:?poeple=4", "option poeple"),
        ("synthetic:?people=many", "option people"),
        ("synthetic:?width=101", "option width"),
        ("synthetic:?activity=1.5", "option activity"),
        ("synthetic:?duration=soon", "option duration"),
        ("synthetic:courtyard", "write synthetic:"),
        ("synthetic://host/?people=1", "write synthetic:"),
    ],
)
def test_what_can_not_be_meant_is_told_in_one_line(address: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        open_source(address, "door", None, ManualClock())
    assert caught.value.permanent
    assert "\n" not in str(caught.value)
    if "option" in said:
        assert "activity, bframes, camera" in str(caught.value)
