"""TensorFlow's records and the `tf.train.Example` messages in them, read and written without TensorFlow.

A record is an 8-byte length, its masked CRC-32C, the bytes, and theirs (tensorflow.org, "TFRecord and
tf.train.Example"). A message is protocol buffers' wire format (protobuf.dev, "Encoding"): Example has Features in
field 1, a map from name (1) to Feature (2), which holds a list (1) of bytes (1), floats (2) or integers (3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from watchpost.datasets.crc32c import masked_crc32c
from watchpost.errors import WatchpostError

Values = list[bytes] | list[float] | list[int]
Example = dict[str, Values]

_MAX_RECORD_BYTES: Final = 1 << 29


def records(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each record of a file with its place, such as `data.tfrecord: record 3 (byte 1234)`.

    Raises `WatchpostError` naming file, record and byte for a file that is cut off or damaged.
    """
    try:
        left = path.stat().st_size
        with path.open("rb") as file:
            index, position = 0, 0
            while left:
                index += 1
                place = f"{path}: record {index} (byte {position})"
                head = file.read(12)
                if len(head) < 12:
                    raise WatchpostError(f"{place}: the file is cut off, or is no TFRecord file.")
                length, check = struct.unpack("<QI", head)
                if masked_crc32c(head[:8]) != check:
                    raise WatchpostError(f"{place}: the check sum of the length is wrong; is this a TFRecord file?")
                if length + 4 > left - 12 or length > _MAX_RECORD_BYTES:
                    raise WatchpostError(f"{place}: the file is cut off: {length} bytes announced, {left - 12} left.")
                data = file.read(length)
                if struct.unpack("<I", file.read(4))[0] != masked_crc32c(data):
                    raise WatchpostError(f"{place}: the check sum of the data is wrong; the file is damaged.")
                yield place, data
                left -= length + 16
                position += length + 16
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None


def record(data: bytes) -> bytes:
    """The bytes of one record in a file."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def decode(data: bytes) -> Example:
    """A message's features. Raises `ValueError` for what is no such message."""
    example: Example = {}
    for features in _messages(data, 1):
        for entry in _messages(features, 1):
            names = _messages(entry, 1)
            values: Values = []
            for feature in _messages(entry, 2):
                values = _values(feature)
            if names:
                example[names[-1].decode()] = values
    return example


def encode(example: Mapping[str, Sequence[bytes] | Sequence[float] | Sequence[int]]) -> bytes:
    """A message of features; those without values are left out. Floats are stored with 32 bits."""
    entries = []
    for name, values in sorted(example.items()):
        if not values:
            continue
        if isinstance(values[0], bytes):
            feature = _field(1, b"".join(_field(1, value) for value in values if isinstance(value, bytes)))
        elif isinstance(values[0], float):
            feature = _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
        else:
            feature = _field(3, _field(1, b"".join(_varint(int(value) & (1 << 64) - 1) for value in values)))
        entries.append(_field(1, _field(1, name.encode()) + _field(2, feature)))
    return _field(1, b"".join(entries))


def _values(feature: bytes) -> Values:
    for kind, _, content in _fields(feature):
        if not isinstance(content, bytes):
            break
        if kind == 1:
            return _messages(content, 1)
        if kind == 2:
            packed = b"".join(_as_bytes(each) for number, _, each in _fields(content) if number == 1)
            return list(struct.unpack(f"<{len(packed) // 4}f", packed))
        if kind == 3:
            return [value for number, _, each in _fields(content) if number == 1 for value in _integers(each)]
    return []


def _messages(data: bytes, number: int) -> list[bytes]:
    """The length-delimited fields of that number."""
    return [content for field, _, content in _fields(data) if field == number and isinstance(content, bytes)]


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    """Field number, wire type and content of each field."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        wire = key & 7
        if wire == 0:
            value, position = _read_varint(data, position)
            yield key >> 3, wire, value
            continue
        if wire == 2:
            length, position = _read_varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"unknown wire type {wire}")
        if position + length > len(data):
            raise ValueError("a field is longer than its message")
        yield key >> 3, wire, data[position : position + length]
        position += length


def _as_bytes(content: bytes | int) -> bytes:
    if isinstance(content, int) or len(content) % 4:
        raise ValueError("a list of floats that is none")
    return content


def _integers(content: bytes | int) -> list[int]:
    """Packed or single, as 64-bit two's complement."""
    values = [content] if isinstance(content, int) else []
    position = 0
    while isinstance(content, bytes) and position < len(content):
        value, position = _read_varint(content, position)
        values.append(value)
    return [value - (1 << 64) if value >> 63 else value for value in values]


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("a number is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, position
    raise ValueError("a number is too long")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content
