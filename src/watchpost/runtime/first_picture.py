"""One look at a source: does it answer, what does it send, and how does its first picture look?"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.picture import ArrayPicture
from watchpost.sources import open_source
from watchpost.telemetry import redacted
from watchpost.types import Frame, StreamInfo
from watchpost.video.decoder import Decoder
from watchpost.video.mask import Polygons, blackened
from watchpost.video.snapshots import snapshot_jpeg
from watchpost.video.timestamps import mended


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen."""

    stream: StreamInfo
    jpeg: bytes
    """The first picture, at most 1280 pixels wide."""
    width: int
    height: int
    """Pixels of the stream's pictures, upright."""
    packets: int
    """That came before it was complete."""


def first_picture(
    address: str, options: Mapping[str, Any], clock: Clock, within_s: float, masks: Polygons | None = None
) -> Look:
    """Connect, decode the first picture, and let go again. What the `masks` cover is black in it.

    Raises `SourceError` when the source can not be opened, breaks off, or gives no picture `within_s` of this machine's
    time; the message is without credentials.
    """
    source = open_source(address, "test", options, clock)
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        source.close()

    timer = threading.Timer(within_s, end)
    timer.daemon = True
    timer.start()
    count = 0
    try:
        with closing(source):
            decoder = Decoder("test")
            for packet in mended(source.packets()):
                count += 1
                if frames := decoder.decode(packet):
                    return _look(packet.stream, frames[0], count, masks)
                stream = packet.stream
            if count and not is_late.is_set() and (frames := decoder.flush()):  # a film of one picture
                return _look(stream, frames[0], count, masks)
    finally:
        timer.cancel()
    seen = f"{count} packets came, and no picture" if count else "nothing came"
    raise SourceError(f"{redacted(address)}: {seen} within {within_s:g} s; does it send video?")


def _look(stream: StreamInfo, frame: Frame, packets: int, masks: Polygons | None) -> Look:
    width, height = frame.size
    if masks:
        frame = replace(frame, picture=ArrayPicture(blackened(frame.picture.bgr(), masks)))
    return Look(stream, snapshot_jpeg(frame), width, height, packets)
