"""H.265 in RTP (RFC 7798): single units, aggregation and fragmentation, without decoding order numbers."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Final

from watchpost.mp4 import parameter_sets

Unit = bytes | memoryview

_AGGREGATION: Final = 48
_FRAGMENTATION: Final = 49
_HEADER: Final = 2
_LARGEST_UNIT: Final = 8_000_000
"""A unit that is put together from more bytes than this is given up."""
_KEY_KINDS: Final = frozenset({16, 17, 18, 19, 20, 21, 32, 33})
"""Slices at which decoding can begin, and the sets that come before them."""
_SETS: Final = ((32, "sprop-vps"), (33, "sprop-sps"), (34, "sprop-pps"))


def kind_of(unit: Unit) -> int:
    """The type of a unit: 32 video, 33 sequence, 34 picture parameter set, below that slices."""
    return unit[0] >> 1 & 0x3F


def payloads(units: Sequence[Unit], limit: int) -> Iterator[bytes]:
    """The payloads of one access unit, each at most `limit` bytes.

    Neighbours that fit together are aggregated (section 4.4.2), what fits no packet is fragmented (section 4.4.3).
    Units shorter than their header are left out.
    """
    together: list[Unit] = []
    size = _HEADER
    for unit in units:
        if len(unit) < _HEADER:
            continue
        if together and size + 2 + len(unit) > limit:
            yield _joined(together)
            together, size = [], _HEADER
        if len(unit) > limit:
            yield from _fragments(unit, limit)
        else:
            together.append(unit)
            size += 2 + len(unit)
    if together:
        yield _joined(together)


def _joined(units: list[Unit]) -> bytes:
    if len(units) == 1:
        return bytes(units[0])
    layer = min((unit[0] & 1) << 5 | unit[1] >> 3 for unit in units)
    temporal = min(unit[1] & 7 for unit in units)
    damaged = max(unit[0] & 0x80 for unit in units)
    parts: list[Unit] = [bytes((damaged | _AGGREGATION << 1 | layer >> 5, (layer & 0x1F) << 3 | temporal))]
    for unit in units:
        parts += (len(unit).to_bytes(2, "big"), unit)
    return b"".join(parts)


def _fragments(unit: Unit, limit: int) -> Iterator[bytes]:
    head = bytes((unit[0] & 0x81 | _FRAGMENTATION << 1, unit[1]))
    room = limit - 3
    for begin in range(_HEADER, len(unit), room):
        is_last = begin + room >= len(unit)
        flags = (begin == _HEADER) << 7 | is_last << 6 | kind_of(unit)
        yield head + bytes((flags,)) + unit[begin : begin + room]


def begins_key_frame(payload: bytes) -> bool:
    """Whether a payload holds parameter sets, or the beginning of a slice at which decoding can begin."""
    if len(payload) < 3:
        return False
    kind = kind_of(payload)
    if kind == _AGGREGATION:
        return any(kind_of(unit) in _KEY_KINDS for unit in parameter_sets.units_by_length(payload[_HEADER:], 2))
    if kind == _FRAGMENTATION:
        return bool(payload[2] & 0x80) and payload[2] & 0x3F in _KEY_KINDS
    return kind in _KEY_KINDS


class Depacketiser:
    """Puts the units of one stream together again. A unit of which a part is lost is left out, and counted."""

    def __init__(self) -> None:
        self.damaged = 0
        """Payloads and units that could not be used."""
        self._fragments: list[bytes] = []
        self._size = 0
        self._before: int | None = None

    def take(self, sequence: int, payload: bytes) -> list[bytes]:
        """The units that the payload of packet `sequence` completes. Nothing that it may hold is raised."""
        follows = self._before is None or sequence == (self._before + 1) & 0xFFFF
        self._before = sequence
        if not follows:
            self._give_up()
        kind = kind_of(payload) if len(payload) > _HEADER else 63
        if kind == _FRAGMENTATION:
            return self._fragment(payload)
        self._give_up()
        if kind == _AGGREGATION:
            return self._apart(payload)
        if kind < _AGGREGATION:
            return [payload]
        self.damaged += 1
        return []

    def _give_up(self) -> None:
        self.damaged += bool(self._fragments)
        self._fragments, self._size = [], 0

    def _apart(self, payload: bytes) -> list[bytes]:
        found = [bytes(unit) for unit in parameter_sets.units_by_length(payload[_HEADER:], 2)]
        self.damaged += sum(2 + len(unit) for unit in found) != len(payload) - _HEADER
        return [unit for unit in found if len(unit) >= _HEADER]

    def _fragment(self, payload: bytes) -> list[bytes]:
        if len(payload) < 4:
            self._give_up()
            self.damaged += 1
            return []
        flags = payload[2]
        if flags & 0x80:
            self._give_up()
            self._fragments = [bytes((payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1]))]
        elif not self._fragments:
            self.damaged += 1  # its beginning is lost
            return []
        self._size += len(payload)
        if self._size > _LARGEST_UNIT:
            self._give_up()
            return []
        self._fragments.append(payload[3:])
        if not flags & 0x40:
            return []
        unit = b"".join(self._fragments)
        self._fragments, self._size = [], 0
        return [unit]


def parameters(sets: Sequence[bytes]) -> str:
    """What `a=fmtp` says of a stream (section 7.1): `sets` are its video, sequence and picture parameter sets."""
    parts = []
    for kind, name in _SETS:
        same = [base64.b64encode(each).decode() for each in sets if kind_of(each) == kind]
        if same:
            parts.append(f"{name}={','.join(same)}")
    return ";".join(parts)
