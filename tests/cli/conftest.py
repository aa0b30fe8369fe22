"""A tiny video file for the verbs that read one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes an H.264 file of `frames` frames, 64 x 48, 10 a second, each one brighter than the one before."""

    def make(frames: int, name: str = "in.mp4") -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=10, width=64, height=48, pix_fmt="yuv420p")
            for index in range(frames):
                picture = np.full((48, 64, 3), 255 * index // frames, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
            container.mux(stream.encode(None))
        return path

    return make
