"""The header that AAC has outside of containers: ADTS (ISO/IEC 14496-3, 1.A.2.2)."""

from __future__ import annotations

import struct


def config(data: bytes) -> bytes:
    """AudioSpecificConfig (1.6.2.1) as the header at the start of `data` says; empty where there is none."""
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return b""
    kind, rate = (data[2] >> 6) + 1, data[2] >> 2 & 0xF
    channels = (data[2] & 1) << 2 | data[3] >> 6
    return struct.pack(">H", kind << 11 | rate << 7 | channels << 3)


def without_header(data: bytes) -> bytes:
    """An access unit without its header, where it has one."""
    if len(data) > 9 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return data[7 if data[1] & 1 else 9 :]
    return data
