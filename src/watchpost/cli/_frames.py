"""The frames of a video file, for verbs that look at every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from watchpost.types import Frame


def video_frames(address: str) -> Iterator[Frame]:
    """Every frame of a video file, upright, with camera time. Raises `SourceError` for a file that is no video."""
    from watchpost import pipeline
    from watchpost.clock import SystemClock
    from watchpost.sources import open_source
    from watchpost.video.decoder import Decoder
    from watchpost.video.timestamps import mended

    with closing(open_source(address, address, None, SystemClock())) as source:
        yield from pipeline.frames(mended(source.packets()), Decoder(address, threads=0))
