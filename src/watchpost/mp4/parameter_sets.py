"""H.264 and H.265 parameter sets: found in a stream, read for the picture's size, written as MP4 wants them.

Network cameras send byte streams with start codes (ITU-T H.264, annex B); MP4 wants lengths before the units and the
parameter sets apart, as an `avcC` or `hvcC` record (ISO/IEC 14496-15, sections 5.3.3 and 8.3.3).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from watchpost.mp4.boxes import DamagedError

_START: Final = b"\x00\x00\x01"
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_H264_SETS: Final = (7, 8)
_HEVC_SETS: Final = (32, 33, 34)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a sequence parameter set says of the pictures."""

    width: int
    height: int
    chroma_format: int
    """0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4."""
    luma_bits: int
    chroma_bits: int
    number_bits: int = 0
    """H.264: of `frame_num`."""
    may_skip_numbers: bool = False
    """H.264: gaps in `frame_num` are meant, as where a part of the pictures was taken out."""


def units(data: bytes) -> list[memoryview]:
    """The units of a byte stream, without start codes."""
    view = memoryview(data)
    found = []
    at = data.find(_START)
    while at >= 0:
        begin = at + 3
        at = data.find(_START, begin)
        end = len(data) if at < 0 else at
        while end > begin and not data[end - 1]:
            end -= 1  # the first zero of a start code of four bytes, or padding: no unit ends in a zero
        if end > begin:
            found.append(view[begin:end])
    return found


def is_byte_stream(extradata: bytes | None) -> bool:
    """Whether a stream with this extradata has start codes: else the extradata is the record for MP4 already."""
    return not extradata or extradata[0] != 1


def with_lengths(data: bytes) -> bytes:
    """A byte stream's access unit with lengths of four bytes in place of the start codes."""
    parts: list[bytes | memoryview] = []
    for unit in units(data):
        parts += (struct.pack(">I", len(unit)), unit)
    return b"".join(parts)


def parameter_sets(data: bytes, codec: str) -> tuple[bytes, ...]:
    """The parameter sets in a byte stream, in their order, each once."""
    wanted = _H264_SETS if codec == "h264" else _HEVC_SETS
    found = [bytes(unit) for unit in units(data) if kind_of(unit, codec) in wanted]
    return tuple(dict.fromkeys(found))


def is_complete(sets: tuple[bytes, ...], codec: str) -> bool:
    """Whether a decoder can begin with these."""
    wanted = _H264_SETS if codec == "h264" else _HEVC_SETS
    return {kind_of(each, codec) for each in sets} == set(wanted)


def record(sets: tuple[bytes, ...], codec: str) -> bytes:
    """The body of `avcC` or `hvcC`. Raises `DamagedError` for sets that can not be read."""
    return _avc_record(sets) if codec == "h264" else _hevc_record(sets)


def picture(sets: tuple[bytes, ...], codec: str) -> Picture:
    """What the first sequence parameter set says. Raises `DamagedError` where there is none to read."""
    kind = 7 if codec == "h264" else 33
    sps = next((each for each in sets if kind_of(each, codec) == kind), None)
    if sps is None:
        raise DamagedError("there is no sequence parameter set")
    return _h264_picture(sps) if codec == "h264" else _hevc_picture(sps)


def units_by_length(data: bytes, length: int) -> list[memoryview]:
    """The units of an access unit as MP4 stores it, each behind its length of `length` bytes, up to the damage."""
    view, at = memoryview(data), 0
    found = []
    while at + length < len(data):
        begin = at + length
        at = begin + int.from_bytes(view[at:begin], "big")
        if at > len(data) or begin == at:
            break
        found.append(view[begin:at])
    return found


def sets_in_record(config: bytes, codec: str) -> tuple[bytes, ...]:
    """The parameter sets in the body of `avcC` or `hvcC`; those before the damage, where there is some."""
    found: list[bytes] = []
    if codec == "h264":
        at = _counted_sets(config, 6, config[5] & 0x1F if len(config) > 5 else 0, found)
        _counted_sets(config, at + 1, config[at] if at < len(config) else 0, found)
    else:
        at = 23
        for _ in range(config[22] if len(config) > 22 else 0):
            at = _counted_sets(config, at + 3, int.from_bytes(config[at + 1 : at + 3], "big"), found)
    return tuple(dict.fromkeys(found))


def _counted_sets(config: bytes, at: int, count: int, found: list[bytes]) -> int:
    """Add `count` sets, each behind its length of two bytes, to `found`; where the next ones begin."""
    for _ in range(count):
        begin = at + 2
        at = begin + int.from_bytes(config[at:begin], "big")
        if at > len(config) or at == begin:
            break
        found.append(config[begin:at])
    return at


def kind_of(unit: bytes | memoryview, codec: str) -> int:
    """The type of a unit: of H.264 7 and 8, of H.265 32 to 34 are parameter sets."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def _avc_record(sets: tuple[bytes, ...]) -> bytes:
    sps = [each for each in sets if kind_of(each, "h264") == 7]
    pps = [each for each in sets if kind_of(each, "h264") == 8]
    if not sps or not pps or len(sps[0]) < 4:
        raise DamagedError("the parameter sets are not complete")
    parts = [bytes((1, *sps[0][1:4], 0xFF, 0xE0 | len(sps))), *map(_counted, sps), bytes((len(pps),))]
    parts += map(_counted, pps)
    if sps[0][1] in _HIGH_PROFILES:
        shown = _h264_picture(sps[0])
        parts.append(bytes((0xFC | shown.chroma_format, 0xF8 | shown.luma_bits - 8, 0xF8 | shown.chroma_bits - 8, 0)))
    return b"".join(parts)


def _hevc_record(sets: tuple[bytes, ...]) -> bytes:
    if not is_complete(sets, "hevc"):
        raise DamagedError("the parameter sets are not complete")
    sps = _without_emulation(next(each for each in sets if kind_of(each, "hevc") == 33))
    shown = picture(sets, "hevc")
    layers, nested = (sps[2] >> 1 & 7) + 1, sps[2] & 1
    parts = [
        b"\x01",
        sps[3:15],  # profile, tier, compatibility, constraints and level, as they stand there
        bytes((0xF0, 0, 0xFC, 0xFC | shown.chroma_format, 0xF8 | shown.luma_bits - 8, 0xF8 | shown.chroma_bits - 8)),
        bytes((0, 0, layers << 3 | nested << 2 | 3, len(_HEVC_SETS))),
    ]
    for kind in _HEVC_SETS:
        same = [each for each in sets if kind_of(each, "hevc") == kind]
        parts += (bytes((kind,)), struct.pack(">H", len(same)), *map(_counted, same))
    return b"".join(parts)


def _counted(unit: bytes) -> bytes:
    return struct.pack(">H", len(unit)) + unit


def _without_emulation(unit: bytes) -> bytes:
    """The unit without the bytes that keep start codes out of it (H.264, section 7.4.1)."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


class _Bits:
    """Reads bits and Exp-Golomb codes (H.264, section 9.1)."""

    def __init__(self, data: bytes, skip_bytes: int) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * (len(data) - skip_bytes)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise DamagedError("a parameter set breaks off")
        return self._value >> self._left & (1 << count) - 1

    def code(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.code()
        return (value + 1) // 2 if value % 2 else -(value // 2)


def _h264_picture(sps: bytes) -> Picture:
    """Section 7.3.2.1.1 of H.264, up to the cropping."""
    bits = _Bits(_without_emulation(sps), 4)
    bits.code()
    chroma, luma_bits, chroma_bits = 1, 8, 8
    if sps[1] in _HIGH_PROFILES:
        chroma = bits.code()
        if chroma == 3:
            bits.take(1)
        luma_bits, chroma_bits = 8 + bits.code(), 8 + bits.code()
        bits.take(1)
        if bits.take(1):
            for index in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    number_bits = bits.code() + 4
    order = bits.code()
    if order == 0:
        bits.code()
    elif order == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.code()):
            bits.signed()
    bits.code()
    may_skip_numbers = bool(bits.take(1))
    width, rows = 16 * (bits.code() + 1), 16 * (bits.code() + 1)
    is_progressive = bits.take(1)
    if not is_progressive:
        bits.take(1)
    bits.take(1)
    height = rows * (2 - is_progressive)
    if bits.take(1):
        across, down = (1 if chroma in (0, 3) else 2), (2 if chroma == 1 else 1) * (2 - is_progressive)
        left, right, top, bottom = (bits.code() for _ in range(4))
        width, height = width - across * (left + right), height - down * (top + bottom)
    return Picture(width, height, chroma, luma_bits, chroma_bits, number_bits, may_skip_numbers)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _hevc_picture(sps: bytes) -> Picture:
    """Section 7.3.2.2.1 of H.265, up to the bit depths."""
    data = _without_emulation(sps)
    bits = _Bits(data, 2)
    bits.take(4)
    below = bits.take(3)
    bits.take(1)
    bits.take(96)
    flags = [bits.take(2) for _ in range(below)]
    if below:
        bits.take(2 * (8 - below))
    for flag in flags:
        bits.take((88 if flag & 2 else 0) + (8 if flag & 1 else 0))
    bits.code()
    chroma = bits.code()
    if chroma == 3:
        bits.take(1)
    width, height = bits.code(), bits.code()
    if bits.take(1):
        across, down = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
        left, right, top, bottom = (bits.code() for _ in range(4))
        width, height = width - across * (left + right), height - down * (top + bottom)
    return Picture(width, height, chroma, 8 + bits.code(), 8 + bits.code())
