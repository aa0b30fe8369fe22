"""Tiny clips for tests: simple moving shapes, encoded by PyAV to a file or into memory."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from watchpost.types import BGR


def moving_square(count: int, width: int = 160, height: int = 120, side: int = 40) -> list[BGR]:
    """`count` pictures (height, width, 3) uint8 BGR: an orange square that moves right over a grey ramp."""
    ramp = np.linspace(40, 160, width, dtype=np.uint8)
    background = np.repeat(np.repeat(ramp[None, :, None], height, 0), 3, 2)
    pictures = []
    for index in range(count):
        picture = background.copy()
        left = index * max(1, (width - side) // max(1, count)) % max(1, width - side)
        top = max(0, (height - side) // 2)
        picture[top : top + side, left : left + side] = (0, 128, 255)
        pictures.append(picture)
    return pictures


def solid(count: int, bgr: tuple[int, int, int], width: int = 64, height: int = 48) -> list[BGR]:
    """`count` pictures of one colour."""
    return [np.full((height, width, 3), bgr, np.uint8) for _ in range(count)]


def encode_clip(
    target: str | Path | BinaryIO,
    frames: Iterable[BGR],
    *,
    fps: int | Fraction = 25,
    gop: int = 25,
    bframes: int = 0,
    codec: str = "libx264",
    container: str | None = None,
    pixel_format: str = "yuv420p",
    rotation: int = 0,
    times_s: Iterable[float] | None = None,
    options: dict[str, str] | None = None,
) -> None:
    """Encode pictures (H, W, 3) uint8 BGR.

    `container` is FFmpeg's name of the format (`mp4`, `mpegts`, `h264`, ...), by default from the file's name.
    `rotation` is written as a display matrix: the degrees, clockwise, that a player turns the picture.
    `times_s` gives each picture its own presentation time (variable frame rate). Colours are BT.709, limited
    range, and marked so, unless `pixel_format` is one of the full-range `yuvj...` formats.
    """
    pictures = list(frames)
    height, width = pictures[0].shape[:2]
    times = list(times_s) if times_s is not None else None
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        context = stream.codec_context
        context.options = {"preset": "ultrafast", **(options or {})} if "x26" in codec else dict(options or {})
        context.thread_count = 1  # one slice a picture, the same bytes every time
        if "x26" in codec or codec.startswith("mpeg"):
            context.gop_size, context.max_b_frames = gop, bframes
        if "x26" in codec:
            context.options = (
                {"sc_threshold": "0", "b-adapt": "0", **context.options} if codec == "libx264" else context.options
            )
        if pixel_format.startswith("yuv4"):
            context.colorspace, context.color_range = 1, 1
        if times is not None:
            context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(-rotation)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            if pixel_format.startswith("yuv4"):
                frame = frame.reformat(format=pixel_format, dst_colorspace="ITU709", dst_color_range="MPEG")
            else:
                frame = frame.reformat(format=pixel_format)
            frame.pts = index if times is None else round(times[index] * 1000)
            frame.time_base = 1 / Fraction(fps) if times is None else Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def loop_clip(source: Path, target: Path, seconds: float) -> None:
    """Repeat a clip without decoding it until it lasts `seconds`; it must begin with a key frame."""
    with av.open(source) as clip:
        stream = clip.streams.video[0]
        packets = [packet for packet in clip.demux(stream) if packet.size]
        times = [(packet.pts or 0, packet.dts or 0) for packet in packets]
        round_ticks = max(pts for pts, _ in times) + round(1 / (stream.average_rate * stream.time_base))
        with av.open(target, "w") as output:
            looped = output.add_stream_from_template(stream)
            for turn in range(int(seconds / float(round_ticks * stream.time_base)) + 1):
                for packet, (pts, dts) in zip(packets, times, strict=True):
                    packet.stream = looped
                    packet.time_base = stream.time_base
                    packet.pts, packet.dts = pts + turn * round_ticks, dts + turn * round_ticks
                    output.mux(packet)
