"""Pictures that are missing from an H.264 stream: whole ones that were lost on the way leave no trace but a gap in
`frame_num` (ITU-T H.264, section 7.4.3). A decoder fills the gap with what it has, and says nothing.
"""

from __future__ import annotations

from typing import Final

from watchpost.mp4 import parameter_sets
from watchpost.mp4.boxes import DamagedError
from watchpost.types import Packet, StreamInfo
from watchpost.video.picture_types import Bits, nal_units

_HEAD: Final = 256
_HEAD_OF_KEY: Final = 4096
"""Bytes of a packet that are looked at: a delimiter, parameter sets and messages come before its first slice."""
_SLICES: Final = (1, 5)


class FrameNumbers:
    """Follows the packets that one decoder is given, in decoding order. Of other codecs it never says anything."""

    def __init__(self) -> None:
        self._stream: StreamInfo | None = None
        self._length_size: int | None = None
        self._bits = 0
        """Of a frame number; 0 where they tell nothing."""
        self._reference: int | None = None
        """The number of the last picture that others may refer to."""

    def has_gap(self, packet: Packet) -> bool:
        """Whether a picture that this one may refer to is missing before it."""
        if packet.stream is not self._stream:
            self._begin(packet.stream)
        if not self._bits:
            return False
        before = None if packet.is_key or packet.is_discontinuous else self._reference
        found = self._number(packet)
        if found is None:
            self._reference = before
            return False
        number, is_reference = found
        self._reference = number if is_reference else before
        if before is None:
            return False
        return number not in (before, (before + 1) % (1 << self._bits))

    def _begin(self, stream: StreamInfo) -> None:
        self._stream, self._reference, self._bits, self._length_size = stream, None, 0, None
        data = stream.extradata or b""
        if stream.codec != "h264" or not data:
            return
        try:
            if parameter_sets.is_byte_stream(data):
                shown = parameter_sets.picture(parameter_sets.parameter_sets(data, "h264"), "h264")
            else:
                shown = parameter_sets.picture(parameter_sets.sets_in_record(data, "h264"), "h264")
                self._length_size = (data[4] & 3) + 1
        except DamagedError:
            return
        if not shown.may_skip_numbers and shown.chroma_format != 3:  # 4:4:4 may have a field before the number
            self._bits = shown.number_bits

    def _number(self, packet: Packet) -> tuple[int, bool] | None:
        """A picture's number, and whether others may refer to it."""
        try:
            # FFmpeg's packet is a buffer
            head = bytes(memoryview(packet.payload)[: _HEAD_OF_KEY if packet.is_key else _HEAD])  # type: ignore[arg-type]
        except TypeError:
            return None
        for unit in nal_units(head, self._length_size):
            if unit[0] & 0x1F in _SLICES:
                bits = Bits(unit[1:24])  # 7.3.3: first_mb_in_slice, slice_type, pic_parameter_set_id, frame_num
                for _ in range(3):
                    bits.exp_golomb()
                return bits.read(self._bits), unit[0] & 0x60 != 0
        return None
