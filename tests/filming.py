"""A camera for tests of recordings: packets as the timestamp filter leaves them, encoded once, in memory."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np

from watchpost.types import AudioPacket, AudioStream, Packet, StreamInfo

TICKS = Fraction(1, 90_000)
FPS = 10
SOUND_RATE = 48_000
"""Of `film_with_sound`, Hz."""
MIDNIGHT = 1_700_006_400.0
"""2023-11-15 00:00 UTC."""


@functools.cache
def coded(
    count: int,
    gop: int = FPS,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    bframes: int = 0,
    noise: int = 0,
) -> tuple[tuple[bytes, int, int, bool], ...]:
    """Data, pts, dts in frames and key flag of `count` pictures with a moving bar, parameter sets in the key frames."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.gop_size, context.max_b_frames, context.thread_count = gop, bframes, 1
    keys = f"scenecut=0:keyint={gop}:min-keyint={gop}:bframes={bframes}:b-adapt=0"
    settings = {"libx264": {"x264-params": keys}, "libx265": {"x265-params": keys + ":log-level=none:open-gop=0"}}
    context.options = {"preset": "ultrafast", **settings.get(codec, {})}
    found = []
    chance = np.random.default_rng(1)
    for index in range(count):
        picture = np.full((size[1], size[0], 3), 90, np.uint8)
        picture[:, index % size[0]] = 255
        if noise:
            picture += chance.integers(0, noise, picture.shape, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        found += context.encode(frame)
    found += context.encode(None)
    return tuple((bytes(each), each.pts, each.dts, each.is_keyframe) for each in found)


def film(
    count: int,
    *,
    camera: str = "gate",
    gop: int = FPS,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    bframes: int = 0,
    noise: int = 0,
    start_s: float = 0.0,
    wall_time_s: float = MIDNIGHT,
    sound: AudioStream | None = None,
    is_discontinuous: bool = False,
) -> list[Packet]:
    """`count` packets at 10 a second: camera time from `start_s`, wall time from `wall_time_s` on.

    `noise`, in grey levels, makes them large.
    """
    name = {"libx264": "h264", "libx265": "hevc"}.get(codec, codec)
    stream = StreamInfo(name, *size, TICKS, Fraction(FPS), is_live=True, audio=sound)
    ticks = int(1 / TICKS / FPS)
    packets = []
    for number, (data, pts, dts, is_key) in enumerate(coded(count, gop, size, codec, bframes, noise)):
        payload = av.Packet(data)
        payload.pts, payload.dts, payload.time_base = pts * ticks, dts * ticks, TICKS
        payload.is_keyframe = is_key
        moved = round(start_s / TICKS)
        heard = tuple(_sounds(sound, number)) if sound is not None else ()
        packets.append(
            Packet(
                camera,
                stream,
                pts * ticks + moved,
                dts * ticks + moved,
                is_key,
                len(data),
                wall_time_s + number / FPS,
                payload,
                is_discontinuous=is_discontinuous and number == 0,
                audio=heard,
            )
        )
    return packets


def _sounds(stream: AudioStream, number: int) -> Iterator[AudioPacket]:
    """Two packets of G.711 for a picture."""
    length = stream.sample_rate // FPS // 2
    for half in range(2):
        yield AudioPacket((2 * number + half) * length, av.Packet(bytes([number % 251]) * length))


G711 = AudioStream("pcm_alaw", 8000, 1, Fraction(1, 8000))


def film_with_sound(count: int, **how: Any) -> list[Packet]:
    """A film with a tone in AAC beside its pictures; `how` as for `film`."""
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SOUND_RATE, "mono", "fltp"  # type: ignore[attr-defined]
    encoder.open()
    pieces = []
    for start in range(0, count * SOUND_RATE // FPS, 1024):
        tone = np.sin(np.arange(start, start + 1024, dtype=np.float32) / 20)[None]
        samples = av.AudioFrame.from_ndarray(tone.astype(np.float32), format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SOUND_RATE, start
        pieces += [AudioPacket(each.pts or 0, each) for each in encoder.encode(samples)]
    stream = AudioStream("aac", SOUND_RATE, 1, Fraction(1, SOUND_RATE), encoder.extradata)
    packets = film(count, **how)
    info = replace(packets[0].stream, audio=stream)
    step = SOUND_RATE // FPS
    return [
        replace(each, stream=info, audio=tuple(one for one in pieces if one.pts // step == number))
        for number, each in enumerate(packets)
    ]
