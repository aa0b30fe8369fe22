"""Annotated streams: drawn and encoded once however many watch, and only while somebody does."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from filming import FPS, G711, film
from waiting import until
from watchpost.picture import ArrayPicture
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.taps import Tap, Taps
from watchpost.types import BGR, AudioStream, Frame, Packet
from watchpost.video.decoder import Decoder
from watchpost.video.live_encoder import LiveEncoder


class Drawing:
    """Draws a red square into the corner, and counts."""

    def __init__(self) -> None:
        self.times_s: list[float] = []

    @contextlib.contextmanager
    def of(self, camera: str) -> Iterator[Callable[[Frame], BGR]]:
        yield self.draw

    def draw(self, frame: Frame) -> BGR:
        self.times_s.append(frame.camera_time_s)
        picture = frame.picture.bgr().copy()
        picture[:16, :16] = (0, 0, 255)
        return picture


def collect(tap: Tap, count: int) -> list[Packet]:
    found: list[Packet] = []
    assert until(lambda: found.extend(tap.wait(0.1)) or len(found) >= count)  # type: ignore[func-returns-value]
    return found


def test_boxes_are_in_the_pictures_that_all_who_watch_get() -> None:
    taps, drawing = Taps(), Drawing()
    annotated = Annotated(taps, drawing.of)
    packets = film(3 * FPS)
    with annotated.open("gate") as first, annotated.open("gate") as second:
        assert until(lambda: taps.viewers("gate") == 1)
        for packet in packets[:FPS]:
            count = len(drawing.times_s)
            taps.offer("gate", packet)
            assert until(lambda count=count: len(drawing.times_s) > count)  # type: ignore[misc]
        found = collect(first, FPS)
        assert [packet.pts for packet in collect(second, FPS)] == [packet.pts for packet in found]
    assert drawing.times_s == [packet.camera_time_s for packet in packets[:FPS]], "once for both"
    assert [packet.camera_time_s for packet in found] == drawing.times_s
    assert [packet.is_key for packet in found] == [True] + [False] * (FPS - 1)
    decoder = Decoder("gate")
    pictures = [frame.picture.bgr() for packet in found for frame in decoder.decode(packet)]
    assert np.abs(pictures[0][2:12, 2:12].astype(int) - (0, 0, 255)).mean() < 25
    assert pictures[0][30:, 40:].std() < 60


def test_sound_becomes_aac_and_aac_goes_along_as_it_came() -> None:
    taps = Taps()
    annotated = Annotated(taps, Drawing().of)
    aac = AudioStream("aac", 16000, 1, Fraction(1, 16000), b"\x14\x08")
    for camera, sound in (("gate", G711), ("yard", aac)):
        with annotated.open(camera) as tap:
            assert until(lambda camera=camera: taps.viewers(camera) == 1)  # type: ignore[misc]
            packets = film(15, camera=camera, sound=sound, start_s=20.0)
            found: list[Packet] = []
            for packet in packets:
                taps.offer(camera, packet)
                found += collect(tap, 1)
        stream = found[0].stream.audio
        assert stream is not None
        assert stream.codec == "aac"
        heard = [each for packet in found for each in packet.audio]
        first_s = float(heard[0].pts * stream.time_base)
        assert first_s == pytest.approx(20.0, abs=0.15)
        assert float(heard[-1].pts * stream.time_base) - first_s == pytest.approx(1.4, abs=0.3)
        if camera == "yard":
            came = [bytes(each.payload) for packet in packets for each in packet.audio]  # type: ignore[call-overload]
            assert [bytes(each.payload) for each in heard] == came  # type: ignore[call-overload]
    annotated.close()


def test_nothing_is_drawn_for_nobody() -> None:
    taps, drawing = Taps(), Drawing()
    annotated = Annotated(taps, drawing.of)
    packets = film(3 * FPS)
    with annotated.open("gate"):
        assert until(lambda: taps.viewers("gate") == 1)
        taps.offer("gate", packets[0])
        assert until(lambda: len(drawing.times_s) == 1)
    assert until(lambda: taps.viewers("gate") == 0)
    assert annotated.running() == []
    for packet in packets[1:]:
        taps.offer("gate", packet)
    assert len(drawing.times_s) == 1
    with annotated.open("gate") as again:
        later = film(1, start_s=9.0)
        assert until(lambda: taps.viewers("gate") == 1)
        taps.offer("gate", later[0])
        found = collect(again, 1)
    assert found[0].camera_time_s is not None
    assert found[0].camera_time_s >= 2.0, "nobody begins with pictures of before"
    annotated.close()


def test_what_waited_is_decoded_and_its_newest_picture_drawn() -> None:
    taps, drawing = Taps(), Drawing()
    annotated = Annotated(taps, drawing.of)
    packets = film(FPS)
    for packet in packets:
        taps.offer("gate", packet)
    with annotated.open("gate") as tap:
        found = collect(tap, 1)
    assert found[-1].camera_time_s == packets[-1].camera_time_s
    assert len(drawing.times_s) == 1


def test_who_watches_a_camera_that_goes_is_told() -> None:
    taps = Taps()
    annotated = Annotated(taps, Drawing().of)
    tap = annotated.open("gate")
    assert until(lambda: taps.viewers("gate") == 1)
    taps.remove("gate")
    assert until(lambda: tap.ended)


def test_the_encoder_gives_each_picture_at_once() -> None:
    encoder = LiveEncoder("gate")
    grey = np.full((49, 65, 3), 90, np.uint8)
    made = [encoder.encode(grey, index / 10, 100 + index / 10) for index in range(45)]
    assert [len(each) for each in made] == [1] * 45
    assert [index for index, [packet] in enumerate(made) if packet.is_key] == [0, 20, 40]
    assert made[0][0].stream is made[44][0].stream
    assert (made[0][0].stream.width, made[0][0].stream.height) == (64, 48)
    other = encoder.encode(np.full((64, 96, 3), 90, np.uint8), 4.5, 104.5)
    assert other[0].is_key
    assert other[0].stream is not made[0][0].stream
    assert ArrayPicture(grey).width == 65


class Shared:
    """A payload that another decoder uses at this moment: it can be read, and nothing else."""

    def __init__(self, packet: Packet) -> None:
        self._data = bytes(packet.payload)  # type: ignore[call-overload]
        self.pts, self.dts, self.time_base = packet.pts, packet.dts, packet.stream.time_base

    def __bytes__(self) -> bytes:
        return self._data


def test_the_packets_of_the_analysis_are_not_touched() -> None:
    taps, drawing = Taps(), Drawing()
    annotated = Annotated(taps, drawing.of)
    with annotated.open("gate"):
        assert until(lambda: taps.viewers("gate") == 1)
        for packet in film(5):
            taps.offer("gate", dataclasses.replace(packet, payload=Shared(packet)))
        assert until(lambda: bool(drawing.times_s) and drawing.times_s[-1] == 0.4)
    annotated.close()
