"""H.264 in RTP (RFC 6184): single units, STAP-A and FU-A, which is packetization mode 1."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Final

from watchpost.mp4 import parameter_sets

Unit = bytes | memoryview

_STAP_A: Final = 24
_FU_A: Final = 28
_LARGEST_UNIT: Final = 8_000_000
"""A unit that is put together from more bytes than this is given up."""
_KEY_KINDS: Final = frozenset({5, 7})
"""A key frame begins with its parameter sets, or is told by its slices."""


def payloads(units: Sequence[Unit], limit: int) -> Iterator[bytes]:
    """The payloads of one access unit, each at most `limit` bytes.

    Neighbours that fit together go as one STAP-A (section 5.7.1), what fits no packet as FU-A (section 5.8).
    """
    together: list[Unit] = []
    size = 1
    for unit in units:
        if together and size + 2 + len(unit) > limit:
            yield _joined(together)
            together, size = [], 1
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
    importance = max(unit[0] & 0x60 for unit in units)
    damaged = max(unit[0] & 0x80 for unit in units)
    parts: list[Unit] = [bytes((damaged | importance | _STAP_A,))]
    for unit in units:
        parts += (len(unit).to_bytes(2, "big"), unit)
    return b"".join(parts)


def _fragments(unit: Unit, limit: int) -> Iterator[bytes]:
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
    room = limit - 2
    for begin in range(1, len(unit), room):
        is_last = begin + room >= len(unit)
        yield bytes((indicator, (begin == 1) << 7 | is_last << 6 | kind)) + unit[begin : begin + room]


def begins_key_frame(payload: bytes) -> bool:
    """Whether a payload holds parameter sets, or the beginning of a key frame's slice."""
    if len(payload) < 2:
        return False
    kind = payload[0] & 0x1F
    if kind == _STAP_A:
        return any(unit[0] & 0x1F in _KEY_KINDS for unit in parameter_sets.units_by_length(payload[1:], 2))
    if kind == _FU_A:
        return bool(payload[1] & 0x80) and payload[1] & 0x1F in _KEY_KINDS
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
        kind = payload[0] & 0x1F if payload else 0
        if kind == _FU_A:
            return self._fragment(payload)
        self._give_up()
        if kind == _STAP_A:
            return self._apart(payload)
        if 1 <= kind <= 23:
            return [payload]
        self.damaged += 1
        return []

    def _give_up(self) -> None:
        self.damaged += bool(self._fragments)
        self._fragments, self._size = [], 0

    def _apart(self, payload: bytes) -> list[bytes]:
        found = [bytes(unit) for unit in parameter_sets.units_by_length(payload[1:], 2)]
        self.damaged += sum(2 + len(unit) for unit in found) != len(payload) - 1
        return found

    def _fragment(self, payload: bytes) -> list[bytes]:
        if len(payload) < 3:
            self._give_up()
            self.damaged += 1
            return []
        flags = payload[1]
        if flags & 0x80:
            self._give_up()
            self._fragments = [bytes((payload[0] & 0xE0 | flags & 0x1F,))]
        elif not self._fragments:
            self.damaged += 1  # its beginning is lost
            return []
        self._size += len(payload)
        if self._size > _LARGEST_UNIT:
            self._give_up()
            return []
        self._fragments.append(payload[2:])
        if not flags & 0x40:
            return []
        unit = b"".join(self._fragments)
        self._fragments, self._size = [], 0
        return [unit]


def parameters(sets: Sequence[bytes]) -> str:
    """What `a=fmtp` says of a stream (section 8.1): `sets` are its sequence and picture parameter sets."""
    parts = ["packetization-mode=1"]
    sps = next((each for each in sets if each[0] & 0x1F == 7 and len(each) >= 4), None)
    if sps is not None:
        parts.append(f"profile-level-id={sps[1:4].hex().upper()}")
    if sets:
        parts.append("sprop-parameter-sets=" + ",".join(base64.b64encode(each).decode() for each in sets))
    return ";".join(parts)
