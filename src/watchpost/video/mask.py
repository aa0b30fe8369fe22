"""Privacy masks: parts of the picture that nobody is ever to see, blackened before anything else touches the stream.

A masked camera is decoded, blackened and encoded again right behind its source, so that rings, recordings, snapshots,
analysis, viewers and servers know masked packets alone. What can not be masked is not passed on: the camera fails.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, cast

import av
import av.error
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from watchpost.errors import WatchpostError
from watchpost.mp4.parameter_sets import parameter_sets
from watchpost.types import BGR, AudioPacket, Packet, StreamInfo
from watchpost.video.hardware import open_on
from watchpost.video.stills import set_up

_LOG: Final = logging.getLogger(__name__)
_PRESET: Final = "superfast"
_CRF: Final = 23
_LONGEST_GOP: Final = 300
"""Frames: a stream whose key frames are further apart gets its own."""
_SHORTEST_GOP_S: Final = 1.0
"""Of codecs that know key frames alone, such as JPEG, most become others."""
_MATRICES: Final = frozenset({1, 4, 5, 6, 7, 9})
"""Those of ITU-T H.273, table 4, that x264 takes for YUV."""
_UNSPECIFIED: Final = 2
_BLACK: Final = 16
_NO_COLOUR: Final = 128
_START: Final = b"\x00\x00\x00\x01"
_MOST_FRUITLESS: Final = 250
"""Packets in a row of which no picture comes: then the camera is started afresh."""
_MOST_SOUNDS: Final = 1000

Polygons = Mapping[str, NDArray[np.floating]]
"""Masks by name: (K, 2) fractions of the upright picture's width and height, 0-1."""


class MaskError(WatchpostError):
    """A camera's picture could not be masked, so it is not shown."""


def masked(camera: str, packets: Iterable[Packet], masks: Polygons) -> Iterator[Packet]:
    """The camera's stream with its masks blackened, as H.264; packets come as the timestamp filter leaves them.

    Key frames stay where they are, at most one a second; a packet comes for each picture, in order of presentation;
    sound passes through. What can not be decoded is left out. Raises `MaskError` where nothing can be.
    """
    mask = _Masker(camera, masks)
    for packet in packets:
        yield from mask.take(packet)
    yield from mask.flush()


def covered(width: int, height: int, masks: Polygons, rotation: int = 0) -> NDArray[np.bool_]:
    """Which 2 x 2 blocks (height / 2, width / 2, rounded up) of a picture as it is coded the masks touch.

    A block at the edge is covered whole. `rotation` is what turns the coded picture upright, in degrees clockwise.
    """
    rows, columns = (height + 1) // 2, (width + 1) // 2
    drawn = np.zeros((rows, columns), np.uint8)
    for polygon in masks.values():
        points = _as_coded(np.asarray(polygon, np.float64), rotation) * (width / 2, height / 2)
        cv2.fillPoly(drawn, [np.floor(points).astype(np.int32)], 1)
    # a corner's fraction of a block, and what lies under an outline that is one block wide
    grown = cv2.dilate(drawn, np.ones((3, 3), np.uint8))
    return np.asarray(grown, np.bool_)


def blackened(picture: BGR, masks: Polygons) -> BGR:
    """A copy of an upright picture (H, W, 3) uint8 with its masks black, as much of it as in the stream."""
    height, width = picture.shape[:2]
    blocks = covered(width, height, masks)
    made = picture.copy()
    made[blocks.repeat(2, 0).repeat(2, 1)[:height, :width]] = 0
    return made


def _as_coded(points: NDArray[np.float64], rotation: int) -> NDArray[np.float64]:
    """Points of the upright picture in the picture that is turned by `rotation` to stand upright."""
    x, y = points[:, 0], points[:, 1]
    turned = {0: (x, y), 90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}
    return np.stack(turned[rotation], axis=1)


@dataclass(frozen=True, slots=True)
class _Noted:
    """What a picture takes over from its packet."""

    pts: int
    camera_time_s: float
    own_pts: int | None
    """What the camera said, before the timestamp filter."""
    wall_time_s: float


class _Masker:
    """One camera's decoder, masks and encoder. Original pictures live in here alone."""

    def __init__(self, camera: str, masks: Polygons) -> None:
        self._camera = camera
        self._masks = masks
        self._source: StreamInfo | None = None
        self._decoder: VideoCodecContext | None = None
        self._encoder: _Encoder | None = None
        self._cover: _Cover | None = None
        self._waits_for_key = True
        self._is_discontinuous = False
        self._fruitless = 0
        """Packets since the last picture."""
        self._last_time_s = self._last_key_s = float("-inf")
        self._sounds: list[AudioPacket] = []

    def take(self, packet: Packet) -> Iterator[Packet]:
        """The masked packets that come of one."""
        if packet.stream is not self._source or packet.is_discontinuous:
            yield from self.flush()
            self._begin(packet)
        self._sounds += packet.audio[: max(0, _MOST_SOUNDS - len(self._sounds))]
        self._waits_for_key &= not packet.is_key
        payload = packet.payload
        if self._waits_for_key or self._decoder is None or not isinstance(payload, av.Packet) or packet.pts is None:
            return
        time_s = packet.camera_time_s or 0.0
        payload.opaque = _Noted(packet.pts, time_s, payload.pts, packet.wall_time_s)
        try:
            pictures = self._decoder.decode(payload)
        except (av.error.FFmpegError, ValueError) as error:
            _LOG.debug("%s: a packet can not be decoded: %s", self._camera, error)
            pictures = []
        finally:
            payload.opaque = None
        self._fruitless = 0 if pictures else self._fruitless + 1
        if self._fruitless >= _MOST_FRUITLESS:
            raise MaskError(f"{self._camera}: nothing of it can be decoded, so it can not be masked and is not shown.")
        for picture in pictures:
            yield from self._encode(picture, packet.stream)

    def flush(self) -> Iterator[Packet]:
        """What the decoder held back, at the end of a stream."""
        if self._decoder is None or self._source is None:
            return
        try:
            pictures = self._decoder.decode(None)
        except av.error.FFmpegError:
            pictures = []
        self._decoder, source = None, self._source
        for picture in pictures:
            yield from self._encode(picture, source)

    def _begin(self, packet: Packet) -> None:
        if packet.stream is not self._source:
            self._encoder = None
        self._source = packet.stream
        self._waits_for_key = True
        self._is_discontinuous |= packet.is_discontinuous
        try:
            self._decoder = set_up(open_on(packet.stream.codec, None), packet.stream)
        except (av.error.FFmpegError, ValueError) as error:
            raise MaskError(
                f"{self._camera}: its {packet.stream.codec} video can not be masked ({error}), so it is not shown;"
                " set the camera to H.264, or take its masks: away."
            ) from None

    def _encode(self, picture: av.VideoFrame, stream: StreamInfo) -> Iterator[Packet]:
        noted = cast(_Noted | None, picture.opaque)
        if noted is None or noted.camera_time_s <= self._last_time_s:
            return  # damaged reordering: time goes on
        rotation = stream.rotation or round(-picture.rotation / 90) % 4 * 90
        is_due = noted.camera_time_s - self._last_key_s >= _SHORTEST_GOP_S
        wants_key = (picture.key_frame and is_due) or self._is_discontinuous
        try:
            clean = self._blackened(picture, rotation)
            if self._encoder is None or not self._encoder.fits(clean, rotation):
                self._encoder = _Encoder(clean, stream, rotation)
            made = self._encoder.encode(clean, noted, wants_key=wants_key)
        except (av.error.FFmpegError, ValueError) as error:
            raise MaskError(f"{self._camera}: its picture can not be masked ({error}), so it is not shown.") from None
        self._last_time_s = noted.camera_time_s
        for info, data, is_key in made:
            if is_key:
                self._last_key_s = noted.camera_time_s
            yield self._packet(info, data, noted, is_key=is_key)

    def _blackened(self, picture: av.VideoFrame, rotation: int) -> av.VideoFrame:
        """A copy of the picture, as the decoder still looks at its own, with the masks black."""
        if picture.format.name not in ("yuv420p", "yuvj420p"):
            picture = picture.reformat(format="yuv420p")
        width, height = picture.width & ~1, picture.height & ~1  # x264 takes even sizes: an odd line is cut off
        kind = width, height, rotation
        if self._cover is None or self._cover.kind != kind:
            self._cover = _Cover(kind, self._masks)
        clean = av.VideoFrame(width, height, "yuv420p")
        for number, (source, target) in enumerate(zip(picture.planes, clean.planes, strict=True)):
            pixels = _pixels(target)
            np.copyto(pixels, _pixels(source)[: pixels.shape[0], : pixels.shape[1]])
            self._cover.blacken(pixels, is_luma=number == 0)
        clean.colorspace, clean.color_range = picture.colorspace, picture.color_range
        return clean

    def _packet(self, info: StreamInfo, data: bytes, noted: _Noted, *, is_key: bool) -> Packet:
        payload: av.Packet[Any] = av.Packet(data)
        payload.pts = payload.dts = noted.own_pts
        payload.time_base = info.time_base
        payload.is_keyframe = is_key
        sounds, self._sounds = tuple(self._sounds), []
        is_discontinuous, self._is_discontinuous = self._is_discontinuous, False
        return Packet(
            camera=self._camera,
            stream=info,
            pts=noted.pts,
            dts=noted.pts,
            is_key=is_key,
            size=len(data),
            wall_time_s=noted.wall_time_s,
            payload=payload,
            is_discontinuous=is_discontinuous,
            audio=sounds,
        )


class _Cover:
    """What is covered in pictures of one kind: width, height and rotation."""

    def __init__(self, kind: tuple[int, int, int], masks: Polygons) -> None:
        self.kind = kind
        width, height, rotation = kind
        blocks = covered(width, height, masks, rotation)
        rows, columns = np.flatnonzero(blocks.any(axis=1)), np.flatnonzero(blocks.any(axis=0))
        # only the rectangle around all masks is looked at
        self._top, self._left = (int(each[0]) if len(each) else 0 for each in (rows, columns))
        bottom, right = (int(each[-1]) + 1 if len(each) else 0 for each in (rows, columns))
        self._coarse = blocks[self._top : bottom, self._left : right]
        self._fine = self._coarse.repeat(2, axis=0).repeat(2, axis=1)

    def blacken(self, pixels: NDArray[np.uint8], *, is_luma: bool) -> None:
        """Write into a plane (H, W), of half the size for colours."""
        scale, where, value = (2, self._fine, _BLACK) if is_luma else (1, self._coarse, _NO_COLOUR)
        top, left = self._top * scale, self._left * scale
        part = pixels[top : top + where.shape[0], left : left + where.shape[1]]
        np.copyto(part, value, where=where[: part.shape[0], : part.shape[1]])


class _Encoder:
    """x264 as a camera would use it: no B frames, nothing held back, key frames where the source has them."""

    def __init__(self, first: av.VideoFrame, stream: StreamInfo, rotation: int) -> None:
        context = VideoCodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = first.width, first.height, "yuv420p"
        context.time_base = stream.time_base
        context.framerate = stream.average_rate or Fraction(25)
        context.gop_size, context.max_b_frames = _LONGEST_GOP, 0
        context.thread_count = 1  # one camera, one core
        matrix = int(first.colorspace) if int(first.colorspace) in _MATRICES else _UNSPECIFIED
        context.colorspace, context.color_range = matrix, first.color_range
        settings = f"scenecut=0:keyint={_LONGEST_GOP}:bframes=0"
        context.options = {"preset": _PRESET, "tune": "zerolatency", "crf": str(_CRF), "x264-params": settings}
        self._kind = first.width, first.height, rotation, first.color_range
        self._context = context
        self._info = replace(
            stream,
            codec="h264",
            width=first.width,
            height=first.height,
            pixel_format="yuv420p",
            extradata=None,
            color_matrix=matrix,
            color_range=int(first.color_range),
            rotation=rotation,
        )
        self._knows_sets = False

    def fits(self, picture: av.VideoFrame, rotation: int) -> bool:
        """Whether it encodes such pictures."""
        return self._kind == (picture.width, picture.height, rotation, picture.color_range)

    def encode(self, picture: av.VideoFrame, noted: _Noted, *, wants_key: bool) -> list[tuple[StreamInfo, bytes, bool]]:
        """Stream, data and key flag of the packets that come of a picture: one. Raises FFmpeg's errors."""
        picture.pts, picture.time_base = noted.pts, self._info.time_base
        picture.pict_type = PictureType.I if wants_key else PictureType.NONE
        made = []
        for each in self._context.encode(picture):
            data = bytes(each)
            if not self._knows_sets:
                sets = b"".join(_START + one for one in parameter_sets(data, "h264"))
                self._info, self._knows_sets = replace(self._info, extradata=sets or None), True
            made.append((self._info, data, each.is_keyframe))
        return made


def _pixels(plane: Any) -> NDArray[np.uint8]:
    """A plane's pixels (height, width), not copied."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
