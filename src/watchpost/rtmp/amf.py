"""AMF 0, the form of RTMP's commands ("Action Message Format -- AMF 0", 2006)."""

from __future__ import annotations

import struct
from typing import Final

from watchpost.rtmp.wire import RtmpError

Value = float | bool | str | None | dict[str, "Value"] | list["Value"]

_NUMBER: Final = 0
_BOOLEAN: Final = 1
_STRING: Final = 2
_OBJECT: Final = 3
_NULL: Final = 5
_UNDEFINED: Final = 6
_ECMA_ARRAY: Final = 8
_OBJECT_END: Final = 9
_STRICT_ARRAY: Final = 10
_DATE: Final = 11
_LONG_STRING: Final = 12
_DEEPEST: Final = 8
_MOST_VALUES: Final = 1000


def encoded(*values: Value) -> bytes:
    """The values one after the other."""
    return b"".join(map(_encoded, values))


def _encoded(value: Value) -> bytes:
    if value is None:
        return bytes((_NULL,))
    if isinstance(value, bool):
        return bytes((_BOOLEAN, value))
    if isinstance(value, int | float):
        return struct.pack(">Bd", _NUMBER, value)
    if isinstance(value, str):
        return bytes((_STRING,)) + _text(value)
    if isinstance(value, list):
        return struct.pack(">BI", _STRICT_ARRAY, len(value)) + encoded(*value)
    pairs = b"".join(_text(name) + _encoded(each) for name, each in value.items())
    return bytes((_OBJECT,)) + pairs + bytes((0, 0, _OBJECT_END))


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def decoded(data: bytes) -> list[Value]:
    """All values of a message. Raises `RtmpError` for bytes that are none."""
    reader = _Reader(data)
    values: list[Value] = []
    while reader.at < len(data):
        values.append(reader.value(0))
    return values


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data
        self._count = 0

    def value(self, depth: int) -> Value:
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST_VALUES:
            raise RtmpError("an RTMP command is too large.")
        kind = self._take(1)[0]
        if kind == _NUMBER:
            return float(struct.unpack(">d", self._take(8))[0])
        if kind == _BOOLEAN:
            return self._take(1) != b"\x00"
        if kind == _STRING:
            return self._text(2)
        if kind == _LONG_STRING:
            return self._text(4)
        if kind in (_NULL, _UNDEFINED):
            return None
        if kind == _OBJECT:
            return self._pairs(depth)
        if kind == _ECMA_ARRAY:
            self._take(4)
            return self._pairs(depth)
        if kind == _STRICT_ARRAY:
            return [self.value(depth + 1) for _ in range(min(self._number(4), _MOST_VALUES))]
        if kind == _DATE:
            return float(struct.unpack(">d", self._take(10)[:8])[0])
        raise RtmpError(f"an RTMP command holds a value of kind {kind}.")

    def _pairs(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while True:
            name = self._text(2)
            if not name and self._data[self.at : self.at + 1] == bytes((_OBJECT_END,)):
                self.at += 1
                return found
            found[name] = self.value(depth + 1)

    def _text(self, length_bytes: int) -> str:
        return self._take(self._number(length_bytes)).decode("utf-8", "replace")

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _take(self, count: int) -> bytes:
        data = self._data[self.at : self.at + count]
        if len(data) < count:
            raise RtmpError("an RTMP command breaks off.")
        self.at += count
        return data
