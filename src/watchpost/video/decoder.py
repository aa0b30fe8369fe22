"""From packets to frames. Pixels are made only when somebody asks for them, in the size they ask for."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final, cast

import av
import av.error
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from watchpost.errors import WatchpostError
from watchpost.telemetry import Counters
from watchpost.types import BGR, Frame, Packet, StreamInfo
from watchpost.video.frame_numbers import FrameNumbers
from watchpost.video.hardware import Hardware
from watchpost.video.stills import Stills, set_up

_LOG: Final = logging.getLogger(__name__)
_MATRICES: Final = frozenset({1, 4, 5, 6, 7, 9})
"""Those of ITU-T H.273, table 4, that FFmpeg's scaler takes; damaged headers name others, which it refuses."""
_HD_HEIGHT: Final = 720
_HEALS_S: Final = 10.0
"""So long after the last damage a stream without key frames, refreshed bit by bit, counts as whole again."""


class Decoder:
    """Decodes one camera's packets, as the timestamp filter leaves them.

    A new `packet.stream` or a discontinuous packet opens a new codec context. After that, packets are skipped
    until the first key frame. Nothing that a stream holds is ever raised: what can not be decoded is counted.

    `threads` > 1 decodes several frames at once: more throughput for one file, but each thread delays its
    camera by one frame and costs some CPU, so cameras keep 1; 0 takes one for each core.
    """

    def __init__(
        self, camera: str, threads: int = 1, hardware: Hardware | None = None, stills: Stills | None = None
    ) -> None:
        """`hardware` says what decodes; without it, the processor. `stills`, shared by cameras, decodes single key
        frames: between them a camera holds no codec context."""
        self.counters = Counters()
        """`decoded`, `damaged` (of these, with a part lost), `corrupt` (packets that failed), `skipped` (packets before
        a key frame), `known` (frames decoded again after `restart`, for those that follow)."""
        self._camera = camera
        self._threads = threads
        self._hardware = hardware or Hardware(camera)
        self._stills = Stills(most=1) if stills is None else stills
        self._stream: StreamInfo | None = None
        self._context: VideoCodecContext | None = None
        self._scaler = _Scaler()
        self._index = 0
        self._last_time_s = float("-inf")
        self._known_until_s = float("-inf")
        self._waits_for_key = True
        self._is_resting = False
        """The context was closed after the last key frame alone."""
        self._is_discontinuous = False
        self._frame_numbers = FrameNumbers()
        self._damaged_until_s = float("-inf")
        """Camera time until which, or until the next whole key frame, frames refer to something damaged."""
        self._unsorted_times_s: list[float] = []

    def decode(self, packet: Packet) -> list[Frame]:
        """The frames that this packet completes, in order of presentation; none while frames are reordered.

        Raises `ValueError` for a packet without pts: the timestamp filter goes before the decoder.
        """
        frames = self._begun(packet)
        if self._waits_for_key and not packet.is_key:
            self.counters.add("skipped")
            return frames
        self._waits_for_key = False
        if self._is_resting:
            self._open(packet.stream)
        context, payload = self._context, packet.payload
        if context is None or not isinstance(payload, av.Packet):
            self.counters.add("corrupt")
            return frames
        if packet.stream.is_live and self._frame_numbers.has_gap(packet):
            self._damaged_until_s = (packet.camera_time_s or 0.0) + _HEALS_S
        pictures, has_failed = self._pictures(context.decode, payload, packet)
        if not self._hardware.judge(pictures, has_failed):
            self._waits_for_key = self._is_resting = True
            return frames
        return frames + self._frames(pictures)

    def decode_alone(self, packet: Packet) -> list[Frame]:
        """The picture of a key frame, at once, though its codec would wait for the packets that follow.

        Before it come the frames that were held back for reordering. The next packet must be a key frame, too.
        Raises as `decode` does.
        """
        if self._hardware.is_device:
            frames = self.decode(packet)
            if self._context is not None:
                frames += self._drained(self._context)
                self._context.flush_buffers()
        else:
            frames = self._begun(packet)
            if self._context is not None:
                frames += self._drained(self._context)
            self._context, self._is_resting = None, True
            self._unsorted_times_s.clear()
            frames += self._still(packet)
        self._waits_for_key = True
        self._unsorted_times_s.clear()
        return frames

    def restart(self, known_until_s: float) -> None:
        """Begin anew at the next key frame; frames up to this camera time are known already and are left out.

        What was held back for reordering is dropped.
        """
        if self._context is not None:
            self._context.flush_buffers()
        self._waits_for_key = True
        self._unsorted_times_s.clear()
        self._known_until_s = self._last_time_s = known_until_s

    def flush(self) -> list[Frame]:
        """The frames still inside the codec, at the end of a stream. The next packet opens a new one."""
        if self._context is None:
            return []
        frames = self._drained(self._context)
        self._context = self._stream = None
        return frames

    def _begun(self, packet: Packet) -> list[Frame]:
        """What the stream before held back, where this packet begins another."""
        if packet.camera_time_s is None:
            raise ValueError("Decoder.decode: a packet without pts; put the timestamp filter before the decoder")
        if packet.stream is self._stream and not packet.is_discontinuous:
            return []
        frames = self.flush()
        self._stream, self._context = packet.stream, None
        self._waits_for_key = self._is_resting = True
        self._is_discontinuous = packet.is_discontinuous
        self._damaged_until_s = float("-inf")
        return frames

    def _still(self, packet: Packet) -> list[Frame]:
        payload = packet.payload
        if not isinstance(payload, av.Packet):
            self.counters.add("corrupt")
            return []
        pictures, _ = self._pictures(lambda each: self._stills.decode(packet.stream, each), payload, packet)
        return self._frames(pictures)

    def _pictures(
        self,
        decode: Callable[[av.Packet[VideoStream]], list[av.VideoFrame]],
        payload: av.Packet[VideoStream],
        packet: Packet,
    ) -> tuple[list[av.VideoFrame], bool]:
        """What comes of a packet, and whether it could not be decoded."""
        time_s = packet.camera_time_s or 0.0
        if payload.pts is None:
            heapq.heappush(self._unsorted_times_s, time_s)
        # The codec carries `opaque` through its reordering to the frame. It must not hold the packet itself, which
        # holds the payload: that circle would never be freed.
        payload.opaque = (None if payload.pts is None else time_s, packet.wall_time_s)
        try:
            return decode(payload), False
        except (av.error.FFmpegError, ValueError) as error:
            self.counters.add("corrupt")
            self._damaged_until_s = time_s + _HEALS_S
            _LOG.debug("%s: a packet can not be decoded: %s", self._camera, error)
            return [], True
        finally:
            payload.opaque = None

    def _drained(self, context: VideoCodecContext) -> list[Frame]:
        try:
            return self._frames(context.decode(None))
        except av.error.FFmpegError:
            return []

    def _open(self, stream: StreamInfo) -> None:
        self._is_resting = False
        self._unsorted_times_s.clear()
        try:
            context = self._hardware.open(stream.codec)
        except (av.error.FFmpegError, ValueError) as error:
            _LOG.warning("%s: no decoder for %s: %s", self._camera, stream.codec, error)
            self._context = None
            return
        self._context = set_up(context, stream, self._threads)

    def _frames(self, pictures: Iterable[av.VideoFrame]) -> list[Frame]:
        frames = []
        for picture in pictures:
            time_s, wall_time_s = cast(tuple[float | None, float], picture.opaque)
            if time_s is None:  # packets without pts come in decoding order, pictures in order of presentation
                time_s = heapq.heappop(self._unsorted_times_s)
            if time_s <= self._known_until_s:
                self.counters.add("known")
                continue
            if time_s <= self._last_time_s:  # damaged reordering; trackers rely on time that goes on
                self.counters.add("out of order")
                continue
            is_damaged = self._is_damaged(picture, time_s)
            self._last_time_s = time_s
            rotation = (self._stream.rotation if self._stream else 0) or round(-picture.rotation / 90) % 4 * 90
            frame = Frame(
                camera=self._camera,
                picture=AvPicture(picture, self._scaler, rotation),
                camera_time_s=time_s,
                wall_time_s=wall_time_s,
                index=self._index,
                is_discontinuous=self._is_discontinuous,
                is_damaged=is_damaged,
            )
            self._is_discontinuous = False
            self._index += 1
            self.counters.add("decoded")
            if is_damaged:
                self.counters.add("damaged")
            frames.append(frame)
        return frames

    def _is_damaged(self, picture: av.VideoFrame, time_s: float) -> bool:
        """Whether a part of it was concealed, or it refers to such a picture."""
        if picture.is_corrupt:
            self._damaged_until_s = time_s + _HEALS_S
        elif picture.key_frame:
            self._damaged_until_s = float("-inf")
        return time_s <= self._damaged_until_s


class _Scaler:
    """FFmpeg's scaler, kept: setting one up anew costs as much as scaling a picture.

    One for whole, one for resized and one for grey pictures, so that asking for all does not set up each anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole = VideoReformatter()
        self._resized = VideoReformatter()
        self._grey = VideoReformatter()

    def bgr(self, picture: av.VideoFrame, size: tuple[int, int] | None) -> BGR:
        """`picture` as (H, W, 3) uint8 BGR, stretched to `size` (width, height) where given.

        Raises `WatchpostError` for a pixel format that FFmpeg can not convert.
        """
        scaler = self._whole if size is None else self._resized
        return self._converted(scaler, picture, size or (picture.width, picture.height), "bgr24")

    def grey(self, picture: av.VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
        """`picture` as (H, W) uint8 grey, stretched to `size` (width, height); raises as `bgr` does."""
        return self._converted(self._grey, picture, size, "gray")

    def _converted(
        self, scaler: VideoReformatter, picture: av.VideoFrame, size: tuple[int, int], pixel_format: str
    ) -> NDArray[np.uint8]:
        matrix = _matrix(picture)
        try:
            with self._lock:
                converted = scaler.reformat(
                    picture,
                    *size,
                    pixel_format,
                    src_colorspace=matrix,
                    dst_colorspace=matrix,
                    dst_color_range=ColorRange.JPEG,
                    interpolation=Interpolation.BILINEAR,
                    threads=1,
                )
        except av.error.FFmpegError as error:
            message = f"pictures of {picture.format.name} can not be converted: {error.strerror}."
            raise WatchpostError(message) from None
        return np.asarray(converted.to_ndarray(), np.uint8)


def _matrix(picture: av.VideoFrame) -> int:
    """The matrix from YUV to RGB: as the stream states it, else by size, as players do."""
    if picture.colorspace in _MATRICES:
        return int(picture.colorspace)
    return Colorspace.ITU709 if picture.height >= _HD_HEIGHT else Colorspace.ITU601


class AvPicture:
    """A `Picture` over FFmpeg's decoded frame; safe to use from several threads."""

    def __init__(self, picture: av.VideoFrame, scaler: _Scaler, rotation: int) -> None:
        self._picture = picture
        """On the device where that decoded it: FFmpeg's scaler fetches it when pixels are asked for."""
        self._scaler = scaler
        self._turns = rotation // 90
        self._bgr: BGR | None = None

    @property
    def width(self) -> int:
        """Pixels, upright."""
        return self._picture.height if self._turns % 2 else self._picture.width

    @property
    def height(self) -> int:
        """Pixels, upright."""
        return self._picture.width if self._turns % 2 else self._picture.height

    def bgr(self) -> BGR:
        """The full picture (H, W, 3) uint8 BGR, read-only, made once and kept."""
        if self._bgr is None:
            self._bgr = self._upright(self._scaler.bgr(self._picture, None))
        return self._bgr

    def resized(self, width: int, height: int) -> BGR:
        """The picture stretched to (height, width, 3) uint8 BGR, straight from the decoded planes; bilinear."""
        if (width, height) == (self.width, self.height):
            return self.bgr()
        size = (height, width) if self._turns % 2 else (width, height)
        return self._upright(self._scaler.bgr(self._picture, size))

    def grey(self, width: int, height: int) -> NDArray[np.uint8]:
        """The picture stretched to (height, width) uint8 grey, as it was coded: not turned upright; bilinear."""
        return self._scaler.grey(self._picture, (width, height))

    def _upright(self, bgr: BGR) -> BGR:
        if self._turns:
            bgr = np.ascontiguousarray(np.rot90(bgr, -self._turns))
        bgr.flags.writeable = False
        return bgr
