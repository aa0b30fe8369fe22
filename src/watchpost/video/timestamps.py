"""The timestamp filter: whatever a camera does with its clock, what comes out starts at 0 and goes on.

MPEG-TS counts 33 bits at 90 kHz and wraps after 26.5 hours (ISO/IEC 13818-1, section 2.4.3.7); cameras set their
clocks, repeat packets, or leave times out. Small faults are mended, big ones restart the count.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from watchpost.types import Packet, StreamInfo

_LOG: Final = logging.getLogger(__name__)
_MPEG_TIME_BASE: Final = Fraction(1, 90_000)
_MPEG_WRAP: Final = 1 << 33
_USUAL_RATE: Final = Fraction(25)
_LARGEST_STEP_BACK_S: Final = 1.0
_LARGEST_GAP_S: Final = 10.0
"""For cameras, beyond what passed on the wall."""
_LARGEST_FILE_GAP_S: Final = 60.0
_LARGEST_GAP_INTERVALS: Final = 20
"""Slow pictures, say one a minute, may be that far apart."""
_REORDER_INTERVALS: Final = 4
"""How far pts may run ahead of dts where only pts is known: two B frames, pyramids included."""
_STANDING_S: Final = 1.0
"""A camera whose times have not moved for so long, by the wall clock, tells none."""


def mended(packets: Iterable[Packet]) -> Iterator[Packet]:
    """The same packets with pts and dts present, dts strictly growing, pts >= dts, the first pts at 0.

    Repeated times and steps back of up to 1 s are mended. What has no time follows by the stated rate, of a camera by
    the wall clock; so does a camera whose times stand still for a second. A packet that is marked discontinuous, steps
    further back, or leaps ahead (10 s more than the wall clock for a camera, 60 s in a file) restarts the clock: it is
    marked discontinuous, and camera time goes on by one frame, for a camera by the wall time that has passed.
    A 33-bit wrap-around is no restart. Payloads are left as they came.
    """
    clock = _CameraClock()
    for packet in packets:
        yield clock.mend(packet)


@dataclasses.dataclass(slots=True)
class _Seen:
    """The packet before: what came in (wrap-around undone) and what went out, in ticks of `time_base`."""

    time_base: Fraction
    pts_in: int
    dts_in: int | None
    dts_out: int
    largest_pts_out: int
    wall_time_s: float
    is_invented: bool
    """No packet since the start or restart had a time: what came in is counted on."""

    @property
    def before(self) -> int:
        """When it came, in the order of decoding where that is known."""
        return self.pts_in if self.dts_in is None else self.dts_in

    def rescaled(self, time_base: Fraction) -> _Seen:
        """The same in ticks of another time base, outgoing times rounded up."""
        factor = self.time_base / time_base
        return _Seen(
            time_base,
            round(self.pts_in * factor),
            None if self.dts_in is None else round(self.dts_in * factor),
            -int(-self.dts_out * factor // 1),
            -int(-self.largest_pts_out * factor // 1),
            self.wall_time_s,
            self.is_invented,
        )


class _Ticks:
    """What a stream's time base makes of the limits: whole numbers, as every packet is held against them."""

    def __init__(self, stream: StreamInfo) -> None:
        self.stream = stream
        self.second = 1 / stream.time_base
        """Ticks in one."""
        rate = stream.average_rate or _USUAL_RATE
        self.step = max(1, round(self.second / rate))
        """From one frame to the next, by the rate that the stream states."""
        self.step_back = int(_LARGEST_STEP_BACK_S * self.second)
        self.gap = int(_LARGEST_GAP_S * self.second)
        self.file_gap = int(_LARGEST_FILE_GAP_S * self.second)
        self.is_mpeg = stream.time_base == _MPEG_TIME_BASE


class _Standstill:
    """Notices a camera whose packets all say the same time."""

    def __init__(self) -> None:
        self._times: tuple[int | None, int | None] = None, None
        self._since_wall_s = 0.0

    def holds(self, packet: Packet) -> bool:
        """Look at a packet; whether its time is to be left out of account."""
        times = packet.pts, packet.dts
        if times != self._times:
            self._times, self._since_wall_s = times, packet.wall_time_s
        return packet.stream.is_live and packet.wall_time_s - self._since_wall_s >= _STANDING_S


class _CameraClock:
    """Maps a camera's times to a count that starts at 0: what goes out is what came in plus an offset."""

    def __init__(self) -> None:
        self._offset = 0
        self._standstill = _Standstill()
        self._seen: _Seen | None = None
        self._ticks: _Ticks | None = None

    def mend(self, packet: Packet) -> Packet:
        """The packet with both of its times."""
        ticks = self._ticks
        if ticks is None or ticks.stream is not packet.stream:
            ticks = self._ticks_of(packet.stream)
        seen, step = self._seen, ticks.step
        has_times = not (packet.pts is None and packet.dts is None) and not self._standstill.holds(packet)
        pts, dts = _completed(packet, seen, ticks) if has_times else _invented(packet, seen, ticks)
        restarts = False
        if seen is None:
            self._offset = -pts
        elif seen.is_invented and has_times:  # RTSP often tells the time from the second packet on only
            self._offset = seen.largest_pts_out + step - pts
        elif packet.is_discontinuous or _leaps(packet, pts, dts, seen, ticks):
            restarts = True
            self._restart(packet, pts, dts, seen, step)
        elif dts is not None and seen.dts_in is not None and seen.dts_in - dts > step:
            self._offset = seen.dts_out + step - dts  # a step back: go on as if it were the next frame
        dts_out = (pts - _REORDER_INTERVALS * step if dts is None else dts) + self._offset
        if seen is not None:
            dts_out = max(dts_out, seen.dts_out + 1)
        pts_out = max(pts + self._offset, dts_out)
        largest = pts_out if seen is None else max(pts_out, seen.largest_pts_out)
        is_invented = not has_times and (seen is None or restarts or seen.is_invented)
        self._seen = _Seen(packet.stream.time_base, pts, dts, dts_out, largest, packet.wall_time_s, is_invented)
        return Packet(  # half of what `dataclasses.replace` takes
            packet.camera,
            packet.stream,
            pts_out,
            dts_out,
            packet.is_key,
            packet.size,
            packet.wall_time_s,
            packet.payload,
            packet.is_corrupt,
            restarts,
            packet.audio,
        )

    def _ticks_of(self, stream: StreamInfo) -> _Ticks:
        """The limits of a new stream; what was counted so far goes over to its time base."""
        if self._seen is not None and self._seen.time_base != stream.time_base:
            self._offset = round(self._offset * self._seen.time_base / stream.time_base)
            self._seen = self._seen.rescaled(stream.time_base)
        self._ticks = _Ticks(stream)
        return self._ticks

    def _restart(self, packet: Packet, pts: int, dts: int | None, seen: _Seen, step: int) -> None:
        passed = 0
        if packet.stream.is_live:
            passed = round((packet.wall_time_s - seen.wall_time_s) / packet.stream.time_base)
        ahead = seen.largest_pts_out + max(step, passed)
        self._offset = max(ahead - pts, seen.dts_out + 1 - (pts if dts is None else dts))
        _LOG.debug("%s: the clock restarts at %.3f s", packet.camera, float(ahead * packet.stream.time_base))


def _completed(packet: Packet, seen: _Seen | None, ticks: _Ticks) -> tuple[int, int | None]:
    """pts and, where there is one, dts of the packet: wrap-around undone, a missing or impossible pts replaced."""
    pts, dts = packet.pts, packet.dts
    if ticks.is_mpeg:
        before = None if seen is None else seen.before
        dts = _unwrapped(dts, before)
        pts = _unwrapped(pts, before if dts is None else dts)
    if dts is not None and (pts is None or not 0 <= pts - dts <= ticks.gap):
        pts = dts
    assert pts is not None  # noqa: S101 - for the type checker: one of both is there
    return pts, dts


def _invented(packet: Packet, seen: _Seen | None, ticks: _Ticks) -> tuple[int, int]:
    """pts and dts of a packet that has none: after the one before it."""
    if seen is None:
        return 0, 0
    passed_s = packet.wall_time_s - seen.wall_time_s if packet.stream.is_live else 0.0
    following = seen.before + (max(1, round(passed_s * ticks.second)) if passed_s > 0 else ticks.step)
    return following, following


def _unwrapped(ticks: int | None, near: int | None) -> int | None:
    """`ticks`, known modulo 33 bits, as the number nearest to `near`, where both are there."""
    if ticks is None or near is None:
        return ticks
    return near + (ticks - near + _MPEG_WRAP // 2) % _MPEG_WRAP - _MPEG_WRAP // 2


def _leaps(packet: Packet, pts: int, dts: int | None, seen: _Seen, ticks: _Ticks) -> bool:
    """Whether time moved further than can be mended."""
    moved = pts - seen.pts_in if dts is None or seen.dts_in is None else dts - seen.dts_in
    if -ticks.step_back <= moved <= ticks.gap:  # as nearly always
        return False
    largest = ticks.file_gap
    if packet.stream.is_live:
        largest = ticks.gap + int(max(0.0, packet.wall_time_s - seen.wall_time_s) * ticks.second)
    return not -ticks.step_back <= moved <= max(largest, _LARGEST_GAP_INTERVALS * ticks.step)
