"""A camera's packets into a container of FFmpeg's, as they came: no picture is encoded.

FFmpeg's muxers want a stream's description before its first packet, and change the packets that they are given. So the
description is read from the header of an MP4 made for this, and each packet is a copy.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
import av.error

from watchpost.errors import TargetError
from watchpost.mp4.fragments import header
from watchpost.mp4.streams import AudioFormat, VideoFormat, sounds
from watchpost.mp4.tracks import VIDEO_TIMESCALE, AudioTrack, VideoTrack
from watchpost.rtmp.wire import RtmpError
from watchpost.types import Packet

if TYPE_CHECKING:
    from av.container import OutputContainer

_TICKS: Final = Fraction(1, VIDEO_TIMESCALE)
_USUAL_STEP: Final = VIDEO_TIMESCALE // 25
_MOST_HELD: Final = 100
"""Packets that wait until it is known what the sound is."""


@dataclass(frozen=True, slots=True)
class Carries:
    """What a container can hold, by FFmpeg's names."""

    container: str
    video: frozenset[str]
    audio: frozenset[str]


class StreamChangedError(TargetError):
    """The camera changed its codec or the size of its picture: the target must be opened anew."""


class Remuxer:
    """Writes packets, as the timestamp filter leaves them, into what `open_output` opens at the first key frame.

    Times begin at 0. Sound that the container can not hold is left out. Use it from one thread.
    """

    def __init__(self, open_output: Callable[[], OutputContainer], carries: Carries, shown: str) -> None:
        self.frames = 0
        self.bytes = 0
        """Of pictures and sound."""
        self.left_out = ""
        """The codec of sound that is left out."""
        self._open_output = open_output
        self._carries = carries
        self._shown = shown
        self._video = VideoFormat()
        self._audio = AudioFormat()
        self._held: list[Packet] = []
        self._output: OutputContainer | None = None
        self._streams: list[Any] = []
        self._zero_ticks = 0
        """Camera time at the film's 0."""
        self._last_dts = -1
        self._step = _USUAL_STEP
        """From one picture to the next, in ticks."""
        self._last_sound = -1

    def write(self, packet: Packet) -> None:
        """Add a packet. What comes before the first key frame is passed over.

        Raises `TargetError`, permanent for a codec that the container can not hold, and `StreamChangedError`.
        """
        codec = packet.stream.codec
        if codec not in self._carries.video:
            known = " and ".join(sorted(self._carries.video))
            message = f"{self._shown}: carries {known}, not {codec}; let it be encoded anew (--transcode)."
            raise TargetError(message, permanent=True)
        before = self._video.track
        is_new = self._video.see(packet)
        self._audio.see(packet)
        if self._output is None:
            self._hold(packet)
        elif is_new and before is not None:
            raise StreamChangedError(f"{self._shown}: the camera changed its picture's format.")
        else:
            self._mux(packet)

    def close(self) -> None:
        """Write what is held back, and the end. Raises `TargetError`."""
        try:
            if self._held:
                self._begin()
        finally:
            output, self._output = self._output, None
            if output is not None:
                with self._told():
                    output.close()

    def abandon(self) -> None:
        """Let go after a fault: no end is written."""
        output, self._output = self._output, None
        if output is not None:
            with suppress(av.FFmpegError, OSError, RtmpError):
                output.close()

    def _hold(self, packet: Packet) -> None:
        if not self._held and (not packet.is_key or self._video.track is None):
            return
        self._held.append(packet)
        sound_may_come = packet.stream.audio is not None and self._audio.track is None and not self._audio.left_out
        if not sound_may_come or len(self._held) >= _MOST_HELD:
            self._begin()

    def _begin(self) -> None:
        held, self._held = self._held, []
        track = self._video.track
        if track is None:
            return
        sound = self._audio.track
        self.left_out = self._audio.left_out
        if sound is not None and sound.codec not in self._carries.audio:
            self.left_out, sound = sound.codec, None
        self._zero_ticks = _ticks(held[0])[0]
        with self._told():
            self._output = self._open_output()
            self._streams = list(_described(self._output, track, sound))
            self._output.start_encoding()
        for each in held:
            self._mux(each)

    def _mux(self, packet: Packet) -> None:
        with self._told():
            dts, pts = self._placed(packet)
            if len(self._streams) > 1:
                for payload in self._sounds(packet):
                    self._put(payload, 1)
            payload = av.Packet(self._video.stored(packet))
            payload.dts, payload.pts, payload.time_base = dts, max(pts, dts), _TICKS
            payload.duration = self._step  # the last one in a file would have none otherwise
            payload.is_keyframe = packet.is_key
            self._put(payload, 0)
            self.frames += 1

    def _placed(self, packet: Packet) -> tuple[int, int]:
        """When it is decoded and shown in the film, in ticks.

        A camera that was started afresh counts from 0 again: its film goes on a picture after the last one.
        """
        dts, pts = _ticks(packet)
        if dts - self._zero_ticks <= self._last_dts:
            self._zero_ticks = dts - self._last_dts - self._step
        elif self._last_dts >= 0:
            self._step = dts - self._zero_ticks - self._last_dts
        self._last_dts = dts - self._zero_ticks
        return self._last_dts, pts - self._zero_ticks

    def _sounds(self, packet: Packet) -> Iterator[Any]:
        stream = packet.stream.audio
        if stream is None:
            return
        for time_s, each in sounds(packet):
            ticks = round((time_s - self._zero_ticks / VIDEO_TIMESCALE) * stream.sample_rate)
            if ticks <= self._last_sound:
                continue
            self._last_sound = ticks
            payload = av.Packet(self._audio.stored(each))
            payload.dts = payload.pts = ticks
            payload.time_base = Fraction(1, stream.sample_rate)
            payload.is_keyframe = True
            yield payload

    def _put(self, payload: Any, stream: int) -> None:
        assert self._output is not None  # noqa: S101 - for the type checker: it is open by now
        payload.stream = self._streams[stream]
        self.bytes += payload.size
        self._output.mux_one(payload)

    def _told(self) -> _Told:
        return _Told(self._shown)


class _Told:
    """Turns FFmpeg's errors within its `with` block into ours."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _at: object) -> None:
        if isinstance(error, RtmpError):
            raise TargetError(str(error), permanent=error.permanent) from None
        if isinstance(error, av.FFmpegError | OSError | ValueError):
            raise target_error(error, self._shown) from None


_ANSWERS: Final[tuple[tuple[type[Exception], str, bool], ...]] = (
    (av.error.HTTPUnauthorizedError, "wrong user or password; write them into the address as user:password@", True),
    (av.error.HTTPForbiddenError, "the server refuses this stream (403)", True),
    (av.error.HTTPNotFoundError, "the server has no such path (404), or takes no streams", True),
    (av.error.HTTPClientError, "the server refuses the stream (4xx)", True),
    (av.error.HTTPServerError, "the server reports an error of its own (5xx)", False),
    (av.error.ProtocolNotFoundError, "this FFmpeg does not know the protocol", True),
    (av.error.ConnectionRefusedError, "connection refused; check that the server runs and listens on this port", False),
    (av.error.BrokenPipeError, "the connection broke", False),
    (av.error.ConnectionResetError, "the connection was reset", False),
    (av.error.TimeoutError, "no answer in time", False),
    (av.error.ExitError, "no answer in time", False),
    (av.error.PermissionError, "permission denied; choose a place you may write to", True),
    (av.error.FileNotFoundError, "there is no such folder; create it, or choose another place", True),
)


def target_error(error: Exception, shown: str) -> TargetError:
    """FFmpeg's error as one line; `shown` is the target without its credentials."""
    for kind, text, permanent in _ANSWERS:
        if isinstance(error, kind):
            return TargetError(f"{shown}: {text}.", permanent=permanent)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return TargetError(f"{shown}: writing failed: {reason}.")


def _described(output: OutputContainer, video: VideoTrack, audio: AudioTrack | None) -> Iterator[Any]:
    """The output's streams, described as the tracks are."""
    with av.open(io.BytesIO(header(video, audio, {}, 0.0)), "r", format="mp4") as template:
        for stream in (*template.streams.video, *template.streams.audio):
            yield output.add_stream_from_template(stream, opaque=True)


def _ticks(packet: Packet) -> tuple[int, int]:
    """When a packet is decoded and shown, in ticks of 1/90000 s."""
    factor = packet.stream.time_base * VIDEO_TIMESCALE
    pts = packet.pts or 0
    dts = pts if packet.dts is None else packet.dts
    return round(dts * factor), round(pts * factor)
