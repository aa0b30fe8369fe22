"""Packet sizes as a sign of motion: how far they lie from what is usual for this camera.

An inter frame codes what changed, so somebody who walks through the picture changes its size: up as a rule, but down
where they hide noise. What is usual differs by type of frame, by its place in the group of pictures, and by camera.
Median and median absolute deviation (MAD; Rousseeuw and Croux 1993, "Alternatives to the median absolute deviation")
are not moved by the single outliers that an on-screen clock or a flash makes.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from watchpost.types import Packet

_WINDOW_S: Final = 1.0
"""What is judged is the mean over so long: a clock that ticks weighs the same in each window."""
_BASE_BYTES: Final = 50
"""Added to sizes before the logarithm: whether an empty frame takes 20 or 40 bytes means nothing."""
_GOPS: Final = 30
_MOST: Final = 256
_LEVELS: Final = 240
_LEVEL_EVERY_S: Final = 0.5
_FEWEST: Final = 8
_FEWEST_LEVELS: Final = 30
_REFRESH_LEARNING_S: Final = 4.0
_REFRESH_S: Final = 10.0
_HOLD_S: Final = 3.0
"""So long a packet waits before it counts as usual: the analysis may still say that somebody was there."""
_LARGEST: Final = 6.0
"""Standard deviations beyond which a packet weighs no more."""
_LEAST_SPREAD: Final = 0.02
"""Of the logarithm of a size: sizes steadier than 2 % are not told apart."""
_LEAST_LEVEL_SPREAD: Final = 0.25
_TO_SIGMA: Final = 1.4826
"""From MAD to the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for one class of frames: type `P` or `B`, so many frames after the key frame."""

    kind: str
    positions: tuple[int, int]
    """First and last, counted from the key frame; both included."""
    size: float
    """Median, bytes."""
    spread: float
    """Robust standard deviation as a share of the size."""
    count: int


_Class = tuple[bool, int]
"""Whether it is a B frame, and the binary digits of its position: frames far from the key frame resemble each other."""


@dataclass(frozen=True, slots=True)
class _Band:
    median: float
    spread: float


class PacketSizes:
    """Judges inter frames by their size against the camera's own running statistics. Key frames are not judged."""

    def __init__(self) -> None:
        self.deviation = 0.0
        """Of the last second, in standard deviations of such seconds; 0 while not enough has been learned."""
        self._position = 0
        self._latest_s = -math.inf
        self._window: deque[tuple[float, float]] = deque()
        self._sum = 0.0
        self.forget()

    def forget(self) -> None:
        """Learn anew, from nothing."""
        self.deviation = 0.0
        self._samples: dict[_Class, deque[float]] = {}
        self._bands: dict[_Class, _Band] = {}
        self._levels: deque[float] = deque(maxlen=_LEVELS)
        self._level: _Band | None = None
        self._pending: deque[tuple[float, _Class, float, float | None]] = deque()
        self._next_refresh_s = self._next_level_s = -math.inf

    def forget_last(self) -> None:
        """Do not learn from the last seconds: somebody was there."""
        self._pending.clear()

    @property
    def is_ready(self) -> bool:
        """Whether enough has been learned to judge."""
        return self._level is not None

    def observe(self, packet: Packet, time_s: float) -> None:
        """Judge a packet and take note of it; packets come in decoding order, `time_s` is their camera time."""
        is_b = time_s < self._latest_s  # shown before a frame that was decoded before it
        self._latest_s = max(self._latest_s, time_s)
        if packet.is_key:
            self._position = 0
            if time_s >= self._next_refresh_s:
                self._refresh(time_s)
            return
        self._position += 1
        kind = is_b, min(self._position.bit_length(), 8)
        value = math.log(packet.size + _BASE_BYTES)
        band = self._bands.get(kind) or self._bands.get((is_b, kind[1] - 1))
        level = None if band is None else self._level_with(time_s, (value - band.median) / band.spread)
        self._pending.append((time_s, kind, value, level))
        while self._pending and self._pending[0][0] < time_s - _HOLD_S:
            self._learn(*self._pending.popleft())

    def usual(self) -> list[Usual]:
        """What has been learned, for people to read."""
        return [
            Usual(
                "B" if is_b else "P",
                (1 << digits - 1, (1 << digits) - 1),
                math.exp(band.median) - _BASE_BYTES,
                band.spread,
                len(self._samples[is_b, digits]),
            )
            for (is_b, digits), band in sorted(self._bands.items())
        ]

    def _level_with(self, time_s: float, score: float) -> float:
        """The mean score of the last second, this frame's included."""
        score = max(-_LARGEST, min(_LARGEST, score))
        self._window.append((time_s, score))
        self._sum += score
        while self._window[0][0] <= time_s - _WINDOW_S:
            self._sum -= self._window.popleft()[1]
        level = self._sum / len(self._window)
        if self._level is not None:
            self.deviation = (level - self._level.median) / self._level.spread
        return level

    def _learn(self, time_s: float, kind: _Class, value: float, level: float | None) -> None:
        if kind not in self._samples:
            self._samples[kind] = deque(maxlen=min(_MOST, _GOPS << kind[1] - 1))
        self._samples[kind].append(value)
        if level is not None and time_s >= self._next_level_s:
            self._levels.append(level)
            self._next_level_s = time_s + _LEVEL_EVERY_S

    def _refresh(self, time_s: float) -> None:
        """Medians change slowly: reckoning them anew with each packet would cost more than it tells."""
        self._next_refresh_s = time_s + (_REFRESH_S if self.is_ready else _REFRESH_LEARNING_S)
        for kind, samples in self._samples.items():
            if len(samples) >= _FEWEST:
                self._bands[kind] = _band(samples, _LEAST_SPREAD)
        if len(self._levels) >= _FEWEST_LEVELS:
            self._level = _band(self._levels, _LEAST_LEVEL_SPREAD)


def _band(samples: deque[float], least: float) -> _Band:
    median = _median(sorted(samples))
    spread = _TO_SIGMA * _median(sorted(abs(sample - median) for sample in samples))
    return _Band(median, max(spread, least))


def _median(ordered: list[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
