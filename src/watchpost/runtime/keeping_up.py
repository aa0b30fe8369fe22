"""Whether a camera's decoding keeps up with it, and what is decoded of one whose does not.

A camera of 8K can want a whole core, and more. It falls behind first, as the system gives the processor to those that
ask for little; then it is decoded as far as a fixed share of a core goes, so that it neither lags nor takes what the
others need. A camera that is behind though its decoding is cheap waits for others: more goes on than the machine can
follow. It passes over what is late, but for key frames, until it has caught up. Else all would decode an ever older
past, and nobody would ever find that it is quiet again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from watchpost.clock import Clock
from watchpost.types import Frame, Packet, StreamInfo
from watchpost.video.gate_explained import Reason
from watchpost.video.gate_work import FrameDecoder

_LOG: Final = logging.getLogger(__name__)
_LATE_S: Final = 2.0
"""So far behind is a sign ..."""
_PATIENCE_S: Final = 7.0
"""... once it lasts longer than a past may hold up the reader after a camera woke."""
_SHARE: Final = 0.25
"""Cores: below this, decoding is not what is wrong; and so much is left to a camera that is too heavy."""
_WINDOW_S: Final = 2.0
"""Camera time over which the cost is taken."""
_FIRST_REST_S: Final = 60.0
_LONGEST_REST_S: Final = 960.0
"""How long until all is decoded again, to see; twice as long after each time that it was too much."""
_STEADY_S: Final = 300.0
"""After so long without lag, the next rest is a first one."""
_CAUGHT_UP_S: Final = 0.5
_TOLD_AGAIN_S: Final = 300.0
"""A camera that is behind is logged no more often than this."""
_DRIFT: Final = 1e-3
"""How fast the camera's clock may run off this machine's, in seconds a second."""


class MeteredDecoder:
    """A decoder, and the processor time that it took of the calling thread."""

    def __init__(self, decoder: FrameDecoder, cpu_s: Callable[[], float] = time.thread_time) -> None:
        self._decoder = decoder
        self._clock_s = cpu_s
        self.cpu_s = 0.0
        """Seconds, in all."""

    def decode(self, packet: Packet) -> list[Frame]:
        """The frames that this packet completes."""
        return self._metered(self._decoder.decode, packet)

    def decode_alone(self, packet: Packet) -> list[Frame]:
        """The picture of a key frame, at once."""
        return self._metered(self._decoder.decode_alone, packet)

    def restart(self, known_until_s: float) -> None:
        """Begin anew at the next key frame, leaving out frames up to a camera time."""
        self._decoder.restart(known_until_s)

    def _metered(self, call: Callable[[Packet], list[Frame]], packet: Packet) -> list[Frame]:
        begun_s = self._clock_s()
        try:
            return call(packet)
        finally:
            self.cpu_s += self._clock_s() - begun_s


class KeepingUp:
    """One camera's lag and price, and the verdict; used from the reading thread."""

    def __init__(self, decoder: MeteredDecoder, clock: Clock) -> None:
        self._decoder = decoder
        self._clock = clock
        self._stream: StreamInfo | None = None
        self._least_offset_s = self._seen_s = 0.0
        """Of this machine's clock against the camera's at the best time, and when that was looked at."""
        self._late_since_s: float | None = None
        self._window = 0.0, 0.0
        """Where the cost began to be taken: camera time, processor time."""
        self._paid_from = 0.0, 0.0
        self._paid_until_s = float("-inf")
        self._rest_s = _FIRST_REST_S
        self._rests_until_s = float("-inf")
        self._steady_since_s = float("-inf")
        self._is_behind = False
        self._told_s = float("-inf")
        self.cores = 0.0
        """What decoding cost of late: processor seconds a second of camera time."""
        self.lag_s = 0.0
        """How much later than at best the last packet was read."""

    def spares(self, packet: Packet) -> Reason | None:
        """Look at a packet, with pts, that has just been read; why its camera is to be decoded sparingly now, if so."""
        now_s, time_s = self._clock.monotonic_s(), packet.camera_time_s or 0.0
        self._measure(packet, now_s, time_s)
        if now_s < self._rests_until_s:
            return Reason.HEAVY
        if self._is_behind:
            self._is_behind = self.lag_s >= _CAUGHT_UP_S
            self._late_since_s = None
            return Reason.BEHIND if self._is_behind else None
        if self._late_since_s is None or now_s - self._late_since_s < _PATIENCE_S:
            return None
        self._paid_until_s = float("-inf")
        if self.cores < _SHARE:
            self._fall_behind(packet.camera, now_s)
            return Reason.BEHIND
        self._rest(packet.camera, now_s)
        return Reason.HEAVY

    def _fall_behind(self, camera: str, now_s: float) -> None:
        self._is_behind = True
        if now_s >= self._told_s + _TOLD_AGAIN_S:
            self._told_s = now_s
            message = "%s: %.1f s behind, as the machine does not keep up: key frames only until it has caught up"
            _LOG.warning(message, camera, self.lag_s)

    def _rest(self, camera: str, now_s: float) -> None:
        if now_s - self._steady_since_s >= _STEADY_S:
            self._rest_s = _FIRST_REST_S
        _LOG.warning(
            "%s: decoding takes %.2f cores and is %.1f s behind: too heavy, key frames only for %.0f s",
            camera,
            self.cores,
            self.lag_s,
            self._rest_s,
        )
        self._rests_until_s = self._steady_since_s = now_s + self._rest_s
        self._rest_s = min(self._rest_s * 2, _LONGEST_REST_S)
        self._late_since_s = None

    def has_room(self, packet: Packet) -> bool:
        """Whether this packet of a camera that is spared is to be decoded: key frames, as far as the share goes."""
        time_s = packet.camera_time_s or 0.0
        if not packet.is_key or time_s < self._paid_until_s:
            return False
        self._paid_from = time_s, self._decoder.cpu_s
        return True

    def pay(self) -> None:
        """The packet that had room has been decoded."""
        time_s, before_s = self._paid_from
        self._paid_until_s = time_s + (self._decoder.cpu_s - before_s) / _SHARE

    def _measure(self, packet: Packet, now_s: float, time_s: float) -> None:
        offset_s = now_s - time_s
        if packet.stream is not self._stream or packet.is_discontinuous:
            self._stream = packet.stream
            self._least_offset_s, self._seen_s = offset_s, now_s
            self._window = time_s, self._decoder.cpu_s
            self._late_since_s = None
            self._is_behind = False
            self._paid_until_s = float("-inf")
        self._least_offset_s = min(offset_s, self._least_offset_s + _DRIFT * (now_s - self._seen_s))
        self._seen_s = now_s
        self.lag_s = offset_s - self._least_offset_s
        if self.lag_s < _LATE_S or now_s < self._rests_until_s:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = now_s
        begun_s, cpu_s = self._window
        if time_s - begun_s >= _WINDOW_S:
            self.cores = (self._decoder.cpu_s - cpu_s) / (time_s - begun_s)
            self._window = time_s, self._decoder.cpu_s
