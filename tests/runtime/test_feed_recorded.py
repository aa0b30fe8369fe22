"""A feed reads and records whatever becomes of the analysis."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Iterable, Iterator

import pytest

from filming import film
from waiting import until
from watchpost.errors import SourceError
from watchpost.runtime.feed import Feed
from watchpost.types import Packet


class Taken:
    """A recorder that notes what it is given."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []

    def take(self, packet: Packet) -> None:
        self.packets.append(packet)


class Camera:
    """Sends as many packets as it is told to."""

    def __init__(self, packets: Iterable[Packet]) -> None:
        self._packets = list(packets)
        self._told: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.error: Exception | None = None

    def send(self, count: int) -> None:
        for _ in range(count):
            self._told.put(True)

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self._told.put(False)

    def read(self, stop: threading.Event) -> Iterator[Packet]:
        waiting = iter(self._packets)
        while not stop.is_set():
            try:
                if not self._told.get(timeout=0.05):
                    break
            except queue.Empty:
                continue
            yield next(waiting)
        if self.error is not None:
            raise self.error


def numbers(packets: Iterable[Packet]) -> list[int]:
    return [(packet.pts or 0) // 9000 for packet in packets]


def test_packets_are_recorded_and_then_handed_on() -> None:
    camera, taken = Camera(film(30)), Taken()
    feed = Feed("gate", camera.read, taken)
    reader = feed.packets(threading.Event())
    found: list[Packet] = []
    thread = threading.Thread(target=lambda: found.extend(reader))
    thread.start()
    assert until(lambda: feed._reader is not None)
    feed.start()
    camera.send(30)
    camera.end()
    thread.join(10)
    assert numbers(found) == numbers(taken.packets) == list(range(30))
    assert feed.stop()


def test_nobody_analyses_and_all_is_recorded() -> None:
    camera, taken = Camera(film(30)), Taken()
    feed = Feed("gate", camera.read, taken)
    feed.start()
    camera.send(30)
    assert until(lambda: len(taken.packets) == 30)
    assert feed.stop()


def test_an_analysis_that_is_started_anew_begins_with_a_key_frame() -> None:
    camera, taken = Camera(film(60)), Taken()
    feed = Feed("gate", camera.read, taken)
    feed.start()
    camera.send(15)
    assert until(lambda: len(taken.packets) == 15)
    reader = feed.packets(threading.Event())
    found: list[Packet] = []
    thread = threading.Thread(target=lambda: found.extend(reader))
    thread.start()
    assert until(lambda: feed._reader is not None)
    camera.send(45)
    camera.end()
    thread.join(10)
    assert numbers(found) == list(range(20, 60))
    assert len(taken.packets) == 60


def test_an_analysis_that_hangs_loses_its_own_packets_and_goes_on_at_a_key_frame() -> None:
    packets = [dataclasses.replace(packet, size=500_000) for packet in film(60)]
    camera, taken = Camera(packets), Taken()
    feed = Feed("gate", camera.read, taken)
    stop = threading.Event()
    reader = feed.packets(stop)
    feed.start()
    hangs: list[Packet] = []
    thread = threading.Thread(target=lambda: hangs.append(next(reader)))
    thread.start()
    assert until(lambda: feed._reader is not None)
    camera.send(1)
    thread.join(10)
    camera.send(59)
    assert until(lambda: len(taken.packets) == 60)
    camera.end()
    rest = numbers(reader)
    assert numbers(hangs) == [0]
    assert rest[0] % 10 == 0
    assert rest == list(range(rest[0], 60))
    assert feed.lost == 59 - len(rest)


def test_what_ended_the_camera_is_raised_to_the_analysis() -> None:
    camera = Camera(film(30))
    feed = Feed("gate", camera.read, Taken())
    feed.start()
    camera.end(SourceError("gate: wrong password"))
    with pytest.raises(SourceError, match="wrong password"):
        list(feed.packets(threading.Event()))
    assert feed.ended.is_set()


def test_a_file_is_waited_for_and_not_recorded() -> None:
    packets = [
        dataclasses.replace(packet, size=1_000_000, stream=dataclasses.replace(packet.stream, is_live=False))
        for packet in film(60)
    ]
    camera, taken = Camera(packets), Taken()
    feed = Feed("gate", camera.read, taken)
    feed.start()
    camera.send(60)
    camera.end()
    assert numbers(feed.packets(threading.Event()))[-1] == 59
    assert taken.packets == []


def test_stopping_ends_the_reader_too() -> None:
    camera = Camera(film(30))
    feed = Feed("gate", camera.read, Taken())
    feed.start()
    found: list[Packet] = []
    thread = threading.Thread(target=lambda: found.extend(feed.packets(threading.Event())))
    thread.start()
    assert feed.stop()
    thread.join(10)
    assert not thread.is_alive()
