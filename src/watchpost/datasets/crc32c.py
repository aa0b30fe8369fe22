"""CRC-32C (RFC 3720, appendix B.4), with NumPy: a hundred times faster than byte by byte in Python.

A CRC is linear: the data is cut into lanes, all lanes advance together by table look-up, and their remainders are
joined pair by pair. To append n bytes to a lane multiplies its remainder by a constant that depends on n alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL: Final = 0x82F63B78
"""Castagnoli's, bits reversed."""
_LANE: Final = 64
"""Bytes."""

Words = NDArray[np.uint32]


def _make_table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


_TABLE: Final = _make_table()


def crc32c(data: bytes) -> int:
    """The check sum of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    head = bytes(0xFF ^ byte for byte in data[:4])  # the same as to start from 0xFFFFFFFF
    if len(data) < 4:
        value = 0xFFFFFFFF
        for byte in data:
            value = int(_TABLE[(value ^ byte) & 0xFF]) ^ value >> 8
        return value ^ 0xFFFFFFFF
    lanes = 1 << (-(-len(data) // _LANE) - 1).bit_length()
    padded = np.zeros(lanes * _LANE, np.uint8)  # zeros in front change nothing
    start = len(padded) - len(data)
    padded[start:] = np.frombuffer(data, np.uint8)
    padded[start : start + 4] = np.frombuffer(head, np.uint8)
    table = padded.reshape(lanes, _LANE)
    value_of = np.zeros(lanes, np.uint32)
    for column in range(_LANE):
        value_of = _TABLE[(value_of ^ table[:, column]) & 0xFF] ^ (value_of >> np.uint32(8))
    length = _LANE
    while len(value_of) > 1:
        value_of = _appended(value_of[::2], length) ^ value_of[1::2]
        length *= 2
    return int(value_of[0]) ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """As TFRecord files hold it: rotated and shifted, so that a check sum of check sums is no harm."""
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _appended(values: Words, length: int) -> Words:
    """The remainders of lanes after `length` zero bytes more."""
    tables = _operator(length)
    result: Words = tables[0][values & 0xFF]
    for index in (1, 2, 3):
        result = result ^ tables[index][values >> np.uint32(8 * index) & 0xFF]
    return result


@lru_cache(maxsize=32)
def _operator(length: int) -> Words:
    """(4, 256): what becomes of each byte of a remainder after `length` zero bytes, a power of two times a lane."""
    values = (np.arange(256, dtype=np.uint32)[None] << np.array([[0], [8], [16], [24]], np.uint32)).reshape(-1)
    if length == _LANE:
        for _ in range(length):
            values = _TABLE[values & 0xFF] ^ (values >> np.uint32(8))
    else:
        values = _appended(_appended(values, length // 2), length // 2)
    return values.reshape(4, 256)
