"""FLV, the file that RTMP's messages come from and go to ("Video File Format Specification", version 10, annex E)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from watchpost.rtmp.wire import AUDIO, DATA, VIDEO, Message, RtmpError

HEADER: Final = b"FLV\x01\x05" + struct.pack(">II", 9, 0)
"""The beginning of a file that may hold picture and sound, and the size of the tag before the first."""
TAG_KINDS: Final = frozenset({AUDIO, VIDEO, DATA})
_HEAD: Final = 11
_LARGEST_TAG: Final = 0xFFFFFF


def tag(message: Message) -> bytes:
    """A message as a tag, with its size behind it."""
    if len(message.body) > _LARGEST_TAG:
        raise RtmpError("a message is too large for FLV.")
    time = message.time_ms & 0xFFFFFFFF
    head = bytes((message.kind,)) + len(message.body).to_bytes(3, "big")
    head += (time & 0xFFFFFF).to_bytes(3, "big") + bytes((time >> 24, 0, 0, 0))
    return head + message.body + struct.pack(">I", _HEAD + len(message.body))


class TagReader:
    """Takes a file in pieces of any size, and gives its tags."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._skip = len(HEADER)

    def feed(self, data: bytes) -> Iterator[Message]:
        """The tags that are whole now."""
        self._data += data
        if self._skip:
            skipped = min(self._skip, len(self._data))
            del self._data[:skipped]
            self._skip -= skipped
        while len(self._data) >= _HEAD:
            length = int.from_bytes(self._data[1:4], "big")
            end = _HEAD + length
            if len(self._data) < end + 4:
                return
            time = int.from_bytes(self._data[4:7], "big") | self._data[7] << 24
            message = Message(self._data[0] & 0x1F, bytes(self._data[_HEAD:end]), time)
            del self._data[: end + 4]
            yield message
