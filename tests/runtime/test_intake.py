"""Which frames come out of a camera's packets as its stream begins."""

from __future__ import annotations

import dataclasses

import numpy as np

from sized_packets import STREAM
from sized_packets import camera as sized_packets
from watchpost.clock import ManualClock
from watchpost.config.gate import GateOptions
from watchpost.picture import ArrayPicture
from watchpost.runtime.intake import Intake, Taken
from watchpost.types import Frame, Packet

LIVE = dataclasses.replace(STREAM, is_live=True)
ROOM = np.full((72, 128, 3), 100, np.uint8)


class Decoder:
    """Shows each packet at once: an empty room, brighter by a stripe of as many columns as `columns` says."""

    def __init__(self, columns: dict[float, int] | None = None) -> None:
        self._columns = columns or {}

    def decode(self, packet: Packet) -> list[Frame]:
        time_s = packet.camera_time_s or 0.0
        picture = ROOM.copy()
        picture[20:60, : self._columns.get(time_s, 0)] = 200
        return [Frame("door", ArrayPicture(picture), time_s, 0.0, packet.dts or 0, packet.is_discontinuous)]

    decode_alone = decode

    def restart(self, known_until_s: float) -> None: ...

    def flush(self) -> list[Frame]:
        return []


def taken(packets: list[Packet], columns: dict[float, int] | None = None) -> list[Taken]:
    intake = Intake(Decoder(columns), ManualClock(), GateOptions())
    return [each for packet in packets for each in intake.frames(packet)]


def live(seconds: float, start_s: float = 0.0) -> list[Packet]:
    return [dataclasses.replace(packet, stream=LIVE) for packet in sized_packets(seconds, start_s=start_s)]


def test_looks_are_for_the_detector_until_pictures_can_be_compared() -> None:
    looks = taken(live(20))
    assert all(each.is_look for each in looks)
    assert [each.frame.camera_time_s for each in looks] == list(range(0, 20, 2))
    assert [each.frame.camera_time_s for each in looks if each.is_wanted] == [0, 2, 12]


def test_a_changed_picture_is_for_the_detector_as_long_as_it_does_not_wake() -> None:
    looks = taken(live(4), {2.0: 30})
    assert [each.is_wanted for each in looks] == [True, True]


def test_the_first_changed_picture_that_wakes_is_not() -> None:
    frames = taken(live(4.2), {4.0: 30})
    assert [(each.frame.camera_time_s, each.is_wanted) for each in frames if each.is_look] == [
        (0, True),
        (2, True),
        (4, False),
    ]
    assert next(each.frame.camera_time_s for each in frames if not each.is_look) == 2.0


def test_after_a_reconnection_the_first_look_is_shown_and_says_so() -> None:
    packets = live(30)
    again = live(10, start_s=30)
    again[0] = dataclasses.replace(again[0], is_discontinuous=True)
    looks = [each for each in taken(packets + again) if each.frame.camera_time_s >= 30]
    assert [each.is_wanted for each in looks] == [True, True, False, False, False]
    assert [each.frame.is_discontinuous for each in looks] == [True, False, False, False, False]


def test_a_live_camera_that_shows_one_grey_is_found_out() -> None:
    intake = Intake(Decoder(), ManualClock(), GateOptions())
    seen = {}
    for packet in live(26):
        for each in intake.frames(packet):
            seen[each.frame.camera_time_s] = intake.sight.blindness
    # looks are 2 s apart, and every third of them is judged
    assert seen[10.0] is None
    assert seen[12.0] == seen[24.0] == "covered"


def test_where_the_gate_is_off_pictures_are_judged_all_the_same() -> None:
    intake = Intake(Decoder(), ManualClock(), GateOptions(enabled=False))
    for packet in live(12):
        list(intake.frames(packet))
    assert intake.sight.blindness == "covered"
