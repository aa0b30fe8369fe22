"""A camera's stream as its key frames describe it.

A camera may change its picture size, or all of its encoding, at any key frame: somebody turned a knob on its page.
FFmpeg goes on telling what it found in the beginning; the parameter sets of the key frames tell what holds.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from watchpost.mp4 import parameter_sets
from watchpost.mp4.boxes import DamagedError
from watchpost.types import StreamInfo

_CODECS: Final = frozenset({"h264", "hevc"})
_PICTURE_SETS: Final = 7, 33
"""Types of a sequence parameter set: ITU-T H.264, table 7-1, and H.265, table 7-1."""
_HEAD: Final = 8192
"""Bytes of a key frame that are looked at: parameter sets come before its slices."""
_LARGEST: Final = 16_384
"""Pixels: a set that says more is damaged."""


class CurrentStream:
    """Follows one connection's video. Used from one thread."""

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        """What the newest packet belongs to: another object from each key frame on that describes another stream."""
        self._is_followed = info.codec in _CODECS
        self._has_records = self._is_followed and not parameter_sets.is_byte_stream(info.extradata)
        self._known = () if self._has_records else self._pictures(self._sets(info.extradata or b""))

    def see_key_frame(self, data: bytes, record: bytes | None = None) -> StreamInfo:
        """The stream that a key frame belongs to.

        `data` has start codes before its units, with the parameter sets among them; or they come beside it, as a
        `record` (RTMP: a new sequence header). A picture parameter set that changes alone in the stream is the
        decoder's business.
        """
        if self._has_records:
            if record is not None and record != self.info.extradata:
                self._follow(parameter_sets.sets_in_record(record, self.info.codec), record)
        elif self._is_followed:
            # of what is cut off in the middle nothing is taken
            sets = self._sets(data if len(data) <= _HEAD else data[: data.rfind(b"\0\0\1", 0, _HEAD)])
            pictures = self._pictures(sets)
            if pictures and pictures != self._known:
                self._follow(sets, b"".join(b"\0\0\0\1" + each for each in sets))
        return self.info

    def _follow(self, sets: tuple[bytes, ...], extradata: bytes) -> None:
        """Go over to another stream, if that is described in full."""
        codec = self.info.codec
        if not parameter_sets.is_complete(sets, codec):
            return
        try:
            shown = parameter_sets.picture(sets, codec)
        except DamagedError:
            return
        if 0 < shown.width <= _LARGEST and 0 < shown.height <= _LARGEST:
            self._known = self._pictures(sets)
            self.info = dataclasses.replace(self.info, width=shown.width, height=shown.height, extradata=extradata)

    def _sets(self, data: bytes) -> tuple[bytes, ...]:
        return parameter_sets.parameter_sets(data, self.info.codec)

    def _pictures(self, sets: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Those of the parameter sets that say what pictures look like."""
        if self.info.codec == "h264":
            return tuple(each for each in sets if each[0] & 0x1F == _PICTURE_SETS[0])
        return tuple(each for each in sets if each[0] >> 1 & 0x3F == _PICTURE_SETS[1])
