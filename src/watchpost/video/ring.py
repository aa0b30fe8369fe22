"""The last groups of pictures of one camera, compressed: what gate, recorder and servers read from.

One thread writes, any number of threads read. Packets are handed on as they are: nothing is copied but references.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from watchpost.types import Packet


@dataclass(frozen=True, slots=True)
class RingStats:
    """What a ring holds, and what it could not hold."""

    packets: int
    key_frames: int
    size: int
    """Bytes of compressed data."""
    seconds: float
    """Camera time from the first packet in decoding order to the last."""
    beheaded: int
    """Packets dropped out of the group in progress, which alone went beyond the bounds; 0 is how it should be.
    What is left of such a group can not be decoded, so it is not what `since_key` begins with."""


class Ring:
    """Holds a camera's newest packets, as the timestamp filter leaves them, within `max_bytes` and `max_seconds`.

    What goes beyond either bound is dropped from the front by whole groups (key frame to key frame). The group
    in progress stays, unless it alone is too large: then its packets are dropped one by one and counted. So a
    stream without key frames (intra-refresh) is a window over its packets; `since_key` finds nothing in it.
    """

    def __init__(self, max_bytes: int, max_seconds: float) -> None:
        if max_bytes <= 0 or max_seconds <= 0:
            raise ValueError(f"Ring: expected bounds above 0, got {max_bytes} bytes and {max_seconds} s")
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds
        self._lock = threading.Lock()
        self._packets: deque[Packet] = deque()
        self._times_s: deque[float] = deque()
        self._first = 0
        """How many packets have been dropped so far: the number of the packet at the front."""
        self._keys: deque[tuple[int, float]] = deque()
        """Number and camera time of each key frame that is held."""
        self._bytes = 0
        self._beheaded = 0

    def add(self, packet: Packet) -> None:
        """Hold a packet; old ones give way.

        Raises `ValueError` for a packet without pts: the timestamp filter goes before the ring.
        """
        time_s = packet.camera_time_s
        if time_s is None:
            raise ValueError("Ring.add: a packet without pts; put the timestamp filter before the ring")
        with self._lock:
            if packet.is_key:
                self._keys.append((self._first + len(self._packets), time_s))
            self._packets.append(packet)
            self._times_s.append(time_s)
            self._bytes += packet.size
            while self._is_over() and len(self._packets) > 1:
                self._drop_front()

    def since_last_key(self) -> list[Packet]:
        """The packets from the newest key frame on; none where the ring holds no key frame."""
        return self.since_key(math.inf)

    def since_key(self, time_s: float) -> list[Packet]:
        """The packets from the newest key frame at or before a camera time on.

        Where that one has been dropped, from the oldest key frame held; none where the ring holds no key frame.
        """
        with self._lock:
            if not self._keys:
                return []
            number = next((number for number, key_s in reversed(self._keys) if key_s <= time_s), self._keys[0][0])
            return self._from(number)

    def reader(self, start: Literal["key", "newest"] = "key") -> RingReader:
        """A reader that begins at the newest key frame, or (`newest`, or without one) with the next packet."""
        with self._lock:
            next_number = self._first + len(self._packets)
            return RingReader(self, self._keys[-1][0] if start == "key" and self._keys else next_number)

    def stats(self) -> RingStats:
        """What is held at this moment."""
        with self._lock:
            return RingStats(len(self._packets), len(self._keys), self._bytes, self._seconds(), self._beheaded)

    def _seconds(self) -> float:
        return self._times_s[-1] - self._times_s[0] if self._times_s else 0.0

    def _is_over(self) -> bool:
        return self._bytes > self.max_bytes or self._seconds() > self.max_seconds

    def _drop_front(self) -> None:
        """Drop the oldest group, or one packet of it where it is the only one."""
        if self._keys and self._keys[0][0] > self._first:
            count = self._keys[0][0] - self._first  # what is left of a group whose key frame has gone
        elif len(self._keys) > 1:
            count = self._keys[1][0] - self._first
        else:
            count = 1
            self._beheaded += 1
        for _ in range(count):
            self._bytes -= self._packets.popleft().size
            self._times_s.popleft()
        self._first += count
        while self._keys and self._keys[0][0] < self._first:
            self._keys.popleft()

    def _from(self, number: int) -> list[Packet]:
        return list(islice(self._packets, max(0, number - self._first), None))

    def _read(self, number: int) -> tuple[list[Packet], int, int]:
        """The packets from `number` on, the number after them, and how many of them had been dropped."""
        with self._lock:
            packets = self._from(number)
            return packets, self._first + len(self._packets), max(0, self._first - number)


class RingReader:
    """One reader's place in a ring. A reader that is too slow loses its own packets; use it from one thread."""

    def __init__(self, ring: Ring, number: int) -> None:
        self.lost = 0
        """Packets that the ring dropped before this reader had taken them."""
        self._ring = ring
        self._number = number

    def take(self) -> list[Packet]:
        """All packets that came since the last call, at once and without waiting; none where none came.

        After a loss the first of them may be one that can not be decoded: look at `lost`, wait for `is_key`.
        """
        packets, self._number, lost = self._ring._read(self._number)
        self.lost += lost
        return packets

    def __iter__(self) -> Iterator[Packet]:
        """The packets one by one, until the reader has caught up with the writer."""
        while packets := self.take():
            yield from packets
