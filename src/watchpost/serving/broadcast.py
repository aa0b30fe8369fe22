"""One stream for all who read it: a camera's, packed once, or what somebody publishes, as it came.

Everything here happens in the server's own loop, but for the word that a camera has news.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final, Protocol

from watchpost.serving.burst import Burst
from watchpost.serving.packetiser import Clocked, Packetiser, UnsupportedStreamError
from watchpost.serving.rtsp_target import Target, View
from watchpost.serving.sdp import Description
from watchpost.types import Packet

_LOG: Final = logging.getLogger(__name__)
_GROUP_BYTES: Final = 16_000_000
"""A group of pictures larger than this is not held for whoever comes next; they wait for a key frame."""


class Tapped(Protocol):
    """One place at a camera: `watchpost.runtime.taps.Tap` is one."""

    lost: int
    """Packets that were given up because nobody took them."""

    @property
    def ended(self) -> bool:
        """Nothing more will come."""

    def take(self) -> list[Packet]:
        """What came since the last call, from a key frame on, in decoding order; returns at once."""

    def close(self) -> None:
        """Give up the place."""


class Streams(Protocol):
    """Where the server takes its streams from."""

    def open(self, name: str, view: View, on_news: Callable[[], None]) -> Tapped | None:
        """A place at a camera; `None` where there is no such stream. `on_news` may be called from any thread."""


class Reader(Protocol):
    """Somebody who takes a stream's bursts."""

    def offer(self, burst: Burst) -> None:
        """Send it, or lose it; returns at once."""

    def report(self, track: int, data: bytes) -> None:
        """Send a packet of RTCP, if there is room."""

    def end(self) -> None:
        """The stream has ended, or is another one from here on."""


class Broadcast:
    """Who reads, and the group of pictures in progress, so that whoever comes begins with a key frame."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.holders = 0
        """Sessions that are set up for it, playing or not."""
        self.idle_since_s: float | None = None
        self.problem = ""
        """Why it can not be read."""
        self.is_ended = False
        self.readers: list[Reader] = []
        self._group: list[Burst] = []
        self._group_bytes = 0
        self._known = asyncio.Event()

    @property
    def description(self) -> Description | None:
        """What is sent, once it is known."""
        raise NotImplementedError

    async def described(self, timeout_s: float) -> Description | None:
        """The description, once it is known; `None` where that takes longer, or it can not be read."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._known.wait(), timeout_s)
        return self.description

    def clocked(self, track: int) -> Clocked | None:
        """Where a stream is now, for a sender report of ours; `None` where reports come from somebody else."""
        raise NotImplementedError

    @property
    def missed(self) -> int:
        """Packets that this server was too slow for."""
        return 0

    def join(self, reader: Reader) -> None:
        """Send from the last key frame on."""
        for burst in self._group:
            reader.offer(burst)
        self.readers.append(reader)

    def first(self, track: int) -> bytes | None:
        """The packet that a reader who joins now gets first of this stream, as far as it is known."""
        return next((burst.datagrams[0] for burst in self._group if burst.track == track), None)

    def leave(self, reader: Reader) -> None:
        """Send nothing more; also for one who has left."""
        with contextlib.suppress(ValueError):
            self.readers.remove(reader)

    def end(self) -> None:
        """Tell all who read, and whoever waits. More than once, too."""
        self.is_ended = True
        self._known.set()
        self._group, self._group_bytes = [], 0
        readers, self.readers = self.readers, []
        for reader in readers:
            reader.end()

    def send(self, burst: Burst) -> None:
        """Send to all, and hold it for those who come before the next key frame."""
        if burst.is_key:
            self._group, self._group_bytes = [burst], burst.size
        elif self._group and self._group_bytes + burst.size <= _GROUP_BYTES:
            self._group.append(burst)
            self._group_bytes += burst.size
        else:
            self._group, self._group_bytes = [], 0
        for reader in tuple(self.readers):
            reader.offer(burst)


class CameraBroadcast(Broadcast):
    """A camera's stream, from its tap. `open_tap` is called at once; raises `LookupError` where there is no camera."""

    def __init__(self, target: Target, open_tap: Callable[[Callable[[], None]], Tapped | None]) -> None:
        super().__init__(target)
        self._loop = asyncio.get_running_loop()
        self._packetiser: Packetiser | None = None
        self._lost_before = 0
        tap = open_tap(self._have_news)
        if tap is None:
            raise LookupError(target.shown)
        self._tap = tap
        self._loop.call_soon(self._pump)

    @property
    def description(self) -> Description | None:
        """What is sent, once the first key frame has come."""
        return None if self._packetiser is None else self._packetiser.description

    def clocked(self, track: int) -> Clocked | None:
        """Where a stream is now."""
        return None if self._packetiser is None else self._packetiser.clocked(track)

    @property
    def missed(self) -> int:
        """What the tap lost, because the loop was too slow."""
        return self._tap.lost

    def end(self) -> None:
        """Give up the place at the camera."""
        self._tap.close()
        super().end()

    def _have_news(self) -> None:
        """Called by the camera's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._pump)

    def _pump(self) -> None:
        if self.is_ended:
            return
        try:
            packets = self._tap.take()
            for packet in packets:
                if not self.is_ended:
                    self._take(packet, packets)
        except Exception:  # a packet that no one foresaw must end this stream alone
            _LOG.exception("%s: can not be served", self.target.shown)
            self.end()
        if not self.is_ended and self._tap.ended:
            self.end()

    def _take(self, packet: Packet, together: list[Packet]) -> None:
        if self._packetiser is None:
            try:
                self._packetiser = Packetiser(self.target.shown, together)
            except UnsupportedStreamError as error:
                self.problem = str(error)
                self.end()
                return
            self._known.set()
        elif not self._packetiser.fits(packet):
            _LOG.info("%s: sends something else now; who reads it has to ask anew", self.target.shown)
            self.end()
            return
        if self._tap.lost != self._lost_before:
            self._lost_before = self._tap.lost
            self._packetiser.leave_gap()
        for burst in self._packetiser.bursts(packet):
            self.send(burst)
