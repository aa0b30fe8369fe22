"""Packets of a camera made by hand: sizes and key flags alone, no picture in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from watchpost.types import Packet, StreamInfo

FPS = 10
STREAM = StreamInfo("h264", 640, 360, Fraction(1, FPS))


def camera(
    seconds: float,
    gop_s: float | None = 2.0,
    size: Callable[[float], float] = lambda _: 400.0,
    *,
    start_s: float = 0.0,
    bframes: bool = False,
    noise: float = 0.1,
    seed: int = 0,
) -> Iterator[Packet]:
    """`seconds` at 10 frames a second. `size(time)` is the usual size of an inter frame, in bytes; with B frames each
    second inter frame is one, a quarter as large. `gop_s=None`: no key frames (intra-refresh)."""
    random = np.random.default_rng(seed)
    gop = None if gop_s is None else round(gop_s * FPS)
    for index in range(round(start_s * FPS), round((start_s + seconds) * FPS)):
        is_key = gop is not None and index % gop == 0
        place = index if gop is None else index % gop
        pts, share = index, 1.0
        if bframes and 0 < place < (gop or 1) - 1:  # coded order P2 B1 P4 B3 ..., shown 1 2 3 4
            is_b = place % 2 == 0
            pts, share = (index - 1, 0.25) if is_b else (index + 1, 1.0)
        mean = 20_000.0 if is_key else size(index / FPS) * share
        octets = max(20, round(mean * (1 + noise * random.standard_normal())))
        yield Packet("door", STREAM, pts, index, is_key, octets, 0.0, payload=index)
