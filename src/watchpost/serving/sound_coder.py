"""A camera's sound to AAC, which every server and player takes."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
import av.error
from av.codec.context import Flags

from watchpost.serving.sound_decoder import SoundDecoder
from watchpost.types import AudioPacket, AudioStream

_AAC_RATES: Final = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
_OTHER_RATE: Final = 48_000
_BIT_RATE_A_CHANNEL: Final = 64_000


class SoundCoder:
    """Sound of any kind to AAC, one or two channels. Use it from one thread."""

    def __init__(self, stream: AudioStream) -> None:
        """Raises FFmpeg's errors and `ValueError` for a sound that it does not know; `of` does not."""
        self._rate = stream.sample_rate if stream.sample_rate in _AAC_RATES else _OTHER_RATE
        layout = "mono" if stream.channels == 1 else "stereo"
        encoder = av.CodecContext.create("aac", "w")
        encoder.sample_rate, encoder.layout, encoder.format = self._rate, layout, "fltp"
        encoder.time_base = Fraction(1, self._rate)
        encoder.bit_rate = _BIT_RATE_A_CHANNEL * (1 if layout == "mono" else 2)
        encoder.flags |= Flags.global_header
        encoder.open()
        self._encoder = encoder
        self._decoder = SoundDecoder(stream, "fltp", layout, self._rate, encoder.frame_size)
        self.stream = AudioStream("aac", self._rate, 1 if layout == "mono" else 2, encoder.time_base, encoder.extradata)

    @classmethod
    def of(cls, stream: AudioStream | None) -> SoundCoder | None:
        """`None` without sound, or for one that this FFmpeg does not know."""
        if stream is None or stream.sample_rate <= 0:
            return None
        try:
            return cls(stream)
        except (av.error.FFmpegError, ValueError):
            return None

    def add(self, packet: AudioPacket, time_s: float) -> list[AudioPacket]:
        """What becomes of a packet that is heard at `time_s` of camera time."""
        found = []
        for frame in self._decoder.add(packet, time_s):
            try:
                found += [AudioPacket(coded.pts or 0, coded) for coded in self._encoder.encode(frame)]
            except (av.error.FFmpegError, ValueError):  # what follows is heard all the same
                break
        return found
