"""A video file: read as fast as its reader takes it, or played at its own speed like a camera."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from watchpost import options
from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.sources._pace import Pace
from watchpost.telemetry import redacted
from watchpost.types import Packet

if TYPE_CHECKING:
    from av.video.stream import VideoStream

SCHEMES: Final = ("file",)
_SHORT_S: Final = 2.0
_SHORT_SHARE: Final = 0.05
_LOG: Final = logging.getLogger(__name__)


class Options(options.Options):
    """How a file is played."""

    realtime: bool = False
    """Play at the file's own speed, as a live camera: frames that come too late are dropped."""
    loop: bool = False
    """Start again at the end, for ever."""
    sound: bool = False
    """Take the sound along, for whoever hands the film on."""


class FileSource:
    """Plays one video file.

    At the start of each round of a loop the packet is marked as discontinuous. `close` ends `packets` before
    its next packet.
    """

    def __init__(self, path: Path, camera: str, options: Options, clock: Clock) -> None:
        self._path = path
        self._camera = camera
        self._options = options
        self._clock = clock
        self._closed = threading.Event()

    def packets(self) -> Iterator[Packet]:
        """The file's video packets in decoding order. Raises `SourceError`, permanent before the first."""
        check_file(self._path)
        is_first_round = True
        while is_first_round or self._options.loop:
            is_first_packet = True
            for packet in self._one_round():
                if self._closed.is_set():
                    return
                if is_first_packet and not is_first_round:
                    packet = dataclasses.replace(packet, is_discontinuous=True)
                is_first_packet = False
                yield packet
            is_first_round = False

    def _one_round(self) -> Iterator[Packet]:
        from watchpost.sources import _av

        # With `file:` before it a path may hold colons.
        container, stream = _av.open_input(f"file:{self._path}", str(self._path))
        with container:
            info = None
            end_s = 0.0
            sound = _av.Sound.of(container) if self._options.sound else None
            pace = Pace(self._clock, self._closed) if self._options.realtime else None
            for payload in _av.demux(container, stream, str(self._path), sound):
                if info is None:
                    rotation = _av.probed_rotation(stream, payload)
                    info = _av.stream_info(stream, is_live=self._options.realtime, rotation=rotation, sound=sound)
                packet = _av.to_packet(payload, info, self._camera, self._clock, sound)
                if pace is not None:
                    pace.wait_for(packet)
                    packet = dataclasses.replace(packet, wall_time_s=self._clock.wall_time_s())
                end_s = max(end_s, packet.camera_time_s or 0.0)
                yield packet
            self._compare_length(stream, end_s)
        if info is None:
            raise SourceError(f"{self._path}: holds no picture; is it damaged?", permanent=True)

    def _compare_length(self, stream: VideoStream, end_s: float) -> None:
        """Warn of a file that ends long before its header says: FFmpeg takes that for an ordinary end."""
        if not stream.duration or stream.time_base is None:
            return
        said_s = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        if said_s - end_s > max(_SHORT_S, _SHORT_SHARE * said_s):
            _LOG.warning("%s: ends at %.1f s of %.1f s; is it cut off?", self._path, end_s, said_s)

    def close(self) -> None:
        """End `packets`; the file is let go of when its iterator ends."""
        self._closed.set()


def check_file(path: Path) -> None:
    """Raise a permanent `SourceError` for a file that is missing or empty."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}; check the path.", permanent=True) from None
    if path.is_file() and size == 0:
        raise SourceError(f"{path}: is empty (0 bytes).", permanent=True)


def local_path(address: str) -> Path:
    """The path of a bare path or a `file:` address, `~` expanded.

    Raises a permanent `SourceError` for what can not be a path.
    """
    path = Path(unquote(urlsplit(address).path) if address.startswith("file:") else address)
    try:
        path = path.expanduser()
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # a path it is
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{redacted(str(path)[:100])}: can not be the path of a file: {reason}."
        raise SourceError(message, permanent=True) from None
    return path


def create(address: str, camera: str, options: Options, clock: Clock) -> FileSource:
    """The file at a path or `file://` address."""
    return FileSource(local_path(address), camera, options, clock)
