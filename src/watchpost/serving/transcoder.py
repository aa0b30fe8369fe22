"""Packets of any codec to H.264 and AAC, which every server and player takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, cast

import av
import av.error
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from watchpost.mp4.streams import sounds
from watchpost.serving.sound_coder import SoundCoder
from watchpost.types import AudioPacket, Packet, StreamInfo

_TICKS: Final = Fraction(1, 90_000)
_USUAL_RATE: Final = Fraction(25)


@dataclass(frozen=True, slots=True)
class Coding:
    """How pictures are encoded."""

    preset: str = "veryfast"
    """x264's: slower ones make fewer bytes."""
    crf: int = 23
    """x264's constant rate factor, 0-51: lower is better and larger."""
    key_every_s: float = 2.0
    """Who comes late waits so long for a picture."""


def transcoded(packets: Iterable[Packet], coding: Coding | None = None) -> Iterator[Packet]:
    """The same film as H.264 (yuv420p, no B frames) and AAC; timestamps mended before, and kept.

    Pictures that can not be decoded are left out. The size is the camera's, odd sides cut by a pixel.
    """
    work = _Transcoder(coding or Coding())
    for packet in packets:
        yield from work.add(packet)
    yield from work.flush()


class _Transcoder:
    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._stream: StreamInfo | None = None
        self._decoder: Any = None
        self._encoder: VideoCodecContext | None = None
        self._info: StreamInfo | None = None
        self._sound: SoundCoder | None = None
        self._heard: list[AudioPacket] = []
        self._last: Packet | None = None

    def add(self, packet: Packet) -> Iterator[Packet]:
        """What becomes of a packet."""
        if packet.stream is not self._stream:
            yield from self._change(packet.stream)
        self._last = packet
        if self._sound is not None:
            for time_s, each in sounds(packet):
                self._heard += self._sound.add(each, time_s)
        payload: Any = packet.payload
        copy = av.Packet(bytes(payload))
        copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.stream.time_base
        copy.is_keyframe = packet.is_key
        yield from self._encoded(self._decoded(copy), packet)

    def flush(self) -> Iterator[Packet]:
        """What is held back."""
        if self._decoder is not None and self._last is not None:
            yield from self._encoded(self._decoded(None), self._last)
            if self._encoder is not None:
                yield from self._packets(self._encoder.encode(None), self._last)

    def _change(self, stream: StreamInfo) -> Iterator[Packet]:
        yield from self.flush()
        self._encoder = None
        self._stream = stream
        decoder = cast(VideoCodecContext, av.CodecContext.create(stream.codec, "r"))
        decoder.extradata = stream.extradata
        if stream.codec == "rawvideo":
            decoder.width, decoder.height, decoder.pix_fmt = stream.width, stream.height, stream.pixel_format or "rgb24"
        decoder.thread_count = 1
        self._decoder = decoder
        self._sound = SoundCoder.of(stream.audio)

    def _decoded(self, payload: Any) -> list[av.VideoFrame]:
        try:
            return list(self._decoder.decode(payload))
        except av.error.FFmpegError:  # a damaged picture: those that follow are decoded all the same
            return []

    def _encoded(self, frames: list[av.VideoFrame], packet: Packet) -> Iterator[Packet]:
        for frame in frames:
            if frame.pts is None:
                continue
            fitted = frame.reformat(frame.width // 2 * 2, frame.height // 2 * 2, "yuv420p")
            fitted.pts, fitted.time_base = round(frame.pts * packet.stream.time_base / _TICKS), _TICKS
            fitted.pict_type = av.video.frame.PictureType.NONE
            size = fitted.width, fitted.height
            if self._encoder is not None and (self._encoder.width, self._encoder.height) != size:
                yield from self._packets(self._encoder.encode(None), packet)
                self._encoder = None
            if self._encoder is None:
                self._open(fitted, packet.stream)
            assert self._encoder is not None  # noqa: S101 - for the type checker
            yield from self._packets(self._encoder.encode(fitted), packet)

    def _packets(self, payloads: list[Any], packet: Packet) -> Iterator[Packet]:
        assert self._info is not None  # noqa: S101 - for the type checker: there is an encoder
        for payload in payloads:
            heard, self._heard = tuple(self._heard), []
            yield Packet(
                packet.camera,
                self._info,
                payload.pts,
                payload.dts,
                payload.is_keyframe,
                payload.size,
                packet.wall_time_s,
                payload,
                audio=heard,
            )

    def _open(self, frame: av.VideoFrame, stream: StreamInfo) -> None:
        rate = stream.average_rate or _USUAL_RATE
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv420p"
        encoder.time_base, encoder.framerate = _TICKS, rate
        encoder.gop_size = max(1, round(rate * Fraction(self._coding.key_every_s)))
        encoder.max_b_frames = 0
        encoder.flags |= Flags.global_header
        encoder.options = {"preset": self._coding.preset, "crf": str(self._coding.crf), "tune": "zerolatency"}
        encoder.open()
        self._encoder = encoder
        self._info = StreamInfo(
            codec="h264",
            width=frame.width,
            height=frame.height,
            time_base=_TICKS,
            average_rate=rate,
            pixel_format="yuv420p",
            extradata=encoder.extradata,
            rotation=stream.rotation,
            is_live=stream.is_live,
            audio=None if self._sound is None else self._sound.stream,
        )
