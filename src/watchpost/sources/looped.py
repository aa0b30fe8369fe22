"""A video file played round and round without an end, as an unpaced stream of packets: a camera for measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.types import Packet


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file must tell to be played in rounds."""

    seconds: float
    fps: float
    gop_s: float
    """Mean time between key frames."""


def looped(path: Path, camera: str, *, offset_s: float, round_s: float, clock: Clock) -> Iterator[Packet]:
    """Packets from `offset_s` (a key frame) on, again and again, all of one `StreamInfo`; never ends.

    `round_s` is the length of the file: a whole number of frames. Times are in decoding order, rise from round to
    round, and begin at 0 with the first key frame. Raises `SourceError`.
    """
    from watchpost.sources import _av

    container, stream = _av.open_input(f"file:{path}", str(path))
    with container:
        info = _av.stream_info(stream, is_live=True)
        ticks_a_second = 1 / info.time_base
        round_ticks = round(round_s * ticks_a_second)
        shift = skipped = round(offset_s * ticks_a_second)
        container.seek(skipped, stream=stream)
        while True:
            for payload in _av.demux(container, stream, str(path)):
                if payload.pts is None or payload.dts is None or payload.pts < skipped:
                    continue
                payload.pts -= shift
                payload.dts -= shift
                yield _av.to_packet(payload, info, camera, clock)
            skipped = 0
            shift -= round_ticks
            container.seek(0, stream=stream)


def shape(path: Path) -> Shape:
    """Read all the packets of a file and tell its shape. Raises `SourceError` for a file without packets."""
    from watchpost.sources import _av

    container, stream = _av.open_input(f"file:{path}", str(path))
    packets, keys = 0, 0
    with container:
        fps = float(stream.average_rate or Fraction(25))
        for payload in _av.demux(container, stream, str(path)):
            if payload.pts is not None:
                packets += 1
                keys += payload.is_keyframe
    if not packets:
        raise SourceError(f"{path}: holds no picture; give a video that plays.", permanent=True)
    return Shape(packets / fps, fps, packets / fps / max(keys, 1))
