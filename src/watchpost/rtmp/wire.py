"""What both ends of an RTMP connection share: sockets that keep time, the handshake, messages in chunks.

Sections are those of "Adobe's Real Time Messaging Protocol", version 1.0 (2012).
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from watchpost.errors import WatchpostError

SET_CHUNK_SIZE: Final = 1
ABORT: Final = 2
ACKNOWLEDGEMENT: Final = 3
USER_CONTROL: Final = 4
WINDOW_SIZE: Final = 5
PEER_BANDWIDTH: Final = 6
AUDIO: Final = 8
VIDEO: Final = 9
DATA_AMF3: Final = 15
COMMAND_AMF3: Final = 17
DATA: Final = 18
COMMAND: Final = 20

CONTROL_CHANNEL: Final = 2
COMMAND_CHANNEL: Final = 3
MEDIA_CHANNEL: Final = 4

WINDOW_BYTES: Final = 2_500_000
OWN_CHUNK_SIZE: Final = 65_536
FIRST_CHUNK_SIZE: Final = 128
_LARGEST_CHUNK_SIZE: Final = 0xFFFFFF
_LARGEST_MESSAGE: Final = 16_000_000
_MOST_CHANNELS: Final = 64
_LONG_TIME: Final = 0xFFFFFF
_VERSION: Final = 3
_HANDSHAKE_BYTES: Final = 1536
_PING: Final = 6
_PONG: Final = 7


class RtmpError(WatchpostError):
    """The other side does not keep to the protocol, refuses, or has gone.

    `permanent` says that trying again can not help: a refused key, a path that is none.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Message:
    """One message (section 5.2)."""

    kind: int
    body: bytes
    time_ms: int = 0
    """Modulo 2**32."""
    stream: int = 0


class Wire:
    """A socket, read and written in whole pieces. Every wait ends after the socket's own time-out with `RtmpError`."""

    def __init__(self, end: socket.socket, shown: str) -> None:
        """`shown` is what messages call the other side."""
        self.shown = shown
        self.received = 0
        self._end = end
        self._waiting = bytearray()

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._waiting) < count:
            self._waiting += self._received()
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        self.received += count
        return data

    def send(self, data: bytes) -> None:
        """All of it."""
        try:
            self._end.sendall(data)
        except TimeoutError:
            raise RtmpError(f"{self.shown}: does not take what is sent.") from None
        except (OSError, ValueError) as error:
            raise self._broken(error) from None

    def has_news(self) -> bool:
        """Whether something can be read at once."""
        if self._waiting:
            return True
        pending = getattr(self._end, "pending", None)
        if pending is not None and pending():
            return True
        poll = select.poll()
        try:
            poll.register(self._end, select.POLLIN)
            return bool(poll.poll(0))
        except (OSError, ValueError) as error:
            raise self._broken(error) from None

    def close(self) -> None:
        """End the connection, also while another thread reads or writes."""
        with suppress(OSError):  # it has gone already
            self._end.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._end.close()

    def _received(self) -> bytes:
        try:
            data = self._end.recv(65_536)
        except TimeoutError:
            raise RtmpError(f"{self.shown}: no answer in time.") from None
        except (OSError, ValueError) as error:
            raise self._broken(error) from None
        if not data:
            raise RtmpError(f"{self.shown}: the connection was closed.")
        return data

    def _broken(self, error: Exception) -> RtmpError:
        return RtmpError(f"{self.shown}: the connection broke off ({getattr(error, 'strerror', None) or error}).")


def greet(wire: Wire) -> None:
    """The client's part of the handshake (section 5.2)."""
    own = bytes(8) + os.urandom(_HANDSHAKE_BYTES - 8)
    wire.send(bytes((_VERSION,)) + own)
    _check_version(wire)
    theirs = wire.read(_HANDSHAKE_BYTES)
    wire.read(_HANDSHAKE_BYTES)  # what was sent comes back; servers differ in how exactly
    wire.send(theirs)


def answer_greeting(wire: Wire) -> None:
    """The server's part."""
    _check_version(wire)
    theirs = wire.read(_HANDSHAKE_BYTES)
    wire.send(bytes((_VERSION,)) + bytes(8) + os.urandom(_HANDSHAKE_BYTES - 8) + theirs)
    wire.read(_HANDSHAKE_BYTES)


def _check_version(wire: Wire) -> None:
    version = wire.read(1)[0]
    if version != _VERSION:
        raise RtmpError(f"{wire.shown}: does not speak RTMP (its first byte is {version}).")


@dataclass(slots=True)
class _Channel:
    """What a chunk stream's headers leave out, the one before has told."""

    time_field: int = 0
    time_ms: int = 0
    length: int = 0
    kind: int = 0
    stream: int = 0
    parts: bytearray | None = None


class MessageReader:
    """Puts messages together (section 5.3.1) and looks after those of the protocol itself: sizes, acknowledgements,
    pings."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._chunk_size = FIRST_CHUNK_SIZE
        self._channels: dict[int, _Channel] = {}
        self._acknowledged = 0

    def next(self) -> Message:
        """The next message that is not the protocol's own. Raises `RtmpError`."""
        while True:
            if (message := self._step()) is not None:
                return message

    def waiting(self) -> Iterator[Message]:
        """Those that have come already."""
        while self._wire.has_news():
            if (message := self._step()) is not None:
                yield message

    def _step(self) -> Message | None:
        message = self._chunk()
        if self._wire.received - self._acknowledged >= WINDOW_BYTES // 2:
            self._acknowledged = self._wire.received
            body = struct.pack(">I", self._wire.received & 0xFFFFFFFF)
            self._wire.send(encoded(Message(ACKNOWLEDGEMENT, body), CONTROL_CHANNEL))
        return None if message is None or self._is_own(message) else message

    def _chunk(self) -> Message | None:
        """Read one chunk; the message that it completes."""
        read = self._wire.read
        first = read(1)[0]
        form, number = first >> 6, first & 0x3F
        if number < 2:
            more = read(number + 1)
            number = 64 + more[0] + (more[1] << 8 if number else 0)
        channel = self._channels.get(number)
        if channel is None:
            if (form != 0 and form != 1) or len(self._channels) >= _MOST_CHANNELS:
                raise RtmpError(f"{self._wire.shown}: does not keep to RTMP.")
            channel = self._channels[number] = _Channel()
        self._read_header(form, channel)
        if channel.parts is None:
            channel.parts = bytearray()
        channel.parts += read(min(self._chunk_size, channel.length - len(channel.parts)))
        if len(channel.parts) < channel.length:
            return None
        body, channel.parts = bytes(channel.parts), None
        return Message(channel.kind, body, channel.time_ms, channel.stream)

    def _read_header(self, form: int, channel: _Channel) -> None:
        """Sections 5.3.1.2 and 5.3.1.3. A header in the midst of a message gives up what came of it."""
        read = self._wire.read
        if form < 3:
            channel.parts = None
            header = read((11, 7, 3)[form])
            channel.time_field = int.from_bytes(header[:3], "big")
            if form < 2:
                channel.length, channel.kind = int.from_bytes(header[3:6], "big"), header[6]
            if form == 0:
                channel.stream = int.from_bytes(header[7:11], "little")
        time_ms = channel.time_field
        if time_ms == _LONG_TIME:
            time_ms = int.from_bytes(read(4), "big")
        if channel.length > _LARGEST_MESSAGE:
            raise RtmpError(f"{self._wire.shown}: sends a message of {channel.length} bytes.")
        if channel.parts is None:
            before = 0 if form == 0 else channel.time_ms
            channel.time_ms = (before + time_ms) & 0xFFFFFFFF

    def _is_own(self, message: Message) -> bool:
        body = message.body
        if message.kind == SET_CHUNK_SIZE and len(body) >= 4:
            size = int.from_bytes(body[:4], "big")
            if not 1 <= size <= _LARGEST_CHUNK_SIZE:
                raise RtmpError(f"{self._wire.shown}: sends chunks of {size} bytes.")
            self._chunk_size = size
        elif message.kind == USER_CONTROL and len(body) >= 6 and body[:2] == struct.pack(">H", _PING):
            self._wire.send(encoded(Message(USER_CONTROL, struct.pack(">H", _PONG) + body[2:6]), CONTROL_CHANNEL))
        return message.kind in (SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH)


def encoded(message: Message, channel: int, chunk_size: int = FIRST_CHUNK_SIZE) -> bytes:
    """A message in chunks; `channel` is the chunk stream's number, 2-63."""
    time_field = min(message.time_ms, _LONG_TIME)
    extended = struct.pack(">I", message.time_ms) if time_field == _LONG_TIME else b""
    head = struct.pack(">B", channel) + time_field.to_bytes(3, "big") + len(message.body).to_bytes(3, "big")
    head += bytes((message.kind,)) + struct.pack("<I", message.stream) + extended
    if len(message.body) <= chunk_size:
        return head + message.body
    again = bytes((0xC0 | channel,)) + extended
    view = memoryview(message.body)
    pieces = [view[at : at + chunk_size] for at in range(0, len(view), chunk_size)]
    return head + again.join(pieces)
