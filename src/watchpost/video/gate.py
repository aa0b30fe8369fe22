"""The gate: which packets of a camera are worth decoding.

While a scene is quiet, single key frames are looked at and the rest is left alone. Packet sizes, a key frame whose
picture changed, objects found in it, or a demand wake the camera; decoding then goes back to the last key frame that
was quiet, so that what happened before is analysed too. A stream begins in the same way, asleep: until the pictures
can be compared, each look is for the analysis. Camera time is the only time here.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.config.gate import GateOptions
from watchpost.types import Packet, StreamInfo
from watchpost.video.gate_explained import Explanation, Reason, State
from watchpost.video.gate_work import Work
from watchpost.video.packet_sizes import PacketSizes
from watchpost.video.picture_change import FEWEST_CELLS, PictureChange
from watchpost.video.ring import Ring

_LOOK_AWAKE_S: Final = 0.5
"""At least so long between small pictures while awake, and between looks at a stream that has just begun."""
_ASLEEP_RATE: Final = 0.2
"""How fast the reference picture follows the scene while nothing happens."""
_ACCEPTING_RATE: Final = 0.3
_NOTHING_RATE: Final = 0.2
"""How fast a change in which the analysis finds nothing is taken for noise."""
_PATIENCE_S: Final = 10.0
"""What goes on so long without an object that the analysis could find is taken for the camera's usual."""
_PATIENCE_UNTOLD_S: Final = 60.0
"""The same where no analysis says what it found."""
_HIGHER: Final = 1.25
_LOWER: Final = 0.8
_HIGHEST: Final = 3.0
"""How the threshold of a sign rises after a wake for nothing, falls after a right one, and how far it goes."""
_FALSE_WAKES: Final = 6
_FALSE_WAKES_WITHIN_S: Final = 120.0
_OPEN_FOR_S: Final = 300.0
_GOOD_GOPS: Final = 3
_SETTLED: Final = 8
_FULL: Final = 0.9
"""Of the ring, in bytes or seconds: a group of pictures that goes beyond it would soon lose its beginning."""
_FAULTS: Final = frozenset({Reason.KEY_FRAMES, Reason.NO_PICTURE, Reason.RING})
"""After these the stream is not trusted."""
_UNANSWERED: Final = 2
"""Key frames alone that gave no picture: intra-refresh streams flag places as key frames that are none."""


_NOTHING: Final = Work()


class Gate:
    """One camera's gate over the ring that holds its packets.

    One thread calls `admit`, for each packet after it has been added to the ring, carries out the `Work`, and gives
    `see_picture` the frames that `wants_picture` asks for, before the next packet. `see_objects` and `demand` may
    come from any thread; they take effect with the next packet.
    """

    _reason: Reason

    def __init__(self, options: GateOptions, ring: Ring) -> None:
        self._options = options
        self._ring = ring
        self._bars = {Reason.SIZES: 1.0, Reason.PICTURE: 1.0}
        """How many times as high as at first a sign must be to wake the camera."""
        self._longest_gop_s = min(options.longest_gop, _FULL * ring.max_seconds)
        self._inbox: deque[tuple[float, int]] = deque()
        self._demanded_until_s = -math.inf
        self._now_s = 0.0
        self._seconds = dict.fromkeys(State, 0.0)
        self._counts: Counter[str] = Counter()
        self._wakes: Counter[Reason] = Counter()
        self._last_wake: tuple[float, Reason] | None = None
        self._false_wakes_s: deque[float] = deque(maxlen=_FALSE_WAKES)
        self._decoded_until_s = -math.inf
        self._is_first_look = False
        """Asleep, the objects that the analysis had found before have gone, and no key frame was looked at since."""
        self._lost_s = 0.0
        self._begin(None, 0.0)

    @property
    def state(self) -> State:
        """What the gate does now."""
        return self._state

    @property
    def reason(self) -> Reason:
        """Why it does so."""
        return self._reason

    @property
    def now_s(self) -> float:
        """Camera time of its newest packet."""
        return self._now_s

    def admit(self, packet: Packet) -> Work:
        """What is to be decoded now that this packet has come.

        Raises `ValueError` for a packet without pts: the timestamp filter goes before the gate.
        """
        time_s = packet.camera_time_s
        if time_s is None or packet.dts is None:
            raise ValueError("Gate.admit: a packet without times; put the timestamp filter before the gate")
        if packet.stream is not self._stream or packet.is_discontinuous or self._state is State.HEAVY:
            self._begin(packet.stream, time_s)
        self._seconds[self._state] += max(0.0, time_s - self._now_s)
        self._now_s = max(self._now_s, time_s)
        self._counts["packets"] += 1
        self._sizes.observe(packet, time_s)
        self._note_group(packet, time_s)
        self._take_signs()
        if self._state is State.ASLEEP:
            if self._sign is None:
                return self._look(packet, time_s)
            return self._wake(packet, self._sign)
        if self._falls_asleep():
            return self._look(packet, time_s)
        self._note_decoded(packet)
        return Work((packet,))

    def admit_sparingly(self, packet: Packet, why: Reason, *, is_wanted: bool) -> Work:
        """In the place of `admit`, for a packet of a camera that is too heavy, or behind, to be decoded in full.

        `is_wanted`: it is a key frame, to be decoded alone. With the next `admit` the gate begins anew.
        """
        time_s = packet.camera_time_s or 0.0
        if self._state is not State.HEAVY or self._reason is not why:
            self._begin(packet.stream, time_s)
            self._enter(State.HEAVY, why)
        self._seconds[self._state] += max(0.0, time_s - self._now_s)
        self._now_s = max(self._now_s, time_s)
        self._counts["packets"] += 1
        self._counts["decoded"] += is_wanted
        self._inbox.clear()
        return Work((packet,), is_alone=True) if is_wanted else _NOTHING

    def wants_picture(self, camera_time_s: float) -> bool:
        """Whether `see_picture` needs this decoded frame: all that were shown alone, two a second while awake."""
        if self._reason is Reason.OFF:
            return False
        return self._state is State.ASLEEP or camera_time_s >= self._seen_s + _LOOK_AWAKE_S

    def see_picture(self, camera_time_s: float, grey: NDArray[np.uint8]) -> bool:
        """Compare a decoded frame, as (36, 64) uint8 grey, with the scene; True where something changed."""
        self._seen_s = camera_time_s
        self._unanswered = 0
        changed = self._pictures.differs(grey, FEWEST_CELLS * self._bars[Reason.PICTURE])
        if self._is_first_look:  # it differs by whoever has just gone; the analysis says whether anybody is left
            self._is_first_look = False
            changed = False
            self._pictures.follow(1.0)
        if self._is_starting and changed and not self._pictures.is_ready:  # too early to say by what
            self._pictures.follow(1.0)
            self._pictures.learn_noise(_ACCEPTING_RATE)
        elif self._state is not State.ASLEEP:
            self._pictures.follow(1.0)
            if self._is_accepting or (self._reason is Reason.START and not self._has_found):
                self._pictures.learn_noise(_ACCEPTING_RATE)
            elif not changed:
                self._pictures.learn_noise()
            elif self._is_told and not self._has_found:
                self._pictures.learn_noise(_NOTHING_RATE)
        elif not changed:
            self._pictures.follow(_ASLEEP_RATE)
            self._pictures.learn_noise()
            self._settled_s.append(camera_time_s)
        if changed and self._pictures.is_ready:
            self._notice(Reason.PICTURE)
        if self._is_starting and self._pictures.is_ready:
            self._reason = Reason.QUIET
        return changed

    def see_objects(self, camera_time_s: float, count: int) -> None:
        """Tell how many objects the analysis found in a frame, from any thread.

        Of a frame shown alone in which there are some, nothing else should be made: it comes again with those
        before it.
        """
        self._inbox.append((camera_time_s, count))

    def demand(self, until_s: float) -> None:
        """Keep the camera awake until a camera time, from any thread; an earlier time takes back a later one."""
        self._demanded_until_s = until_s

    def explain(self) -> Explanation:
        """What it has done, and why; from any thread."""
        return Explanation(
            state=self._state,
            reason=self._reason,
            since_s=self._since_s,
            packets=self._counts["packets"],
            decoded=self._counts["decoded"],
            repeated=self._counts["repeated"],
            lost_s=self._lost_s,
            looks=self._counts["looks"],
            wakes=dict(self._wakes),
            false_wakes=self._counts["false wakes"],
            seconds=dict(self._seconds),
            last_wake=self._last_wake,
            key_interval_s=self._key_interval_s,
            deviation=self._sizes.deviation,
            threshold=self._options.threshold * self._bars[Reason.SIZES],
            changed_cells=self._pictures.cells,
            fewest_cells=FEWEST_CELLS * self._bars[Reason.PICTURE],
            usual=self._sizes.usual(),
        )

    def _begin(self, stream: StreamInfo | None, time_s: float) -> None:
        """A new stream, or a clock that starts anew: nothing that was learned holds."""
        self._stream = stream
        self._sizes = PacketSizes()
        self._pictures = PictureChange()
        self._now_s = max(self._now_s, time_s)
        self._begun_s = self._last_key_s = time_s
        """Of the stream: its first key frame, once that has come."""
        self._decodable = 0
        """Packets from the first key frame on: decoding never goes back beyond it."""
        self._group_bytes = 0
        self._key_interval_s: float | None = None
        self._good_gops = -1  # the first key frame ends no group
        self._open_until_s = -math.inf
        self._settled_s: deque[float] = deque(maxlen=_SETTLED)
        """Newest key frames that were looked at and showed nothing."""
        self._looked_dts: deque[int] = deque(maxlen=_SETTLED)
        self._unanswered = 0
        self._decoded_until_dts = -math.inf
        self._seen_s = -math.inf
        self._enter(State.ASLEEP, Reason.START)

    @property
    def _is_starting(self) -> bool:
        """Asleep, and there are too few pictures yet to compare with."""
        return self._state is State.ASLEEP and self._reason is Reason.START

    def _enter(self, state: State, reason: Reason) -> None:
        if not self._options.enabled and state is not State.HEAVY:
            state, reason = State.OPEN, Reason.OFF
        self._state, self._reason, self._since_s = state, reason, self._now_s
        self._sign: Reason | None = None
        self._sign_s = self._now_s
        """When the last sign of life was."""
        self._found_s = self._now_s
        """When objects were last found, or this state began."""
        self._is_told = self._has_found = self._is_accepting = False
        self._is_first_look = False

    def _note_group(self, packet: Packet, time_s: float) -> None:
        """Keep count of key frames; where they are missing, or the ring can not hold a group, there is no sleeping."""
        is_far = time_s - self._last_key_s > self._longest_gop_s
        self._group_bytes = packet.size + (0 if packet.is_key else self._group_bytes)
        if is_far or self._group_bytes > _FULL * self._ring.max_bytes:
            fault = Reason.KEY_FRAMES if is_far else Reason.RING
            self._good_gops = 0
            if self._state is State.ASLEEP:
                self._sign = fault
            elif self._state is State.AWAKE:
                self._enter(State.OPEN, fault)
        if self._unanswered >= _UNANSWERED:
            self._sign = Reason.NO_PICTURE
        if packet.is_key:
            if not self._decodable:
                self._begun_s = time_s
            self._good_gops += not is_far
            self._key_interval_s = (time_s - self._last_key_s) or None
            self._last_key_s = time_s
        self._decodable += packet.is_key or self._decodable > 0

    def _take_signs(self) -> None:
        """Packet sizes, and what came in from others."""
        if self._is_odd() and not (self._is_told and self._state is State.AWAKE):  # who looks need not guess
            self._notice(Reason.SIZES)
        while self._inbox:
            time_s, count = self._inbox.popleft()
            self._is_told = True
            if count:
                self._has_found = True
                self._found_s = self._now_s
                self._is_accepting = False
                while self._settled_s and self._settled_s[-1] >= time_s:
                    self._settled_s.pop()
                self._notice(Reason.OBJECTS)
        if self._demanded_until_s > self._now_s:
            self._notice(Reason.DEMAND)

    def _is_odd(self) -> bool:
        """Whether the packet sizes of the last second are unusual."""
        return abs(self._sizes.deviation) > self._options.threshold * self._bars[Reason.SIZES]

    def _notice(self, reason: Reason) -> None:
        """A sign of life."""
        self._sign = self._sign or reason
        self._sign_s = self._now_s
        if reason is Reason.OBJECTS or (reason is Reason.PICTURE and not self._is_accepting):
            self._sizes.forget_last()  # what somebody does is not the camera's usual, however long they stay

    def _falls_asleep(self) -> bool:
        """Fall asleep, give up, or take for usual what goes on for long and is nothing."""
        if self._state is State.OPEN:
            is_sound = self._good_gops >= _GOOD_GOPS and self._now_s >= self._open_until_s
            if self._reason is Reason.OFF or not is_sound:
                return False
            self._enter(State.AWAKE, Reason.START)
        if self._now_s - self._alive_s() < self._options.quiet:
            self._lose_patience()
            return False
        if not (self._pictures.is_ready or self._sizes.is_ready) or self._good_gops <= 0:
            return False
        self._judge_wake()
        if self._is_unsettled():
            self._open_until_s = self._now_s + _OPEN_FOR_S
            self._enter(State.OPEN, Reason.UNSETTLED)
            return False
        self._settled_s.clear()
        self._looked_dts.clear()
        is_first_look = self._has_found
        self._enter(State.ASLEEP, Reason.QUIET)
        self._is_first_look = is_first_look
        return True

    def _alive_s(self) -> float:
        """When the last sign of life was that keeps it awake.

        Whose objects have gone has nothing left to wait for: that the picture changed as they went is no further
        sign. Sleeping too soon loses nothing, as waking goes back to what was decoded last.
        """
        if not self._has_found:
            return self._sign_s
        return max(self._found_s, min(self._demanded_until_s, self._now_s))

    def _lose_patience(self) -> None:
        """Take for the camera's usual what goes on for long though nothing is found in it: rain, a flag, a screen."""
        patience_s = _PATIENCE_S if self._is_told else _PATIENCE_UNTOLD_S
        if self._is_accepting or self._demanded_until_s > self._now_s or self._now_s - self._found_s <= patience_s:
            return
        self._is_accepting = True
        self._sizes.forget()

    def _judge_wake(self) -> None:
        """Learn from the wake that ends, where the analysis said whether it was for nothing."""
        bar = self._bars.get(self._reason)
        if bar is None or not self._is_told:
            return
        self._bars[self._reason] = min(max(1.0, bar * (_LOWER if self._has_found else _HIGHER)), _HIGHEST)
        if not self._has_found:
            if self._reason is Reason.SIZES and self._is_odd():
                self._sizes.forget()  # it goes on, and is nothing
            self._counts["false wakes"] += 1
            self._false_wakes_s.append(self._now_s)

    def _is_unsettled(self) -> bool:
        """Whether too many wakes of late were for nothing."""
        is_full = len(self._false_wakes_s) == _FALSE_WAKES
        return is_full and self._now_s - self._false_wakes_s[0] < _FALSE_WAKES_WITHIN_S

    def _look(self, packet: Packet, time_s: float) -> Work:
        """Asleep: this packet, if it is a key frame and one is due."""
        apart_s = min(_LOOK_AWAKE_S, self._options.look) if self._is_starting else self._options.look
        is_due = time_s >= self._seen_s + apart_s or not self._looked_dts
        if not packet.is_key or not is_due:
            # the decoder must hear that the clock restarted; it decodes nothing before a key frame
            return Work((packet,)) if packet.is_discontinuous else _NOTHING
        self._seen_s = time_s
        self._looked_dts.append(packet.dts or 0)
        self._unanswered += 1
        self._counts["looks"] += 1
        self._counts["decoded"] += 1
        return Work((packet,), is_alone=True)

    def _wake(self, packet: Packet, sign: Reason) -> Work:
        """Go back to where all was known to be quiet, and decode from there."""
        self._wakes[sign] += 1
        self._last_wake = self._now_s, sign
        if sign is Reason.NO_PICTURE:
            self._unanswered = 0
            self._open_until_s = self._now_s + _OPEN_FOR_S
        if sign is Reason.OBJECTS and self._is_starting:  # the pictures so far show whoever is there
            self._pictures.forget()
        self._enter(State.OPEN if sign in _FAULTS else State.AWAKE, sign)
        if not self._decodable:  # nothing to go back to; the decoder waits for a key frame by itself
            self._note_decoded(packet)
            return Work((packet,))
        known_s = self._settled_s[-1] if self._settled_s else self._decoded_until_s
        packets = self._ring.since_key(max(known_s, self._now_s - 2 * self._longest_gop_s))[-self._decodable :]
        restart_s: float | None = max(known_s, self._decoded_until_s)
        if not packets:
            self._good_gops = 0
            self._enter(State.OPEN, Reason.RING)
            packets = [packet]
        elif not self._looked_dts:
            # no key frame has come since it fell asleep: the decoder can go on where it stopped
            packets = [each for each in packets if (each.dts or 0) > self._decoded_until_dts]
            restart_s = None
        self._lost_s += max(0.0, (packets[0].camera_time_s or 0.0) - max(known_s, self._begun_s))
        if packets[0].is_discontinuous and packets[0].dts in self._looked_dts:  # told with the look
            packets[0] = replace(packets[0], is_discontinuous=False)
        for each in packets:
            self._note_decoded(each)
        return Work(packets, known_until_s=restart_s)

    def _note_decoded(self, packet: Packet) -> None:
        dts = packet.dts or 0
        self._counts["decoded"] += 1
        self._counts["repeated"] += dts <= self._decoded_until_dts or dts in self._looked_dts
        self._decoded_until_s = max(self._decoded_until_s, packet.camera_time_s or 0.0)
        self._decoded_until_dts = max(self._decoded_until_dts, dts)
