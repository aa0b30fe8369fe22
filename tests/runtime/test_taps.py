"""Viewers get a camera's packets from the last key frame on; a slow one loses its own alone."""

from __future__ import annotations

import dataclasses
import threading

from sized_packets import STREAM, camera
from watchpost.runtime.taps import Tap, TapFigures, Taps
from watchpost.types import Packet

LIVE = dataclasses.replace(STREAM, is_live=True)


def live(seconds: float, start_s: float = 0.0, gop_s: float | None = 2.0) -> list[Packet]:
    return [dataclasses.replace(packet, stream=LIVE) for packet in camera(seconds, gop_s, start_s=start_s)]


def numbers(packets: list[Packet]) -> list[int]:
    return [packet.pts or 0 for packet in packets]


def pass_all(taps: Taps, packets: list[Packet]) -> list[Packet]:
    return list(taps.passing("door", packets))


def test_a_viewer_begins_with_the_last_key_frame_and_misses_nothing() -> None:
    taps = Taps()
    packets = live(5.0)
    assert pass_all(taps, packets[:35]) == packets[:35], "the analysis has them all"
    with taps.open("door") as tap:
        pass_all(taps, packets[35:])
        assert numbers(tap.take()) == list(range(20, 50))
        assert tap.take() == []
        assert tap.lost == 0


def test_a_viewer_may_come_before_the_camera() -> None:
    taps = Taps()
    with taps.open("door") as tap:
        pass_all(taps, live(1.0))
        assert numbers(tap.take()) == list(range(10))


def test_nothing_is_handed_on_of_files() -> None:
    taps = Taps()
    with taps.open("door") as tap:
        pass_all(taps, list(camera(1.0)))
        assert tap.take() == []


def test_a_slow_viewer_loses_its_own_packets_and_goes_on_with_a_key_frame() -> None:
    taps = Taps()
    slow, quick = taps.open("door", held_bytes=40_000), taps.open("door")
    pass_all(taps, live(10.0))
    assert len(quick.take()) == 100
    assert quick.lost == 0
    shown = slow.take()
    assert shown[0].is_key
    assert slow.lost + len(shown) == 100


def test_a_stream_without_key_frames_is_not_held_for_those_who_come() -> None:
    taps = Taps()
    pass_all(taps, live(3.0, gop_s=None))
    with taps.open("door") as tap:
        assert tap.take() == []


def test_news_are_told_once_until_they_are_taken() -> None:
    taps = Taps()
    told: list[bool] = []
    with taps.open("door", lambda: told.append(True)) as tap:
        pass_all(taps, live(1.0))
        assert len(told) == 1
        tap.take()
        pass_all(taps, live(1.0, start_s=1.0))
        assert len(told) == 2


def test_whoever_waits_is_woken_by_a_packet_and_by_the_end() -> None:
    taps = Taps()
    tap = taps.open("door")
    seen: list[int] = []

    def watch() -> None:
        while packets := tap.wait(10.0):
            seen.extend(numbers(packets))

    thread = threading.Thread(target=watch)
    thread.start()
    pass_all(taps, live(1.0))
    taps.remove("door")
    thread.join(10.0)
    assert not thread.is_alive()
    assert seen == list(range(10))
    assert tap.ended


def test_packets_of_another_process_are_asked_for_while_somebody_watches() -> None:
    asked: list[tuple[str, bool]] = []
    taps = Taps(lambda camera, is_wanted: asked.append((camera, is_wanted)))
    first, second = taps.open("door"), taps.open("door")
    assert taps.viewers("door") == 2
    first.close()
    assert asked == [("door", True)]
    second.close()
    second.close()
    assert asked == [("door", True), ("door", False)]
    assert taps.viewers("door") == 0


def test_a_place_is_given_up_once_only() -> None:
    taps = Taps()
    tap: Tap = taps.open("door")
    tap.close()
    pass_all(taps, live(1.0))
    assert tap.take() == []
    assert tap.ended


def test_what_came_before_a_loss_is_not_shown_to_whoever_comes_next() -> None:
    taps = Taps()
    packets = live(5.0)
    for packet in packets[:35]:
        taps.offer("door", packet)
    taps.forget("door")
    with taps.open("door") as tap:
        assert tap.take() == []
        for packet in packets[35:]:
            taps.offer("door", packet)
        assert numbers(tap.take()) == list(range(40, 50))


def test_of_another_process_nothing_is_held_while_nobody_watches() -> None:
    taps = Taps(lambda _camera, _is_wanted: None)
    packets = live(5.0)
    for packet in packets[:10]:
        taps.offer("door", packet)
    with taps.open("door") as tap:
        assert tap.take() == []
        for packet in packets[20:25]:
            taps.offer("door", packet)
        assert numbers(tap.take()) == list(range(20, 25))
        assert taps.watched() == {"door"}
    assert taps.watched() == frozenset()
    with taps.open("door") as tap:
        assert tap.take() == [], "they would be old"


def test_a_viewer_that_can_not_be_told_ends_alone() -> None:
    def fail() -> None:
        raise RuntimeError("the loop is closed")

    taps = Taps()
    broken, sound = taps.open("door", fail), taps.open("door")
    packets = live(2.0)
    assert pass_all(taps, packets) == packets
    assert len(sound.take()) == 20
    assert broken.ended
    assert broken.take() == []


def test_a_camera_that_ends_late_does_not_come_back() -> None:
    taps = Taps()
    passing = taps.passing("door", live(2.0))
    next(passing)
    taps.remove("door")
    assert len(list(passing)) == 19
    with taps.open("door") as tap:
        assert tap.take() == []
        taps.offer("door", live(1.0)[0])
        assert len(tap.take()) == 1, "it may come again"


def test_what_viewers_lost_is_counted_also_when_they_have_left() -> None:
    taps = Taps()
    assert taps.figures() == {}
    with taps.open("door", held_bytes=40_000), taps.open("door") as quick:
        pass_all(taps, live(10.0))
        quick.take()
        (seen,) = taps.figures().values()
        assert seen.viewers == 2
        assert seen.lost > 0
    assert taps.figures()["door"] == TapFigures(0, seen.lost)


def test_what_is_told_last_of_the_demand_holds() -> None:
    """Whoever comes while the last one leaves: both may tell in any order."""
    told: list[bool] = []
    taps: Taps

    def note(_camera: str, is_wanted: bool) -> None:
        told.append(is_wanted)

    taps = Taps(note)

    def come_and_go() -> None:
        for _ in range(200):
            taps.open("door").close()

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told[-1] is False
    with taps.open("door"):
        assert told[-1] is True


def test_places_are_opened_and_ended_while_a_camera_goes_and_comes() -> None:
    taps = Taps()
    stop = threading.Event()
    found: list[Tap] = []

    def watch() -> None:
        while not stop.is_set():
            found.append(taps.open("door"))

    thread = threading.Thread(target=watch)
    thread.start()
    for _ in range(50):
        taps.remove("door")
    stop.set()
    thread.join()
    taps.remove("door")
    assert all(tap.ended for tap in found)
