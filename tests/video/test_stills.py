"""Key frames of many cameras through few codec contexts, and nothing held by a camera that sleeps."""

from __future__ import annotations

import dataclasses
import threading

import av
import av.error
import numpy as np
import pytest
from test_decoder import demuxed

from clips import moving_square, solid
from watchpost.types import Packet
from watchpost.video.decoder import Decoder
from watchpost.video.stills import Stills

RED, BLUE = (0, 0, 255), (255, 0, 0)


def key_of(colour: tuple[int, int, int], width: int = 160, height: int = 120) -> Packet:
    return demuxed(solid(1, colour, width, height))[0]


def test_cameras_of_one_kind_share_a_context() -> None:
    stills = Stills()
    red, blue = key_of(RED), key_of(BLUE)
    cameras = [Decoder(f"camera {number}", stills=stills) for number in range(4)]

    for number, camera in enumerate(cameras):
        (frame,) = camera.decode_alone(blue if number % 2 else red)
        assert np.abs(frame.picture.bgr()[60, 80].astype(int) - (BLUE if number % 2 else RED)).max() <= 6

    assert len(stills) == 1


def test_streams_of_other_sizes_have_another_and_old_ones_are_given_up() -> None:
    stills = Stills(most=2)
    packets = [key_of(RED, 160 + 16 * number, 120) for number in range(3)]

    for packet in [*packets, packets[0]]:
        (frame,) = Decoder("door", stills=stills).decode_alone(packet)
        assert frame.size == (packet.stream.width, 120)

    assert len(stills) == 2


def test_what_fails_leaves_the_context_good_for_others() -> None:
    stills = Stills()
    packet = key_of(RED)
    assert isinstance(packet.payload, av.Packet)
    broken = av.Packet(bytes(packet.payload)[: len(bytes(packet.payload)) // 2][::-1])
    broken.pts = broken.dts = 0

    with pytest.raises(av.error.FFmpegError):
        stills.decode(packet.stream, broken)

    assert len(Decoder("door", stills=stills).decode_alone(packet)) == 1
    unknown = dataclasses.replace(packet, stream=dataclasses.replace(packet.stream, codec="nothing"))
    camera = Decoder("door", stills=stills)
    assert camera.decode_alone(unknown) == []
    assert camera.counters["corrupt"] == 1


def test_several_cameras_at_once() -> None:
    stills = Stills()
    packets = demuxed(moving_square(20), gop=5)
    keys = [packet for packet in packets if packet.is_key]
    seen: list[list[int]] = []

    def look(camera: str) -> None:
        decoder = Decoder(camera, stills=stills)
        seen.append([round(frame.camera_time_s * 25) for key in keys for frame in decoder.decode_alone(key)])

    threads = [threading.Thread(target=look, args=(f"camera {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [[0, 5, 10, 15]] * 4
    assert 1 <= len(stills) <= 4


def test_a_sleeping_camera_goes_on_at_the_next_key_frame() -> None:
    packets = demuxed(moving_square(15), gop=5)
    decoder = Decoder("door", stills=Stills())
    times = [frame.camera_time_s for packet in packets[:7] for frame in decoder.decode(packet)]
    times += [frame.camera_time_s for frame in decoder.decode_alone(packets[10])]
    assert decoder.decode(packets[11]) == []
    assert [round(time_s * 25) for time_s in times] == [0, 1, 2, 3, 4, 5, 6, 10]
    decoder.restart(times[-1])
    again = [frame.camera_time_s for packet in packets[10:] for frame in decoder.decode(packet)]
    assert [round(time_s * 25) for time_s in again] == [11, 12, 13, 14]
