"""The type of a coded picture, I, P or B: read from its slice headers, or by decoding where there is no parser.

H.264 and H.265 say it in the first bytes of each slice, which costs microseconds; decoding costs milliseconds.
Section numbers are those of ITU-T H.264 (08/2021) and ITU-T H.265 (08/2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from watchpost.types import Packet, StreamInfo

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

_HEAD: Final = 24
"""Bytes of a slice that are looked at: more than its header needs up to the slice type."""

# H.264, Table 7-1 (NAL unit types) and Table 7-6 (slice types modulo 5: P, B, I, SP, SI)
_H264_SLICE, _H264_PARTITION_A, _H264_IDR = 1, 2, 5
_H264_SLICE_TYPES: Final = "PBIPI"

# H.265, Table 7-1 and Table 7-7 (slice types B, P, I)
_H265_LAST_SLICE, _H265_FIRST_IRAP, _H265_LAST_IRAP, _H265_PPS = 31, 16, 23, 34
_H265_IDR: Final = (19, 20)
_H265_SLICE_TYPES: Final = "BPI"


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """What a packet says of its picture."""

    kind: str
    """`I`, `P`, `B`, or `?` where it can not be told."""
    is_idr: bool = False
    """Nothing after it refers to anything before it, so the group it opens is closed."""


class PictureTypes(Protocol):
    """Tells the type of each packet's picture; packets come in decoding order."""

    def of(self, packet: Packet) -> CodedPicture:
        """The type of one packet's picture."""

    def late(self) -> dict[int, str]:
        """Types known only after packets that followed, by pts. Call it once, at the end."""


def for_stream(info: StreamInfo) -> PictureTypes:
    """The cheapest way to the picture types of a stream."""
    import av

    if info.codec == "h264":
        return _H264(info.extradata or b"")
    if info.codec == "hevc":
        return _H265(info.extradata or b"")
    codec = av.Codec(info.codec, "r")
    if codec.intra_only or info.codec in ("png", "webp", "bmp", "tiff"):
        return _AllIntra()
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)  # noqa: S101 - a video stream's codec
    context.extradata = info.extradata
    return _ByDecoding(context)


class _AllIntra:
    def of(self, _packet: Packet) -> CodedPicture:
        return CodedPicture("I", is_idr=True)

    def late(self) -> dict[int, str]:
        return {}


class _H264:
    def __init__(self, extradata: bytes) -> None:
        # avcC: ISO/IEC 14496-15, 5.3.3.1
        self._length_size = (extradata[4] & 3) + 1 if len(extradata) > 6 and extradata[0] == 1 else None

    def of(self, packet: Packet) -> CodedPicture:
        kinds, is_idr = "", False
        for unit in nal_units(_bytes(packet), self._length_size):
            nal_type = unit[0] & 0x1F  # 7.3.1
            if nal_type in (_H264_SLICE, _H264_PARTITION_A, _H264_IDR):
                is_idr |= nal_type == _H264_IDR
                bits = Bits(unit[1:_HEAD])  # 7.3.3: first_mb_in_slice, slice_type
                bits.exp_golomb()
                kinds += _H264_SLICE_TYPES[bits.exp_golomb() % 5]
        return CodedPicture(_picture_kind(kinds), is_idr)

    def late(self) -> dict[int, str]:
        return {}


class _H265:
    def __init__(self, extradata: bytes) -> None:
        self._extra_bits: dict[int, int] = {}  # num_extra_slice_header_bits by picture parameter set
        self._length_size = None
        if len(extradata) > 22 and extradata[0] == 1:  # hvcC: ISO/IEC 14496-15, 8.3.3.1
            self._length_size = (extradata[21] & 3) + 1
            for unit in _hvcc_units(extradata):
                self._parameters(unit)
        else:
            for unit in nal_units(extradata, None):
                self._parameters(unit)

    def of(self, packet: Packet) -> CodedPicture:
        kinds, is_idr = "", False
        for unit in nal_units(_bytes(packet), self._length_size):
            if len(unit) < 3:
                continue
            self._parameters(unit)
            nal_type = unit[0] >> 1 & 0x3F  # 7.3.1.2
            if nal_type <= _H265_LAST_SLICE:
                is_idr |= nal_type in _H265_IDR
                kinds += self._slice_kind(unit, nal_type)
        return CodedPicture(_picture_kind(kinds), is_idr)

    def late(self) -> dict[int, str]:
        return {}

    def _parameters(self, unit: bytes) -> None:
        if len(unit) > 2 and unit[0] >> 1 & 0x3F == _H265_PPS:  # 7.3.2.3.1
            bits = Bits(unit[2:_HEAD])
            number = bits.exp_golomb()
            bits.exp_golomb()  # pps_seq_parameter_set_id
            bits.read(2)  # dependent_slice_segments_enabled_flag, output_flag_present_flag
            self._extra_bits[number] = bits.read(3)

    def _slice_kind(self, unit: bytes, nal_type: int) -> str:
        bits = Bits(unit[2:_HEAD])  # 7.3.6.1
        if not bits.read(1):  # not the picture's first slice segment: its type lies behind fields of the SPS
            return ""
        if _H265_FIRST_IRAP <= nal_type <= _H265_LAST_IRAP:
            bits.read(1)  # no_output_of_prior_pics_flag
        bits.read(self._extra_bits.get(bits.exp_golomb(), 0))
        slice_type = bits.exp_golomb()
        return _H265_SLICE_TYPES[slice_type] if slice_type < 3 else ""


class _ByDecoding:
    def __init__(self, context: VideoCodecContext) -> None:
        self._context = context
        self._late: dict[int, str] = {}

    def of(self, packet: Packet) -> CodedPicture:
        self._decode(packet.payload)
        kind = self._late.pop(packet.pts, "?") if packet.pts is not None else "?"
        return CodedPicture(kind)

    def late(self) -> dict[int, str]:
        self._decode(None)
        return self._late

    def _decode(self, payload: object) -> None:
        import av

        try:
            frames = self._context.decode(payload)  # type: ignore[arg-type]  # FFmpeg's packet
        except (av.error.FFmpegError, EOFError):
            return
        for frame in frames:
            if frame.pts is not None:
                self._late[frame.pts] = {1: "I", 2: "P", 3: "B"}.get(int(frame.pict_type), "?")


def nal_units(data: bytes, length_size: int | None) -> Iterator[bytes]:
    """The NAL units of an access unit: each after its length, or (`None`) after start codes (H.264, Annex B).

    What is cut off ends the iteration; nothing is raised.
    """
    if length_size is None:
        yield from (unit for unit in data.split(b"\0\0\1")[1:] if unit)
        return
    position = 0
    while position + length_size < len(data):
        length = int.from_bytes(data[position : position + length_size])
        position += length_size
        if length:
            yield data[position : position + length]
        position += length


def _hvcc_units(extradata: bytes) -> Iterable[bytes]:
    position = 23
    for _ in range(extradata[22]):
        count = int.from_bytes(extradata[position + 1 : position + 3])
        position += 3
        for _ in range(count):
            length = int.from_bytes(extradata[position : position + 2])
            yield extradata[position + 2 : position + 2 + length]
            position += 2 + length


def _picture_kind(slices: str) -> str:
    return next((kind for kind in "BPI" if kind in slices), "?")


def _bytes(packet: Packet) -> bytes:
    return bytes(packet.payload)  # type: ignore[call-overload,no-any-return]  # FFmpeg's packet is a buffer


class Bits:
    """Reads bits of a NAL unit's payload, most significant first; past its end it reads zeros."""

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\0\0\3", b"\0\0")  # emulation prevention, H.264 7.4.1
        self._value = int.from_bytes(data)
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        """The next bits as a number."""
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else 0
        return shifted & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """An unsigned Exp-Golomb code, H.264 9.1; 0 for what is none."""
        zeros = 0
        while self._left > 0 and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros) if self._left >= 0 else 0
