"""H.264 for those who watch now: no B frames, no look-ahead, a key frame every 2 s."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from watchpost.types import BGR, AudioPacket, AudioStream, Packet, StreamInfo

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

TIME_BASE: Final = Fraction(1, 90_000)
_KEY_FRAME_S: Final = 2.0
_BT709: Final = 1
"""ITU-T H.273, tables 2 to 4: the code point of BT.709 primaries, transfer and matrix."""
_LIMITED_RANGE: Final = 1
_ENDLESS: Final = 1 << 20
"""Frames: key frames come by time."""


class LiveEncoder:
    """Encodes one camera's pictures, each at once. Use it from one thread.

    `quality` is x264's constant rate factor (lower is better). Parameter sets come in each key frame. Another size
    opens a new stream.
    """

    def __init__(self, camera: str, *, quality: int = 24, preset: str = "superfast") -> None:
        self._camera = camera
        self._options = {
            "crf": str(quality),
            "preset": preset,
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": "scenecut=0:log-level=error",
        }
        self._context: VideoCodecContext | None = None
        self._stream: StreamInfo | None = None
        self._key_s = float("-inf")
        self._pts = -1

    def encode(
        self,
        picture: BGR,
        camera_time_s: float,
        wall_time_s: float,
        sound: AudioStream | None = None,
        heard: tuple[AudioPacket, ...] = (),
    ) -> list[Packet]:
        """The packets that a picture (H, W, 3) uint8 BGR completes: one.

        Odd sides lose their last row or column of pixels. `heard`, with times of the camera, goes along.
        """
        import av
        from av.video.frame import PictureType

        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        context, stream = self._opened(width, height, sound)
        pixels = np.ascontiguousarray(picture[:height, :width])
        frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        self._pts = max(self._pts + 1, round(camera_time_s / TIME_BASE))
        frame.pts, frame.time_base = self._pts, TIME_BASE
        is_due = not 0 <= camera_time_s - self._key_s < _KEY_FRAME_S
        frame.pict_type = PictureType.I if is_due else PictureType.NONE
        if is_due:
            self._key_s = camera_time_s
        made = []
        for each in context.encode(frame):
            each.time_base = TIME_BASE
            packet = Packet(
                self._camera,
                stream,
                each.pts,
                each.dts,
                each.is_keyframe,
                each.size,
                wall_time_s,
                each,
                audio=heard,
            )
            made.append(packet)
            heard = ()
        return made

    def _opened(self, width: int, height: int, sound: AudioStream | None) -> tuple[VideoCodecContext, StreamInfo]:
        import av

        stream = self._stream
        if stream is None or (stream.width, stream.height) != (width, height) or stream.audio is not sound:
            stream = self._stream = StreamInfo(
                "h264", width, height, TIME_BASE, pixel_format="yuv420p", is_live=True, audio=sound
            )
        context = self._context
        if context is None or (context.width, context.height) != (width, height):
            context = av.CodecContext.create("libx264", "w")
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base, context.gop_size, context.max_b_frames = TIME_BASE, _ENDLESS, 0
            context.color_primaries = context.color_trc = context.colorspace = _BT709
            context.color_range = _LIMITED_RANGE
            context.thread_count = 1
            context.options = self._options
            self._context, self._key_s = context, float("-inf")
        return context, stream
