"""AAC in RTP (RFC 3640, mode AAC-hbr, section 3.3.6): one access unit a packet, or a part of one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_MOST_BYTES: Final = (1 << 13) - 1
"""What the 13 bits of its size can count."""
_HEADER_BITS: Final = 16


def payloads(unit: bytes, limit: int) -> Iterator[bytes]:
    """The payloads of one access unit, each at most `limit` bytes; none for a unit that is empty or too large."""
    if not 0 < len(unit) <= _MOST_BYTES:
        return
    head = struct.pack(">HH", _HEADER_BITS, len(unit) << 3)  # each part tells the size of the whole (section 3.2.3)
    room = limit - len(head)
    for begin in range(0, len(unit), room):
        yield head + unit[begin : begin + room]


def units(payload: bytes) -> list[bytes]:
    """The access units in a payload of whole ones; nothing that it may hold is raised."""
    if len(payload) < 2:
        return []
    bits = int.from_bytes(payload[:2], "big")
    at = 2 + (bits + 7) // 8
    found = []
    for begin in range(2, 2 + bits // 8 - 1, _HEADER_BITS // 8):
        size = int.from_bytes(payload[begin : begin + 2], "big") >> 3
        if not size or at + size > len(payload):
            break
        found.append(payload[at : at + size])
        at += size
    return found


def parameters(config: bytes) -> str:
    """What `a=fmtp` says of a stream (section 4.1): `config` is its AudioSpecificConfig."""
    return (
        "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
        f"config={config.hex().upper()}"
    )
