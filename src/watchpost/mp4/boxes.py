"""Boxes, the bricks of an MP4 file (ISO/IEC 14496-12, section 4.2): made from bytes, found in bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Buffer = bytes | bytearray | memoryview


class DamagedError(ValueError):
    """Bytes that are no whole MP4; the message says where."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies: `start` of its header, `body` after it, `end` after its last byte."""

    kind: bytes
    start: int
    body: int
    end: int


def box(kind: bytes, *parts: Buffer) -> bytes:
    """A box of four letters and what is in it."""
    return b"".join((struct.pack(">I4s", 8 + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: Buffer) -> bytes:
    """A box with a version and 24 flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def header(data: Buffer, at: int) -> tuple[bytes, int, int]:
    """Kind, length of the header and length of the box whose header begins at `at`; length 0: to the end of the file.

    Raises `DamagedError` where there is no whole header.
    """
    if len(data) - at < 8:
        raise DamagedError(f"the file breaks off in a box's header at byte {at}")
    size, kind = struct.unpack_from(">I4s", data, at)
    if size != 1:
        length = 8
    elif len(data) - at >= 16:
        size, length = struct.unpack_from(">Q", data, at + 8)[0], 16
    else:
        raise DamagedError(f"the file breaks off in a box's header at byte {at}")
    if size and size < length:
        raise DamagedError(f"the box at byte {at} says that it has {size} bytes")
    return bytes(kind), length, size


def boxes(data: Buffer, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes between two places, one after the other. Raises `DamagedError` where one does not fit."""
    stop = len(data) if end is None else end
    while start < stop:
        kind, length, size = header(data, start)
        after = start + size if size else stop
        if after > stop:
            raise DamagedError(f"the box {kind!r} at byte {start} reaches beyond byte {stop}")
        yield Box(kind, start, start + length, after)
        start = after


def find(data: Buffer, path: str, within: Box | None = None) -> Box | None:
    """The first box at a path such as `moov/trak/mdia`, `None` where there is none."""
    found = within
    for name in path.split("/"):
        start, end = (0, None) if found is None else (found.body, found.end)
        found = next((each for each in boxes(data, start, end) if each.kind == name.encode("ascii")), None)
        if found is None:
            return None
    return found


def need(data: Buffer, path: str, within: Box | None = None) -> Box:
    """As `find`. Raises `DamagedError` where there is none."""
    found = find(data, path, within)
    if found is None:
        raise DamagedError(f"there is no box {path}")
    return found
