"""The picture of a moment that has passed, out of the recordings."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from watchpost import pipeline
from watchpost.clock import SystemClock
from watchpost.errors import WatchpostError
from watchpost.recordings.archive import Archive
from watchpost.recordings.clip import Clip, cut
from watchpost.sources import open_source
from watchpost.types import BGR, Frame
from watchpost.video.decoder import Decoder
from watchpost.video.timestamps import mended

_FURTHEST_S: Final = 2.0
"""How far the recorded picture may lie from the moment that was asked for."""
_AFTER_S: Final = 0.5


def picture_at(archive: Archive, camera: str, wall_time_s: float) -> tuple[BGR, float] | None:
    """The newest picture at or before a moment, (H, W, 3) uint8 BGR, and its wall time; `None` where none was recorded.

    Decodes a group of pictures. Raises `WatchpostError` when the recordings can not be read.
    """
    try:
        clips = cut(archive, camera, wall_time_s, wall_time_s + _AFTER_S)
    except WatchpostError:
        return None  # nothing was recorded then
    found = _last_before(clips[0], wall_time_s)
    if found is None or abs(found[1] - wall_time_s) > _FURTHEST_S:
        return None
    return found[0].picture.bgr(), found[1]


def _last_before(clip: Clip, wall_time_s: float) -> tuple[Frame, float] | None:
    found: tuple[Frame, float] | None = None
    with tempfile.TemporaryDirectory(prefix="watchpost-") as folder:
        path = Path(folder) / "moment.mp4"
        with path.open("wb") as file:
            for data in clip.file.read():
                file.write(data)
        decoder = Decoder(clip.camera, threads=1)
        with closing(open_source(str(path), clip.camera, None, SystemClock())) as source:
            for frame in pipeline.frames(mended(source.packets()), decoder):
                shown_s = clip.wall_time_s(frame.camera_time_s)
                if found is not None and shown_s > wall_time_s + 1e-3:
                    break
                found = frame, shown_s
    return found
