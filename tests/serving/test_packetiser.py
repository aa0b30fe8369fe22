"""A camera's packets as RTP: units as they were, in MP4's form too, with the sets a decoder needs."""

from __future__ import annotations

import dataclasses
import struct
from fractions import Fraction

import av
import pytest

from filming import film
from watchpost.mp4 import parameter_sets
from watchpost.serving import payload_aac, payload_h264
from watchpost.serving.burst import Burst, WallTimes
from watchpost.serving.packetiser import Packetiser, UnsupportedStreamError
from watchpost.serving.sdp import parameter
from watchpost.types import AudioPacket, AudioStream, Packet

AAC = AudioStream("aac", 48_000, 2, Fraction(1, 48_000), bytes.fromhex("1190"))


def units_in(bursts: list[Burst]) -> list[bytes]:
    depacketiser = payload_h264.Depacketiser()
    return [
        unit
        for burst in bursts
        if burst.track == 0
        for data in burst.datagrams
        for unit in depacketiser.take(int.from_bytes(data[2:4], "big"), data[12:])
    ]


def in_mp4(packet: Packet, *, sets: tuple[bytes, ...]) -> Packet:
    """The same packet as an MP4 file or some servers have it: with lengths, parameter sets apart."""
    kept = [bytes(unit) for unit in parameter_sets.units(bytes(packet.payload)) if unit[0] & 0x1F not in (7, 8)]  # type: ignore[call-overload]
    payload = av.Packet(b"".join(struct.pack(">I", len(unit)) + unit for unit in kept))
    payload.pts = packet.pts
    stream = dataclasses.replace(packet.stream, extradata=parameter_sets.record(sets, "h264"))
    return dataclasses.replace(packet, payload=payload, stream=stream)


def sets_of(packet: Packet) -> tuple[bytes, ...]:
    return parameter_sets.parameter_sets(bytes(packet.payload), "h264")  # type: ignore[call-overload]


def test_units_with_lengths_and_sets_apart() -> None:
    packets = film(3)
    sets = sets_of(packets[0])
    stored = in_mp4(packets[0], sets=sets)
    packetiser = Packetiser("gate", [stored])
    assert len((parameter(packetiser.description.media[0], "sprop-parameter-sets") or "").split(",")) == 2
    found = units_in(packetiser.bursts(stored))
    assert found == [
        bytes(unit)
        for unit in parameter_sets.units(bytes(packets[0].payload))  # type: ignore[call-overload]
        if unit[0] & 0x1F not in (7, 8)
    ], "untouched: the description has the sets"


def test_sets_that_changed_go_with_the_key_frames_from_then_on() -> None:
    small, large = film(1), film(1, size=(96, 64), start_s=1.0)
    first = in_mp4(small[0], sets=sets_of(small[0]))
    packetiser = Packetiser("gate", [first])
    packetiser.bursts(first)
    second = in_mp4(large[0], sets=sets_of(large[0]))
    assert packetiser.fits(second)
    assert units_in(packetiser.bursts(second))[:2] == list(sets_of(large[0]))


def test_what_has_no_form() -> None:
    [packet] = film(1)
    stream = dataclasses.replace(packet.stream, codec="vp9")
    with pytest.raises(UnsupportedStreamError, match="vp9"):
        Packetiser("gate", [dataclasses.replace(packet, stream=stream)])


def test_aac_by_its_own_clock() -> None:
    [packet] = film(1, sound=AAC, start_s=2.0)
    heard = tuple(AudioPacket(1024 * index, av.Packet(bytes([65 + index]) * 300)) for index in range(3))
    packet.payload.pts = 0  # type: ignore[attr-defined]  # the timestamp filter moved it by 2 s
    packet = dataclasses.replace(packet, audio=heard)
    packetiser = Packetiser("gate", [packet])
    sound = packetiser.description.media[1]
    assert (sound.encoding, sound.clock_rate, sound.channels) == ("MPEG4-GENERIC", 48_000, 2)
    assert parameter(sound, "config") == "1190"
    bursts = [burst for burst in packetiser.bursts(packet) if burst.track == 1]
    times = [int.from_bytes(burst.datagrams[0][4:8], "big") for burst in bursts]
    assert [(each - times[0]) & 0xFFFFFFFF for each in times] == [0, 1024, 2048]
    assert [payload_aac.units(burst.datagrams[0][12:]) for burst in bursts] == [
        [bytes([65 + index]) * 300] for index in range(3)
    ]
    clocked = packetiser.clocked(1)
    video = packetiser.clocked(0)
    assert clocked.wall_time_s - video.wall_time_s == pytest.approx(2 * 1024 / 48_000, abs=1e-3)


def test_aac_with_headers_tells_itself_what_it_is() -> None:
    unit = bytes(range(100))
    header = bytes(
        (0xFF, 0xF1, 1 << 6 | 3 << 2, 2 << 6 | (len(unit) + 7) >> 11, (len(unit) + 7) >> 3 & 0xFF, 0x1F, 0xFC)
    )
    [packet] = film(1, sound=dataclasses.replace(AAC, extradata=None))
    packet = dataclasses.replace(packet, audio=(AudioPacket(0, av.Packet(header + unit)),))
    packetiser = Packetiser("gate", [packet])
    assert parameter(packetiser.description.media[1], "config") == "1190"
    [burst] = [burst for burst in packetiser.bursts(packet) if burst.track == 1]
    assert payload_aac.units(burst.datagrams[0][12:]) == [unit]


def test_other_sound_is_another_description() -> None:
    [packet] = film(1, sound=AAC)
    packetiser = Packetiser("gate", [packet])
    again = dataclasses.replace(packet.stream, audio=dataclasses.replace(AAC))
    assert packetiser.fits(dataclasses.replace(packet, stream=again))
    other = dataclasses.replace(packet.stream, audio=dataclasses.replace(AAC, sample_rate=44_100))
    assert not packetiser.fits(dataclasses.replace(packet, stream=other))
    assert not packetiser.fits(dataclasses.replace(packet, stream=dataclasses.replace(packet.stream, codec="hevc")))


def test_sound_that_has_no_form_is_left_out() -> None:
    [packet] = film(1, sound=dataclasses.replace(AAC, codec="opus"))
    assert len(Packetiser("gate", [packet]).description.media) == 1


def test_the_wall_clock_follows_and_leaps() -> None:
    walls = WallTimes()
    for index in range(200):
        walls.see(index / 10, 1000 + index / 10 + (0.1 if index % 2 else -0.1))
    assert walls.of(20.0) == pytest.approx(1020.0, abs=0.01)
    walls.see(20.0, 5000.0)
    assert walls.of(20.0) == 5000.0


def test_records_of_mp4_give_their_sets() -> None:
    sets = sets_of(film(1)[0])
    assert parameter_sets.sets_in_record(parameter_sets.record(sets, "h264"), "h264") == sets
    hevc = parameter_sets.parameter_sets(bytes(film(1, codec="libx265")[0].payload), "hevc")  # type: ignore[call-overload]
    assert parameter_sets.sets_in_record(parameter_sets.record(hevc, "hevc"), "hevc") == hevc
    assert parameter_sets.sets_in_record(b"\x01", "h264") == ()
    assert parameter_sets.sets_in_record(b"\x01", "hevc") == ()
