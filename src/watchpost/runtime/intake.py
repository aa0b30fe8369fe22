"""What comes out of a camera's packets: every frame of a file; of a live camera, what its gate asks for.

Which frames the detector sees while a camera sleeps: of a stream that has just begun, each look until the gate can
compare pictures. Later a look whose picture changed wakes the camera by itself, so it is shown to nobody. Of the
others those of the first 2 s after falling asleep are, so that rules learn that nobody is left, and then one each
10 s, by which somebody who stands still is found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from watchpost import pipeline
from watchpost.clock import Clock
from watchpost.config.gate import GateOptions, RingOptions
from watchpost.runtime.keeping_up import KeepingUp, MeteredDecoder
from watchpost.types import Frame, Packet
from watchpost.video import gate, gate_work
from watchpost.video.blindness import Sight
from watchpost.video.gate_explained import Reason
from watchpost.video.picture_change import COLUMNS, ROWS
from watchpost.video.ring import Ring
from watchpost.video.spare import SparePictures

_GLANCE_S: Final = 10.0
_SETTLING_S: Final = 2.0
"""So long after the first look the detector sees every look: as long as rules usually have patience."""
_LONGEST_HOLD_S: Final = 5.0
"""Longest time that a past may keep the reader from the camera: a network's buffers hold not much more."""
_CAUGHT_UP_S: Final = 0.2


class FrameDecoder(pipeline.FrameDecoder, gate_work.FrameDecoder, Protocol):
    """What is needed of `watchpost.video.decoder.Decoder`."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A decoded frame, and what is to be done with it."""

    frame: Frame
    may_wait: bool = False
    """It must not be dropped, whoever hands it on waits for room: of a file, or of the past of a camera that woke."""
    is_look: bool = False
    """A key frame shown alone while the camera sleeps: where something is in it, it comes again."""
    is_wanted: bool = True
    """The analysis is to see it."""


class Intake:
    """One camera's ring, gate and decoder; used from one thread, but for `gate`.

    Without `options` there is no gate: every frame is decoded, as it is of what is not live.
    """

    def __init__(
        self, decoder: FrameDecoder, clock: Clock, options: GateOptions | None = None, ring: RingOptions | None = None
    ) -> None:
        self.gate: gate.Gate | None = None
        """From the first packet of a live stream on."""
        self.sight = Sight()
        """Whether a live camera shows anything."""
        self.returns = 0
        """How often the camera woke and went back to frames that had not been shown."""
        self.known_until_s = float("-inf")
        """Where it went back to the last time: looks later than this come again."""
        self.wished_fps = math.inf
        """Analysed frames a second that are wished at present; to be set at any time. What a live camera sends beyond
        that is left out where no other picture refers to it."""
        self.spared = 0
        """Packets that were left out so."""
        self._spare = SparePictures()
        self._decoder = decoder
        self._metered = MeteredDecoder(decoder)
        self._keeping_up = KeepingUp(self._metered, clock)
        self._clock = clock
        self._hold: tuple[float, float] | None = None
        """When the last waking was, by the clock and in camera time, until the camera has caught up."""
        self._next_glance_s = float("-inf")
        self._settled_s = float("-inf")
        bounds = ring or RingOptions()
        self._ring = Ring(round(bounds.megabytes * 1e6), bounds.seconds)
        self._options = options

    @property
    def ring_bytes(self) -> int:
        """Compressed data that is held; from any thread."""
        return self._ring.stats().size

    def frames(self, packet: Packet) -> Iterator[Taken]:
        """The frames that come of a packet, one by one: each is to be dealt with before the next is taken."""
        is_live = packet.stream.is_live
        if self.gate is None and is_live and self._options is not None:
            self.gate = gate.Gate(self._options, self._ring)
        if self.gate is None or not is_live:
            for frame in self._decoder.decode(packet):
                yield Taken(frame, may_wait=not is_live)
            return
        self._ring.add(packet)
        if (why := self._keeping_up.spares(packet)) is not None:
            yield from self._sparingly(self.gate, packet, why)
            return
        work = self.gate.admit(packet)
        if len(work.packets) > 1:
            self._hold = self._clock.monotonic_s(), max(each.camera_time_s or 0.0 for each in work.packets)
        if work.known_until_s is not None:
            self.known_until_s = work.known_until_s
            self.returns += 1
        for frame in self._without_spare(work).frames(self._metered):
            has_changed = self._shows_change(self.gate, frame)
            if work.is_alone and frame.camera_time_s == work.packets[0].camera_time_s:
                yield Taken(frame, is_look=True, is_wanted=self._is_shown(self.gate, frame, has_changed))
            else:
                self._next_glance_s = float("-inf")
                yield Taken(frame, may_wait=self._is_behind(frame))

    def flush(self) -> Iterator[Taken]:
        """The frames that were held back, at the end of a stream."""
        for frame in self._decoder.flush():
            yield Taken(frame, may_wait=True)

    def _sparingly(self, own: gate.Gate, packet: Packet, why: Reason) -> Iterator[Taken]:
        """What there is time for, of a camera that is too heavy or behind."""
        self._hold = None
        work = own.admit_sparingly(packet, why, is_wanted=self._keeping_up.has_room(packet))
        for frame in work.frames(self._metered):
            if self.sight.wants(frame.camera_time_s):
                self.sight.see(frame.camera_time_s, frame.picture.grey(COLUMNS, ROWS))
            yield Taken(frame)
        if work.packets:
            self._keeping_up.pay()

    def _without_spare(self, work: gate_work.Work) -> gate_work.Work:
        if work.is_alone or not math.isfinite(self.wished_fps):
            return work
        kept = [packet for packet in work.packets if not self._spare.is_spare(packet, self.wished_fps)]
        self.spared += len(work.packets) - len(kept)
        return replace(work, packets=kept)

    def _shows_change(self, own: gate.Gate, frame: Frame) -> bool:
        time_s = frame.camera_time_s
        is_compared, is_judged = own.wants_picture(time_s), self.sight.wants(time_s)
        if not (is_compared or is_judged):
            return False
        grey = frame.picture.grey(COLUMNS, ROWS)
        if is_judged:
            self.sight.see(time_s, grey)
        return is_compared and own.see_picture(time_s, grey)

    def _is_shown(self, own: gate.Gate, frame: Frame, has_changed: bool) -> bool:
        """Whether the detector is to see a look."""
        if own.reason is not Reason.START and has_changed:
            return False
        return self._is_glance_due(frame) or own.reason is Reason.START

    def _is_glance_due(self, frame: Frame) -> bool:
        time_s = frame.camera_time_s
        if self._next_glance_s == float("-inf") or frame.is_discontinuous:
            self._settled_s = time_s + _SETTLING_S
        elif self._settled_s < time_s < self._next_glance_s:
            return False
        self._next_glance_s = time_s + _GLANCE_S
        return True

    def _is_behind(self, frame: Frame) -> bool:
        """Whether this frame is of the past, or came in while that was looked at; not for ever under load."""
        if self._hold is None:
            return False
        held_since_s, woke_at_s = self._hold
        later_s = max(0.0, frame.camera_time_s - woke_at_s)
        behind_s = self._clock.monotonic_s() - held_since_s - later_s
        if behind_s > _LONGEST_HOLD_S or (later_s > 0 and behind_s < _CAUGHT_UP_S):
            self._hold = None
        return self._hold is not None
