"""One camera's packets, read once and recorded, then handed to whoever analyses them, if anybody does.

Analysis may be slow, hang, fail and be started anew: reading and recording do not notice.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from watchpost.types import Packet

_HELD_BYTES: Final = 16_000_000
"""What waits for an analysis that is behind; then it goes on with the newest key frame."""
_PACKET_COST: Final = 500
_NOTICE_STOP_S: Final = 0.2


class PacketRecorder(Protocol):
    """What is needed of `watchpost.recordings.recorder.Recorder`."""

    def take(self, packet: Packet) -> None:
        """Record a packet; returns at once."""


class Feed:
    """Runs `packets` in a thread of its own, and gives each packet to `recorder` first.

    One reader at a time takes `packets`: it begins with a key frame, ends with the stream, and raises what ended it.
    A file's reader is waited for; a live camera's loses its own packets when it falls too far behind.
    """

    def __init__(
        self, name: str, packets: Callable[[threading.Event], Iterable[Packet]], recorder: PacketRecorder
    ) -> None:
        self.lost = 0
        """Packets that the analysis was too late for."""
        self.ended = threading.Event()
        self._packets = packets
        self._recorder = recorder
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Packet] = deque()
        self._held_bytes = 0
        self._reader: object | None = None
        """Who takes packets at present."""
        self._wants_key = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name} feed", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """End reading. False if that did not happen in time."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def packets(self, stop: threading.Event) -> Iterator[Packet]:
        """The packets from the next key frame on, until `stop` or the stream's end. Raises what ended the stream.

        Another reader's call ends this one.
        """
        me = object()
        with self._changed:
            self._reader = me
            self._clear()
        try:
            while (packet := self._next(me, stop)) is not None:
                yield packet
        finally:
            with self._changed:
                if self._reader is me:
                    self._reader = None
                    self._clear()

    def _next(self, me: object, stop: threading.Event) -> Packet | None:
        with self._changed:
            while True:
                if self._reader is not me or stop.is_set() or self._stop.is_set():
                    return None
                if self._waiting:
                    packet = self._waiting.popleft()
                    self._held_bytes -= packet.size + _PACKET_COST
                    self._changed.notify_all()
                    return packet
                if self.ended.is_set():
                    if self._error is not None:
                        raise self._error
                    return None
                self._changed.wait(_NOTICE_STOP_S)

    def _run(self) -> None:
        try:
            for packet in self._packets(self._stop):
                if packet.stream.is_live:
                    self._recorder.take(packet)
                self._offer(packet)
                if self._stop.is_set():
                    break
        except Exception as error:  # whoever analyses tells it
            self._error = error
        finally:
            with self._changed:
                self.ended.set()
                self._changed.notify_all()

    def _offer(self, packet: Packet) -> None:
        size = packet.size + _PACKET_COST
        with self._changed:
            if not packet.stream.is_live:
                while self._held_bytes > _HELD_BYTES // 4 and not self._stop.is_set():
                    self._changed.wait(_NOTICE_STOP_S)
            elif self._reader is None:
                return
            if self._held_bytes + size > _HELD_BYTES:
                self.lost += len(self._waiting)
                self._clear()
            if self._wants_key and not packet.is_key:
                self.lost += 1
                return
            self._wants_key = False
            self._waiting.append(packet)
            self._held_bytes += size
            self._changed.notify_all()

    def _clear(self) -> None:
        self._waiting.clear()
        self._held_bytes = 0
        self._wants_key = True
