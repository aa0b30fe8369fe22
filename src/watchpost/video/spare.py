"""Pictures that no other picture refers to. A decoder that leaves them out loses nothing but them.

H.264 says so in `nal_ref_idc` (ITU-T H.264, section 7.4.1), H.265 in the type of the unit (ITU-T H.265, table 7-1).
Encoders make such pictures of B frames; cameras that make no B frames have none.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from watchpost.types import Packet, StreamInfo
from watchpost.video.picture_types import nal_units

_HEAD: Final = 256
"""Bytes of a packet that are looked at: a delimiter and a message or two come before its first slice."""
_REMEMBERED: Final = 24
_H264_SLICES: Final = (1, 2)
_H265_LAST_NON_REFERENCE: Final = 14
"""Below it the even types are pictures that no other of their temporal sub-layer refers to."""


class SparePictures:
    """Tells, of one camera's packets in decoding order, which need not be decoded."""

    def __init__(self) -> None:
        self._stream: StreamInfo | None = None
        self._length_size: int | None = None
        self._highest_layer = 0
        self._times_s: deque[float] = deque(maxlen=_REMEMBERED)
        """Camera times of the newest pictures that others may refer to."""

    def is_spare(self, packet: Packet, fps: float) -> bool:
        """Whether those that others may refer to are enough for `fps` analysed frames a second, and this is none."""
        if packet.stream is not self._stream:
            self._begin(packet.stream)
        if packet.is_key or packet.is_discontinuous or not self._is_non_reference(packet):
            self._times_s.append(packet.camera_time_s or 0.0)
            return False
        return self._reference_fps() >= fps

    def _begin(self, stream: StreamInfo) -> None:
        extradata = stream.extradata or b""
        at = {"h264": 4, "hevc": 21}.get(stream.codec, 0)
        has_lengths = len(extradata) > at and extradata[0] == 1
        self._stream, self._length_size = stream, (extradata[at] & 3) + 1 if has_lengths else None
        self._highest_layer = 0
        self._times_s.clear()

    def _reference_fps(self) -> float:
        if len(self._times_s) < _REMEMBERED:
            return 0.0
        span_s = max(self._times_s) - min(self._times_s)
        # a little less than asked for is as good: the interval of frames is a rounded number in most clocks
        return 1.01 * (_REMEMBERED - 1) / span_s if span_s > 0 else 0.0

    def _is_non_reference(self, packet: Packet) -> bool:
        codec = packet.stream.codec
        if codec not in ("h264", "hevc"):
            return False
        try:
            head = bytes(memoryview(packet.payload)[:_HEAD])  # type: ignore[arg-type]  # FFmpeg's packet is a buffer
        except TypeError:
            return False
        for unit in nal_units(head, self._length_size):
            if codec == "h264":
                if unit[0] & 0x1F in _H264_SLICES:
                    return unit[0] & 0x60 == 0
            elif unit[0] >> 1 & 0x3F < 32 and len(unit) > 1:
                layer = unit[1] & 7
                self._highest_layer = max(self._highest_layer, layer)
                kind = unit[0] >> 1 & 0x3F
                return kind <= _H265_LAST_NON_REFERENCE and kind % 2 == 0 and layer == self._highest_layer
        return False
