from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction

import pytest

from watchpost.types import Packet, StreamInfo
from watchpost.video.ring import Ring

STREAM = StreamInfo("h264", 640, 360, Fraction(1, 10))


def packet(index: int, *, is_key: bool = False, size: int = 10) -> Packet:
    """Packet `index` of a camera at 10 frames a second."""
    return Packet("door", STREAM, index, index, is_key, size, 0.0, payload=index)


def filled(ring: Ring, count: int, gop: int | None, size: int = 10) -> Ring:
    for index in range(count):
        ring.add(packet(index, is_key=gop is not None and index % gop == 0, size=size))
    return ring


def payloads(packets: list[Packet]) -> list[object]:
    return [each.payload for each in packets]


def test_since_last_key_begins_with_the_newest_key_frame() -> None:
    ring = filled(Ring(10_000, 100), 13, gop=5)
    assert payloads(ring.since_last_key()) == [10, 11, 12]


def test_since_key_goes_back_to_the_key_frame_before_a_time() -> None:
    ring = filled(Ring(10_000, 100), 13, gop=5)
    assert payloads(ring.since_key(0.9))[0] == 5
    assert payloads(ring.since_key(0.5))[0] == 5
    assert payloads(ring.since_key(0.4))[0] == 0


def test_since_key_before_all_that_is_held_begins_with_the_oldest() -> None:
    ring = filled(Ring(10_000, 0.6), 13, gop=5)
    assert payloads(ring.since_key(0.0))[0] == 10


@pytest.mark.parametrize(("max_bytes", "max_seconds"), [(120, 100.0), (10_000, 1.1)])
def test_whole_groups_give_way(max_bytes: int, max_seconds: float) -> None:
    ring = Ring(max_bytes, max_seconds)
    for index in range(40):
        ring.add(packet(index, is_key=index % 5 == 0))
        stats = ring.stats()
        assert stats.size <= max_bytes
        assert stats.seconds <= max_seconds
        assert ring.since_key(0.0)[0].is_key
        assert stats.packets >= min(index + 1, 8)  # never more is dropped than must be
    assert ring.stats().beheaded == 0


def test_a_group_that_alone_is_too_large_is_counted_and_not_offered() -> None:
    ring = filled(Ring(50, 100), 8, gop=100)
    assert ring.stats().beheaded == 3
    assert ring.since_last_key() == []

    ring.add(packet(8, is_key=True))
    assert payloads(ring.since_last_key()) == [8]
    for index in range(9, 12):
        ring.add(packet(index))
    assert ring.stats().packets == 4, "the beheaded group goes at once when the next needs the room"


def test_a_packet_larger_than_the_ring_is_held_alone() -> None:
    ring = Ring(50, 100)
    ring.add(packet(0, is_key=True, size=500))
    assert payloads(ring.since_last_key()) == [0]


def test_without_key_frames_it_is_a_window() -> None:
    ring = filled(Ring(10_000, 1.0), 100, gop=None)
    stats = ring.stats()
    assert (stats.packets, stats.key_frames) == (11, 0)
    assert ring.since_last_key() == []


def test_readers_get_each_packet_once_and_not_a_copy() -> None:
    ring = filled(Ring(10_000, 100), 7, gop=5)
    from_key, newest = ring.reader(), ring.reader("newest")
    late = packet(7)
    ring.add(late)

    assert payloads(from_key.take()) == [5, 6, 7]
    assert list(newest) == [late]
    assert from_key.take() == newest.take() == []


def test_a_slow_reader_loses_its_own_packets() -> None:
    ring = filled(Ring(10_000, 1.0), 1, gop=5)
    slow, quick = ring.reader(), ring.reader()
    taken = []
    for index in range(1, 40):
        ring.add(packet(index, is_key=index % 5 == 0))
        taken += quick.take()

    assert (quick.lost, len(taken)) == (0, 40)
    rest = slow.take()
    assert slow.lost == 40 - len(rest) > 0
    assert rest[0].is_key
    assert rest[-1] is taken[-1]


def test_a_writer_and_readers_at_once() -> None:
    ring = Ring(2_000, 100)
    done = threading.Event()
    read: list[list[object]] = [[], []]
    readers = [ring.reader(), ring.reader()]

    def follow(reader_number: int) -> None:
        while True:
            is_last = done.is_set()
            read[reader_number] += payloads(readers[reader_number].take())
            if is_last:
                return

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    filled(ring, 3000, gop=20)
    done.set()
    for thread in threads:
        thread.join()

    for reader, seen in zip(readers, read, strict=True):
        assert seen == sorted(set(seen)), "in order, none twice"
        assert len(seen) + reader.lost == 3000


def test_bad_bounds_and_packets_without_time_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Ring(0, 10)
    with pytest.raises(ValueError, match="timestamp filter"):
        Ring(10, 10).add(replace(packet(0), pts=None))
