"""Pictures to an H.264 MP4 file that plays at the camera's own, possibly uneven, pace.

While it is written the file is called `NAME.part` and is a fragmented MP4 (ISO/IEC 14496-12, 8.8), which plays up
to the last key frame even if the program is killed; closing turns it into a plain MP4 and gives it its name. So a
file under its own name is always whole. A moved-up index ("faststart") is left out: it would copy the
whole of a day's recording at the end, and buys only the start of playback over a network without range requests.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import cv2
import numpy as np

from watchpost.errors import WatchpostError
from watchpost.types import BGR

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

SUFFIXES: Final = (".mp4", ".m4v")

_TIME_BASE: Final = Fraction(1, 90_000)
_MUXER: Final = {
    # negative offsets: B frames need no edit list, which fragmented files lack, to start at time 0
    "movflags": "+hybrid_fragmented+negative_cts_offsets",
    "flush_packets": "1",  # a fragment is on disk as soon as it is whole
}
_BT709: Final = 1
"""ITU-T H.273, tables 2 to 4: the code point of BT.709 primaries, transfer and matrix."""
_LIMITED_RANGE: Final = 1
_KEY_FRAME_EVERY: Final = 60
"""Frames: what a killed program may lose, and how finely a player can seek."""
_FIRST_INTERVAL_S: Final = 0.04
_SMALLEST: Final = 16
"""Pixels a side; x264 refuses less."""


class VideoWriter:
    """Writes BGR pictures of one camera as H.264 (yuv420p, BT.709). Use it from one thread; a context manager.

    The first picture sets the size; odd sides are padded by a pixel, pictures of another size are letterboxed
    into it. `quality` is x264's constant rate factor (lower is better; 18 looks lossless, 28 is coarse).
    Raises `WatchpostError` at once when the path can not be written or its suffix is not known.
    """

    def __init__(self, path: Path | str, *, quality: int = 23, preset: str = "veryfast") -> None:
        self.path = Path(path)
        self.frames = 0
        self._part = self.path.with_name(self.path.name + ".part")
        self._encoder_options = {"crf": str(quality), "preset": preset}
        self._container: OutputContainer | None = None
        self._stream: VideoStream
        self._pts = -1
        self._offset_s = 0.0
        self._last_time_s = 0.0
        self._interval_s = _FIRST_INTERVAL_S
        self._closed = False
        self._check_path()

    def write(self, picture: BGR, camera_time_s: float) -> None:
        """Add a picture (H, W, 3) uint8 BGR, shown from `camera_time_s` on.

        A time that steps back (a restarted camera clock) goes on one frame interval after the last picture.
        Raises `WatchpostError` when the disk is full or the writer is closed.
        """
        import av

        if self._closed:
            raise WatchpostError(f"{self.path} is closed: nothing can be added to it.")
        try:
            if self._container is None:
                self._open(picture)
            frame = av.VideoFrame.from_ndarray(self._fitted(picture), format="bgr24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = self._next_pts(camera_time_s), _TIME_BASE
            self._mux(frame)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None
        self.frames += 1

    def close(self) -> None:
        """Finish the file and give it its name; without a single picture there is no file. Safe to call twice.

        Raises `WatchpostError` when the end can not be written; what there is stays in `NAME.part`.
        """
        import av

        if self._closed:
            return
        self._closed = True
        if self._container is None:
            self._part.unlink(missing_ok=True)
            return
        try:
            self._mux(None)
            self._container.close()
            self._part.replace(self.path)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_path(self) -> None:
        if self.path.suffix.lower() not in SUFFIXES:
            raise WatchpostError(f"{self.path}: videos are written as MP4; give it a name that ends in {SUFFIXES[0]}.")
        if self.path.is_dir():
            raise WatchpostError(f"{self.path} is a folder; name a file in it, such as {self.path / 'out.mp4'}.")
        if not self.path.parent.is_dir():
            raise WatchpostError(f"{self.path.parent} is no folder; create it (mkdir -p) or choose another place.")
        try:
            self._part.touch()
        except OSError as error:
            raise WatchpostError(
                f"{self.path} can not be written: {error.strerror}; choose a folder you may write to."
            ) from None

    def _open(self, picture: BGR) -> None:
        import av

        height, width = picture.shape[:2]
        self._container = av.open(str(self._part), "w", format="mp4", container_options=_MUXER)
        stream = self._container.add_stream("libx264", rate=25, options=self._encoder_options)
        stream.width, stream.height = max(_SMALLEST, width + width % 2), max(_SMALLEST, height + height % 2)
        stream.pix_fmt = "yuv420p"
        stream.time_base = _TIME_BASE
        context = stream.codec_context
        context.time_base = _TIME_BASE
        context.gop_size = _KEY_FRAME_EVERY
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        self._stream = stream

    def _fitted(self, picture: BGR) -> BGR:
        """The picture in the video's size: as it is, padded by what is missing to even sides, or letterboxed."""
        height, width = picture.shape[:2]
        out_width, out_height = self._stream.width, self._stream.height
        if (width, height) == (out_width, out_height):
            return np.ascontiguousarray(picture)
        if 0 <= out_width - width <= 1 and 0 <= out_height - height <= 1:
            edge = cv2.BORDER_REPLICATE
            padded = cv2.copyMakeBorder(picture, 0, out_height - height, 0, out_width - width, edge)
            return np.asarray(padded, np.uint8)
        scale = min(out_width / width, out_height / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        inner = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        left, top = (out_width - size[0]) // 2, (out_height - size[1]) // 2
        boxed = np.zeros((out_height, out_width, 3), np.uint8)
        boxed[top : top + size[1], left : left + size[0]] = inner
        return boxed

    def _next_pts(self, camera_time_s: float) -> int:
        """Media time from 0, strictly rising."""
        if self._pts < 0:
            self._offset_s = camera_time_s
        elif camera_time_s < self._last_time_s:
            self._offset_s -= self._last_time_s + self._interval_s - camera_time_s
        elif camera_time_s > self._last_time_s:
            self._interval_s = min(camera_time_s - self._last_time_s, 1.0)
        self._last_time_s = camera_time_s
        self._pts = max(self._pts + 1, round((camera_time_s - self._offset_s) / _TIME_BASE))
        return self._pts

    def _mux(self, frame: object) -> None:
        assert self._container is not None  # noqa: S101 - for the type checker: callers have opened it
        self._container.mux(self._stream.encode(frame))  # type: ignore[arg-type]

    def _failed(self, error: Exception) -> WatchpostError:
        reason = getattr(error, "strerror", None) or str(error)
        self._closed = True
        return WatchpostError(
            f"writing {self.path} failed: {reason}; check the space left. What was written is in {self._part}."
        )
