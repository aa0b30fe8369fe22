"""A synthetic camera: the scene's people as real H.264, from an address such as `synthetic:?people=4&seed=7`."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Final, Literal, cast
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, ValidationError

from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.options import Seconds
from watchpost.scene.options import SceneOptions
from watchpost.sources._pace import Pace
from watchpost.telemetry import redacted
from watchpost.types import Packet, StreamInfo

if TYPE_CHECKING:
    import av
    from av.video.codeccontext import VideoCodecContext

    from watchpost.scene.scene import Scene

SCHEMES: Final = ("synthetic",)

_TIME_BASE: Final = Fraction(1, 90_000)
_BT709: Final = 1
"""ITU-T H.273, tables 2 and 3: the code point of BT.709 primaries and transfer."""
_BT601: Final = 6
"""ITU-T H.273, table 4: the code point of the BT.601 matrix, into which OpenCV converts ten times as fast."""
_LIMITED_RANGE: Final = 1


class Options(SceneOptions):
    """The scene, and how it is encoded and played."""

    gop: Annotated[int, Field(ge=1, le=3600)] = 30
    """Frames from one key frame to the next."""
    bframes: Annotated[int, Field(ge=0, le=8)] = 0
    """B frames between two others; without any, the encoder holds no frame back."""
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = "veryfast"
    """x264's: slower ones make fewer bytes."""
    crf: Annotated[int, Field(ge=0, le=51)] = 24
    """x264's constant rate factor: lower is better and larger."""
    realtime: bool = True
    """Play as a live camera does; otherwise as fast as the packets are taken."""
    loop: Annotated[Seconds, Field(gt=0)] | None = None
    """Render and encode this much once, then repeat its packets for ever: a camera that costs almost nothing."""


class SyntheticSource:
    """Renders, encodes and plays a scene. `close` ends `packets` before its next packet."""

    def __init__(self, camera: str, options: Options, clock: Clock) -> None:
        self._camera = camera
        self._options = options
        self._clock = clock
        self._closed = threading.Event()

    def packets(self) -> Iterator[Packet]:
        """The packets in decoding order, at their time if `realtime`, until the scene's end if it has one."""
        pace = Pace(self._clock, self._closed)
        payloads = self._encoded() if self._options.loop is None else self._looped(self._options.loop)
        for info, payload in payloads:
            packet = Packet(
                camera=self._camera,
                stream=info,
                pts=payload.pts,
                dts=payload.dts,
                is_key=payload.is_keyframe,
                size=payload.size,
                wall_time_s=0.0,
                payload=payload,
            )
            if self._options.realtime:
                pace.wait_for(packet)
            if self._closed.is_set():
                return
            yield dataclasses.replace(packet, wall_time_s=self._clock.wall_time_s())

    def close(self) -> None:
        """End `packets`."""
        self._closed.set()

    def _encoded(self, frames: int | None = None) -> Iterator[tuple[StreamInfo, av.Packet[av.VideoStream]]]:
        """The scene's packets, at most those of its first `frames` frames."""
        import av
        import cv2
        import numpy as np

        from watchpost.scene.scene import Scene

        scene = Scene(self._options)
        encoder = _open_encoder(self._options)
        info = _stream_info(encoder, self._options)
        for index in _indices(scene, frames):
            if self._closed.is_set():
                return
            picture, _ = scene.frame(index)
            yuv = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
            frame.pts = _ticks(index, self._options.fps)
            frame.time_base = _TIME_BASE
            for payload in encoder.encode(frame):
                yield info, payload
        for payload in encoder.encode(None):
            yield info, payload

    def _looped(self, seconds: float) -> Iterator[tuple[StreamInfo, av.Packet[av.VideoStream]]]:
        """The first `seconds` of the scene, then their packets again and again with later times."""
        import av

        frames = max(1, round(seconds * self._options.fps))
        round_ticks = _ticks(frames, self._options.fps)
        kept: list[tuple[StreamInfo, int, int, bool, bytes]] = []
        for info, payload in self._encoded(frames):
            if payload.pts is None or payload.dts is None:
                raise SourceError(f"{self._camera}: the encoder made a packet without a time.")
            kept.append((info, payload.pts, payload.dts, payload.is_keyframe, bytes(payload)))
            yield info, payload
        rounds = 1
        while kept:
            for info, pts, dts, is_key, data in kept:
                again = cast("av.Packet[av.VideoStream]", av.Packet(data))
                again.pts, again.dts = pts + rounds * round_ticks, dts + rounds * round_ticks
                again.time_base = _TIME_BASE
                again.is_keyframe = is_key
                yield info, again
            rounds += 1


def _ticks(frame: int, fps: int) -> int:
    return frame * _TIME_BASE.denominator // fps


def _indices(scene: Scene, frames: int | None) -> Iterator[int]:
    """The numbers of the frames to show."""
    limits = [limit for limit in (frames, scene.frame_count) if limit is not None]
    index = 0
    while not limits or index < min(limits):
        yield index
        index += 1


def _open_encoder(options: Options) -> VideoCodecContext:
    from av.codec.context import Flags
    from av.video.codeccontext import VideoCodecContext

    context = VideoCodecContext.create("libx264", "w")
    context.width, context.height = options.width, options.height
    context.pix_fmt = "yuv420p"
    context.time_base = _TIME_BASE
    context.framerate = Fraction(options.fps)
    context.gop_size = options.gop
    context.max_b_frames = options.bframes
    context.thread_count = 1  # one camera, one core
    context.color_primaries = context.color_trc = _BT709
    context.colorspace = _BT601
    context.color_range = _LIMITED_RANGE
    context.flags |= Flags.global_header
    # key frames come where the GOP says and nowhere else, and all B frames that are asked for
    settings = f"scenecut=0:keyint={options.gop}:min-keyint={options.gop}:bframes={options.bframes}:b-adapt=0"
    context.options = {"preset": options.preset, "crf": str(options.crf), "x264-params": settings}
    if options.bframes == 0:
        context.options |= {"tune": "zerolatency"}
    context.open()
    return context


def _stream_info(context: VideoCodecContext, options: Options) -> StreamInfo:
    return StreamInfo(
        codec="h264",
        width=options.width,
        height=options.height,
        time_base=_TIME_BASE,
        average_rate=Fraction(options.fps),
        pixel_format="yuv420p",
        extradata=context.extradata,
        color_matrix=_BT601,
        color_range=_LIMITED_RANGE,
        is_live=options.realtime,
    )


def create(address: str, camera: str, options: Options, clock: Clock) -> SyntheticSource:
    """The scene at `synthetic:`, options in the query of the address going before those in `options`.

    Raises a permanent `SourceError` for an unknown option or a value that it can not take.
    """
    parts = urlsplit(address)
    if parts.netloc or parts.path.strip("/"):
        message = f"{redacted(address)}: write synthetic: with options after a question mark, as synthetic:?people=4."
        raise SourceError(message, permanent=True)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        chosen = Options.model_validate(options.model_dump(exclude_unset=True) | asked)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "options"
        known = ", ".join(sorted(Options.model_fields))
        message = f"{redacted(address)}: option {name}: {first['msg']}. A synthetic scene knows: {known}."
        raise SourceError(message, permanent=True) from None
    return SyntheticSource(camera, chosen, clock)
