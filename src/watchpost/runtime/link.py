"""A socket between a server and one of its worker processes: framed messages, and nobody who waits for the other side.

A frame is the lengths of its two parts (two 32-bit numbers, big-endian), a JSON object, and bytes that are no JSON: a
snapshot, a picture, a packet. Whoever sends only queues; a thread writes. What must arrive is kept in order, within
bounds; of what only the newest counts of, an unsent one is replaced; streams go when there is nothing else to send, and
whoever sends them waits for room.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import IO, Any, Final

_LENGTHS: Final = struct.Struct(">II")
MAX_JSON_BYTES: Final = 16 << 20
MAX_BODY_BYTES: Final = 64 << 20
_QUEUED_BYTES: Final = 128 << 20
_STREAMED_BYTES: Final = 1 << 20
"""Of streams, what waits here; the rest waits with whoever sends it, and may be dropped there."""
_LOG: Final = logging.getLogger(__name__)


class LinkError(Exception):
    """The other side sent what is no message: nothing it says can be trusted any more."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side tells the other."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    """What JSON can say."""
    body: bytes = field(default=b"", repr=False)

    def encoded(self) -> bytes:
        """The frame. Raises `ValueError` for a message that is too large."""
        text = json.dumps({"kind": self.kind, "data": self.data}, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > MAX_JSON_BYTES or len(self.body) > MAX_BODY_BYTES:
            raise ValueError(f"a message {self.kind} of {len(text)} + {len(self.body)} bytes is too large")
        return _LENGTHS.pack(len(text), len(self.body)) + text + self.body


def read_message(stream: IO[bytes]) -> Message | None:
    """The next message, `None` where the stream ends, also in the midst of one.

    Raises `LinkError` for what is no message.
    """
    head = stream.read(_LENGTHS.size)
    if len(head) < _LENGTHS.size:
        return None
    text_bytes, body_bytes = _LENGTHS.unpack(head)
    if text_bytes > MAX_JSON_BYTES or body_bytes > MAX_BODY_BYTES:
        raise LinkError(f"a message of {text_bytes} + {body_bytes} bytes")
    text, body = stream.read(text_bytes), stream.read(body_bytes)
    if len(text) < text_bytes or len(body) < body_bytes:
        return None
    try:
        said = json.loads(text)
        return Message(str(said["kind"]), dict(said["data"]), body)
    except (ValueError, KeyError, TypeError) as error:
        raise LinkError(f"no message: {error}") from None


class Link:
    """One end of the socket. `on_message` is called from its receiving thread, one message after the other.

    `ended` is set when nothing more will be received.
    """

    def __init__(self, end: socket.socket, name: str, on_message: Callable[[Message], None]) -> None:
        self.ended = threading.Event()
        self.lost = 0
        """Messages that had to be dropped because the other side takes none: the oldest first."""
        self._socket = end
        self._name = name
        self._on_message = on_message
        self._ordered: deque[bytes] = deque()
        self._ordered_bytes = 0
        self._newest: dict[Hashable, bytes] = {}
        self._streamed: deque[bytes] = deque()
        self._streamed_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._is_broken = False
        self._sender = threading.Thread(target=self._send, name=f"to {name}", daemon=True)
        self._receiver = threading.Thread(target=self._receive, name=f"from {name}", daemon=True)

    def start(self) -> None:
        """Begin to send and receive."""
        self._sender.start()
        self._receiver.start()

    def send(self, message: Message) -> None:
        """Send this after all that was sent before it; returns at once."""
        frame = message.encoded()
        with self._changed:
            if self._is_broken or self._closing:
                self.lost += 1
                return
            self._ordered.append(frame)
            self._ordered_bytes += len(frame)
            while self._ordered_bytes > _QUEUED_BYTES and len(self._ordered) > 1:
                self._ordered_bytes -= len(self._ordered.popleft())
                self.lost += 1
            self._changed.notify_all()

    def send_newest(self, key: Hashable, message: Message) -> None:
        """Send this, in place of what was to be sent with the same key and has not been yet; returns at once."""
        frame = message.encoded()
        with self._changed:
            if not (self._is_broken or self._closing):
                self._newest[key] = frame
                self._changed.notify_all()

    def send_streamed(self, message: Message, timeout_s: float) -> bool:
        """Send this after all else, and in order with what else is sent so; waits for room.

        False if there was none in time, as when the other side is gone: then it is not sent.
        """
        frame = message.encoded()
        with self._changed:
            if not self._changed.wait_for(self._has_room, timeout_s):
                return False
            self._streamed.append(frame)
            self._streamed_bytes += len(frame)
            self._changed.notify_all()
            return True

    def is_waiting(self, key: Hashable) -> bool:
        """Whether what was sent with this key is still here."""
        with self._changed:
            return key in self._newest

    def close(self, flush_s: float = 0.0) -> bool:
        """Send what is waiting for at most `flush_s`, then let go. False if something had to stay.

        Not from the receiving thread.
        """
        with self._changed:
            self._closing = True
            if flush_s <= 0:
                self._is_broken = True
            self._changed.notify_all()
        if self._sender.ident is not None:
            self._sender.join(flush_s)
        is_all_sent = not self._sender.is_alive() and not self._is_broken
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in (self._sender, self._receiver):
            if thread.ident is not None:
                thread.join(1.0)
        self._socket.close()
        return is_all_sent

    def wait_ended(self, timeout_s: float) -> bool:
        """Wait until all that the other side has sent is received; false if it goes on."""
        return self.ended.wait(timeout_s)

    def _has_room(self) -> bool:
        return self._streamed_bytes < _STREAMED_BYTES and not (self._is_broken or self._closing)

    def _send(self) -> None:
        while (frame := self._next_frame()) is not None:
            try:
                self._socket.sendall(frame)
            except OSError:  # the other side has gone; who watches it learns so by its end
                with self._changed:
                    self._is_broken = True
                    self.lost += 1 + len(self._ordered)
                    self._ordered.clear()
                    self._newest.clear()
                    self._streamed.clear()
                    self._changed.notify_all()
                return

    def _next_frame(self) -> bytes | None:
        with self._changed:
            while not (self._ordered or self._newest or self._streamed or self._closing or self._is_broken):
                self._changed.wait()
            if self._is_broken:
                return None
            if self._ordered:
                frame = self._ordered.popleft()
                self._ordered_bytes -= len(frame)
                return frame
            if self._newest and not self._closing:
                return self._newest.pop(next(iter(self._newest)))
            if self._streamed and not self._closing:
                frame = self._streamed.popleft()
                self._streamed_bytes -= len(frame)
                self._changed.notify_all()
                return frame
            return None

    def _receive(self) -> None:
        try:
            with self._socket.makefile("rb") as stream:
                while (message := self._next_message(stream)) is not None:
                    self._on_message(message)
        except Exception:  # of another version, or a fault of ours; whoever watches the other side learns so by its end
            _LOG.exception("what %s says can not be dealt with; it is not listened to any more", self._name)
        finally:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self.ended.set()

    def _next_message(self, stream: IO[bytes]) -> Message | None:
        try:
            return read_message(stream)
        except (OSError, ValueError):  # closed from this side
            return None
