"""H.264 and H.265 access units as byte streams, however the camera's packets are made."""

from __future__ import annotations

from typing import Any, Final

from watchpost.mp4 import parameter_sets
from watchpost.types import Packet, StreamInfo

_START: Final = b"\x00\x00\x00\x01"
_KINDS: Final = {"h264": (7, 8), "hevc": (32, 33, 34)}


def access_unit(packet: Packet) -> bytes:
    """The packet with start codes (annex B); before a key frame that has none, the stream's parameter sets."""
    payload: Any = packet.payload
    stream, data = packet.stream, bytes(payload)
    if parameter_sets.is_byte_stream(stream.extradata):
        units = parameter_sets.units(data)
    else:
        units = parameter_sets.units_by_length(data, _length_bytes(stream))
    parts: list[bytes | memoryview] = []
    if packet.is_key and not any(parameter_sets.kind_of(unit, stream.codec) in _KINDS[stream.codec] for unit in units):
        for each in _sets(stream):
            parts += (_START, each)
    for unit in units:
        parts += (_START, unit)
    return b"".join(parts)


def _length_bytes(stream: StreamInfo) -> int:
    """How many bytes a length has in MP4's form (ISO/IEC 14496-15, sections 5.3.3.1 and 8.3.3.1)."""
    config = stream.extradata or b""
    at = 4 if stream.codec == "h264" else 21
    return (config[at] & 3) + 1 if len(config) > at else 4


def _sets(stream: StreamInfo) -> tuple[bytes, ...]:
    extradata = stream.extradata or b""
    if parameter_sets.is_byte_stream(extradata):
        return parameter_sets.parameter_sets(extradata, stream.codec)
    return parameter_sets.sets_in_record(extradata, stream.codec)
