"""A camera's sound as samples, in the form that an encoder wants."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import Any, cast

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from watchpost.types import AudioPacket, AudioStream


class SoundDecoder:
    """Sound of any kind to frames of one form. Use it from one thread."""

    def __init__(self, stream: AudioStream, form: str, layout: str, rate: int, samples: int) -> None:
        """`form`, `layout`: FFmpeg's names, as `s16` and `stereo`; `rate` in Hz; `samples` in each frame.

        Raises FFmpeg's errors and `ValueError` for a sound that it does not know.
        """
        self.stream = stream
        self._decoder = cast(AudioCodecContext, av.CodecContext.create(stream.codec, "r"))
        self._decoder.extradata = stream.extradata
        if stream.codec.startswith("pcm_"):
            self._decoder.sample_rate = stream.sample_rate
            self._decoder.layout = "mono" if stream.channels == 1 else "stereo"
        self._resampler = AudioResampler(form, layout, rate, samples)

    def add(self, packet: AudioPacket, time_s: float) -> list[AudioFrame]:
        """What becomes of a packet that is heard at `time_s` of camera time; nothing of a damaged one."""
        payload: Any = packet.payload
        found: list[AudioFrame] = []
        with suppress(av.error.FFmpegError, ValueError):  # what follows is heard all the same
            for frame in self._decoder.decode(av.Packet(bytes(payload))):
                frame.pts, frame.time_base = round(time_s * frame.sample_rate), Fraction(1, frame.sample_rate)
                found += self._resampler.resample(frame)
        return found
