"""What the sources share: opening an FFmpeg input, turning its packets into ours, its errors into one line."""

from __future__ import annotations

import errno
import logging
import socket
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit

import av
import av.error
import av.logging
import av.stream

from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.telemetry import redacted
from watchpost.types import AudioPacket, AudioStream, Packet, StreamInfo

if TYPE_CHECKING:
    from av.audio.stream import AudioStream as AudioStreamOfInput
    from av.container import InputContainer
    from av.video.stream import VideoStream

_LOG: Final = logging.getLogger("watchpost.ffmpeg")
_MOST_SOUNDS: Final = 1000
"""Between two pictures: a camera whose video stopped does not fill the memory."""
_ENCRYPTED: Final = frozenset({"https", "rtmps", "rtsps"})

_ANSWERS: Final[tuple[tuple[type[Exception], str, bool], ...]] = (
    (
        av.error.HTTPUnauthorizedError,
        "wrong user or password; write them into the address as user:password@",
        True,
    ),
    (av.error.HTTPForbiddenError, "the server refuses access (403); check the user's rights", True),
    (av.error.HTTPNotFoundError, "the server answers, but has no such path (404); check the path", True),
    (av.error.HTTPServerError, "the server reports an error of its own (5xx)", False),
    (av.error.HTTPClientError, "the server refuses the request (4xx); check the address", True),
    (av.error.ProtocolNotFoundError, "this protocol is not known", True),
    (av.error.ConnectionRefusedError, "connection refused; check that the server runs and listens on this port", False),
    (av.error.ExitError, "no answer in time", False),
    (av.error.TimeoutError, "no answer in time", False),
    (av.error.FileNotFoundError, "there is no such file", True),
    (av.error.PermissionError, "permission denied; check who may read it", True),
    (av.error.IsADirectoryError, "is a folder", True),
    (av.error.BrokenPipeError, "the connection broke", False),
    (av.error.ConnectionResetError, "the connection was reset", False),
)


class _ToOurLog(logging.Handler):
    """Brings FFmpeg's own messages, which may quote addresses, into the redacted log at debug level."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass it on."""
        _LOG.debug("%s: %s", record.name, record.getMessage())


def _listen_to_ffmpeg() -> None:
    # PyAV keeps FFmpeg silent until a level is set, which is what we want outside debugging.
    if _LOG.isEnabledFor(logging.DEBUG) and av.logging.get_level() is None:
        libav = logging.getLogger("libav")
        libav.setLevel(logging.DEBUG)
        libav.addHandler(_ToOurLog())
        libav.propagate = False
        av.logging.set_level(av.logging.INFO)


def source_error(error: Exception, address: str) -> SourceError:
    """FFmpeg's error as one line that names the address (without credentials) and what to do."""
    shown = redacted(address)
    for kind, text, permanent in _ANSWERS:
        if isinstance(error, kind):
            return SourceError(f"{shown}: {text}.", permanent=permanent)
    host = _unknown_host(address)
    if host is not None:
        return SourceError(f"{shown}: the host {host} is not known; check the address.", permanent=True)
    if isinstance(error, av.error.InvalidDataError):
        text = "is no video that can be read, or is cut off before its first picture"
        return SourceError(f"{shown}: {text}.", permanent="://" not in address)
    if getattr(error, "errno", None) == errno.EPROTONOSUPPORT:
        return SourceError(f"{shown}: the server does not send over this transport; try another, or transport: auto.")
    if getattr(error, "errno", None) == errno.EIO:
        text = "the connection broke off" if "://" in address else "reading broke off"
        if address.partition(":")[0].lower() in _ENCRYPTED:
            text += "; if it uses a certificate of its own, set ca_file to that, or tls_verify to false"
        return SourceError(f"{shown}: {text}.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return SourceError(f"{shown}: {redacted(str(reason))}.")


def _unknown_host(address: str) -> str | None:
    """The host of `address` when it can not be resolved: FFmpeg reports that as a plain I/O error."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return None
    if not host or "://" not in address:
        return None
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        return host if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else None
    except UnicodeError:
        return host
    return None


def open_input(
    url: str | BinaryIO,
    address: str,
    *,
    options: dict[str, str] | None = None,
    container: str | None = None,
    timeout_s: float | None = None,
) -> tuple[InputContainer, VideoStream]:
    """An open input and its first video stream; all other streams are discarded while demuxing.

    `url` may be an open file instead. `address` is what messages call it. `timeout_s` bounds opening, probing
    and each read. Raises `SourceError`.
    """
    _listen_to_ffmpeg()
    timeout = None if timeout_s is None else (timeout_s, timeout_s)
    started_s = time.monotonic()
    try:
        opened = av.open(url, "r", format=container, options=options or {}, timeout=timeout, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        is_late = timeout_s is not None and time.monotonic() - started_s >= timeout_s
        # RTSP calls an answer that came too late invalid data.
        raise source_error(av.error.ExitError(0, "") if is_late else error, address) from None
    video = next((stream for stream in opened.streams.video if stream.codec_context is not None), None)
    if video is None:
        opened.close()
        text = "holds no video that can be decoded; give a video, a stream or a folder of pictures"
        raise SourceError(f"{redacted(address)}: {text}.", permanent=True)
    if not video.codec_context.width:
        opened.close()
        raise SourceError(f"{redacted(address)}: has video without a picture size; is it damaged?")
    for stream in opened.streams:
        if stream.index != video.index:
            stream.discard = av.stream.Discard.all
    return opened, video


class Sound:
    """The sound of an open input: collected while its pictures are read."""

    def __init__(self, stream: AudioStreamOfInput) -> None:
        context = stream.codec_context
        self.index = stream.index
        self.stream = AudioStream(
            context.name,
            context.sample_rate,
            context.channels,
            stream.time_base or Fraction(1, 90_000),
            context.extradata,
        )
        self._waiting: list[AudioPacket] = []

    @classmethod
    def of(cls, container: InputContainer) -> Sound | None:
        """The first sound of an input, which is not discarded any more; `None` without one that is known."""
        stream = next((each for each in container.streams.audio if each.codec_context is not None), None)
        if stream is None:
            return None
        stream.discard = av.stream.Discard.default
        return cls(stream)

    def add(self, payload: av.Packet[Any]) -> None:
        """Hold a packet for the next picture."""
        if payload.pts is not None and len(self._waiting) < _MOST_SOUNDS:
            self._waiting.append(AudioPacket(payload.pts, payload))

    def take(self) -> tuple[AudioPacket, ...]:
        """What came since the last picture."""
        taken, self._waiting = tuple(self._waiting), []
        return taken


def stream_info(stream: VideoStream, *, is_live: bool, rotation: int = 0, sound: Sound | None = None) -> StreamInfo:
    """What a decoder must know about the stream."""
    context = stream.codec_context
    return StreamInfo(
        codec=context.name,
        width=context.width,
        height=context.height,
        time_base=stream.time_base,  # type: ignore[arg-type]  # an open stream has one
        average_rate=stream.average_rate or None,
        pixel_format=context.pix_fmt,
        extradata=context.extradata,
        color_matrix=context.colorspace,
        color_range=context.color_range,
        rotation=rotation,
        is_live=is_live,
        audio=None if sound is None else sound.stream,
    )


def to_packet(
    payload: av.Packet[VideoStream], info: StreamInfo, camera: str, clock: Clock, sound: Sound | None = None
) -> Packet:
    """FFmpeg's packet as ours, with the time of its arrival."""
    return Packet(
        camera=camera,
        stream=info,
        pts=payload.pts,
        dts=payload.dts,
        is_key=payload.is_keyframe,
        size=payload.size,
        wall_time_s=clock.wall_time_s(),
        payload=payload,
        is_corrupt=payload.is_corrupt,
        audio=() if sound is None else sound.take(),
    )


def new_extradata(payload: av.Packet[VideoStream]) -> bytes | None:
    """What a container says of the stream from this packet on, where it says something new."""
    if not payload.has_sidedata("new_extradata"):
        return None
    return bytes(payload.get_sidedata("new_extradata"))


def demux(
    container: InputContainer, stream: VideoStream, address: str, sound: Sound | None = None
) -> Iterator[av.Packet[VideoStream]]:
    """The stream's packets that hold data; sound goes into `sound`. Raises `SourceError` when reading breaks off."""
    count = 0
    try:
        for payload in container.demux(stream) if sound is None else container.demux([stream.index, sound.index]):
            if sound is not None and payload.stream_index == sound.index:
                sound.add(payload)
            elif payload.size:
                count += 1
                yield payload  # type: ignore[misc]  # of the video stream
    except av.error.InvalidDataError:
        raise SourceError(f"{redacted(address)}: is damaged; reading stopped after {count} pictures.") from None
    except IndexError:
        return  # PyAV 18.1 trips at the end over streams that appeared on the way, as MPEG-TS may
    except (av.error.FFmpegError, OSError) as error:
        raise source_error(error, address) from None


def probed_rotation(stream: VideoStream, payload: av.Packet[VideoStream]) -> int:
    """Degrees, clockwise, that turn the first picture upright: 0, 90, 180 or 270.

    The container's display matrix reaches PyAV only on a decoded frame, so the first packet is decoded here.
    """
    context = stream.codec_context
    try:
        frames = [*context.decode(payload), *context.decode(None)]
    except av.error.FFmpegError:
        return 0
    return round(-frames[0].rotation / 90) % 4 * 90 if frames else 0
