"""H.264 as cameras send it: no B frames, no look-ahead, key frames where the GOP says and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from watchpost.types import BGR


def encode_as_camera(
    path: Path, pictures: Iterable[BGR], *, size: tuple[int, int], fps: int, gop: int, crf: int, preset: str
) -> None:
    """Write pictures, (height, width, 3) uint8 BGR of one `size` (width, height), to an MP4 file.

    `gop` is in frames, `crf` x264's constant rate factor. One thread. Raises `OSError` where it can not be written.
    """
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count = gop, 0, 1
        settings = f"scenecut=0:keyint={gop}:min-keyint={gop}:bframes=0"
        context.options = {"preset": preset, "crf": str(crf), "tune": "zerolatency", "x264-params": settings}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
