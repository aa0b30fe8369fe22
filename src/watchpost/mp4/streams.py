"""From a camera's packets to what an MP4 track wants: its description, and each packet's bytes in MP4's form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from watchpost.errors import WatchpostError
from watchpost.mp4 import adts, parameter_sets
from watchpost.mp4.boxes import DamagedError
from watchpost.mp4.tracks import AUDIO_CODECS, VIDEO_CODECS, AudioTrack, VideoTrack
from watchpost.types import AudioPacket, AudioStream, Packet, StreamInfo

_WITH_SETS: Final = frozenset({"h264", "hevc"})
_NAMES: Final = {"mp3float": "mp3"}
"""Decoders that FFmpeg calls otherwise than what they decode."""
_SOUND_WITHIN_S: Final = 10.0
"""Sound further from its picture than this has another clock, and is left out."""


class VideoFormat:
    """Follows one camera's video: which track its packets belong to, and how they are stored."""

    def __init__(self) -> None:
        self._stream: StreamInfo | None = None
        self._is_byte_stream = False
        self._sets: tuple[bytes, ...] = ()
        self.track: VideoTrack | None = None
        """`None` until the first key frame that says enough."""

    def see(self, packet: Packet) -> bool:
        """Look at a packet before it is stored; whether the track is another one from here on.

        Raises `WatchpostError` for a codec that can not be recorded.
        """
        stream = packet.stream
        before = self.track
        if stream is not self._stream:
            if stream.codec not in VIDEO_CODECS:
                raise WatchpostError(
                    f"{packet.camera}: {stream.codec} video can not be recorded;"
                    " set the camera to H.264 or H.265, or recording: {mode: off}."
                )
            self._stream, self._sets = stream, ()
            self._is_byte_stream = stream.codec in _WITH_SETS and parameter_sets.is_byte_stream(stream.extradata)
            if self._is_byte_stream:
                self._take(parameter_sets.parameter_sets(stream.extradata or b"", stream.codec), stream)
            else:
                config = (stream.extradata or b"") if stream.codec in _WITH_SETS else b""
                self.track = VideoTrack(stream.codec, stream.width, stream.height, config, stream.rotation)
        if self._is_byte_stream and packet.is_key:
            sets = parameter_sets.parameter_sets(_bytes(packet.payload), stream.codec)
            if sets and sets != self._sets:
                self._take(sets, stream)
        return self.track != before

    def stored(self, packet: Packet) -> bytes:
        """The packet's bytes as MP4 wants them."""
        data = _bytes(packet.payload)
        return parameter_sets.with_lengths(data) if self._is_byte_stream else data

    def _take(self, sets: tuple[bytes, ...], stream: StreamInfo) -> None:
        if not parameter_sets.is_complete(sets, stream.codec):
            return  # a part of them, as some cameras repeat: what is known stays
        try:
            config = parameter_sets.record(sets, stream.codec)
            shown = parameter_sets.picture(sets, stream.codec)
        except DamagedError:
            return
        self._sets = sets
        self.track = VideoTrack(stream.codec, shown.width, shown.height, config, stream.rotation)


class AudioFormat:
    """Follows one camera's sound. What MP4 can not hold is left out, and told in `left_out`."""

    def __init__(self) -> None:
        self.track: AudioTrack | None = None
        """`None` without sound, or before its first packet where only that says what it is."""
        self.left_out = ""
        """The codec of sound that can not be recorded."""
        self._stream: AudioStream | None = None
        self._has_headers = False

    def see(self, packet: Packet) -> None:
        """Look at a packet before its sound is stored."""
        stream = packet.stream.audio
        if stream is not self._stream:
            self._stream, self.track, self.left_out = stream, None, ""
            if stream is not None:
                self._describe(stream, stream.extradata or b"")
        if self._has_headers and self.track is None and packet.audio and stream is not None:
            self._describe(stream, adts.config(_bytes(packet.audio[0].payload)))

    def stored(self, packet: AudioPacket) -> bytes:
        """The packet's bytes as MP4 wants them."""
        data = _bytes(packet.payload)
        return data[7 if data[1] & 1 else 9 :] if self._has_headers and len(data) > 9 else data

    def _describe(self, stream: AudioStream, config: bytes) -> None:
        codec = _NAMES.get(stream.codec, stream.codec)
        self._has_headers = codec == "aac" and not stream.extradata
        if codec not in AUDIO_CODECS or stream.sample_rate <= 0:
            self.left_out = stream.codec
        elif codec != "aac" or config:
            self.track = AudioTrack(codec, stream.sample_rate, max(1, stream.channels), config)


def sounds(packet: Packet) -> Iterator[tuple[float, AudioPacket]]:
    """A packet's sound, each piece with its camera time in seconds.

    What the timestamp filter added to the picture's own time is added to it too.
    """
    stream, own = packet.stream.audio, getattr(packet.payload, "pts", None)
    if stream is None or own is None or packet.pts is None:
        return
    shift_s = float((packet.pts - own) * packet.stream.time_base)
    near_s = packet.camera_time_s or 0.0
    for each in packet.audio:
        time_s = float(each.pts * stream.time_base) + shift_s
        if abs(time_s - near_s) < _SOUND_WITHIN_S:
            yield time_s, each


def _bytes(payload: Any) -> bytes:
    return bytes(payload)
