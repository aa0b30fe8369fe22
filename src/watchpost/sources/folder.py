"""A folder of pictures, or a single picture, as a video of key frames."""

from __future__ import annotations

import io
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from watchpost import options
from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.sources.file import check_file, local_path
from watchpost.types import Packet, StreamInfo

SCHEMES: Final[tuple[str, ...]] = ()
SUFFIXES: Final = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_LOG: Final = logging.getLogger(__name__)


class Options(options.Options):
    """How pictures become a video."""

    fps: Annotated[float, Field(gt=0, le=1000)] = 25.0
    """Pictures per second of camera time."""


class FolderSource:
    """Yields each picture as one key frame, in the natural order of names: 2.jpg comes before 10.jpg.

    Pictures may differ in size and format: then the stream changes. One that can not be read is skipped and
    logged, unless it is the only one.
    """

    def __init__(self, path: Path, camera: str, options: Options, clock: Clock) -> None:
        self._path = path
        self._camera = camera
        self._rate = Fraction(options.fps).limit_denominator(1000)
        self._clock = clock
        self._closed = threading.Event()

    def packets(self) -> Iterator[Packet]:
        """The pictures. Raises a permanent `SourceError` where there is none that can be read."""
        check_file(self._path)
        pictures = _pictures(self._path)
        stream: StreamInfo | None = None
        problem: SourceError | None = None
        for index, path in enumerate(pictures):
            if self._closed.is_set():
                return
            try:
                packet = self._packet(path, index)
            except SourceError as error:
                problem = error
                _LOG.warning("%s: skipped. %s", self._camera, error)
                continue
            if stream is None or not _same(stream, packet.stream):
                stream = packet.stream
            yield replace(packet, stream=stream)
        if stream is None:
            if len(pictures) == 1 and problem is not None:
                raise problem
            what = "none of its pictures can be read" if pictures else f"holds no pictures ({_known()})"
            raise SourceError(f"{self._path}: {what}; give a folder of pictures.", permanent=True)

    def _packet(self, path: Path, index: int) -> Packet:
        from watchpost.sources import _av

        check_file(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}.", permanent=True) from None
        # Without a file name FFmpeg goes by the content, and takes no % or * in a name for a pattern.
        container, stream = _av.open_input(io.BytesIO(data), str(path))
        with container:
            payload = next(_av.demux(container, stream, str(path)), None)
            if payload is None:
                raise SourceError(f"{path}: is no picture that can be read.", permanent=True)
            info = replace(_av.stream_info(stream, is_live=False), time_base=1 / self._rate, average_rate=self._rate)
            payload.pts = payload.dts = index
            payload.time_base = info.time_base
            return replace(_av.to_packet(payload, info, self._camera, self._clock), is_key=True)

    def close(self) -> None:
        """End `packets` before the next picture."""
        self._closed.set()


def _same(one: StreamInfo, other: StreamInfo) -> bool:
    """Whether one decoder can take both."""
    return (one.codec, one.width, one.height, one.pixel_format) == (
        other.codec,
        other.width,
        other.height,
        other.pixel_format,
    )


def _pictures(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = (entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file())
    return sorted(found, key=lambda entry: _natural(entry.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key in which numbers count by value."""
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def _known() -> str:
    return ", ".join(sorted(SUFFIXES))


def create(address: str, camera: str, options: Options, clock: Clock) -> FolderSource:
    """The pictures of a folder, or one picture."""
    return FolderSource(local_path(address), camera, options, clock)
