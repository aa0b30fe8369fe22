"""One running camera: a thread that reads and decodes, a thread that analyses, and nothing that blocks them.

A live camera's reader never waits: the detector takes the newest frame and late ones are dropped, counted. Only for
the past of a camera that has just woken it does, within bounds. A file's reader waits, so that every frame is analysed.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from watchpost.clock import Clock
from watchpost.geometry import box_iou
from watchpost.pipeline import Analysed, Pipeline
from watchpost.runtime.adaptive import AdaptiveOptions, AdaptiveRate, Wish
from watchpost.runtime.intake import Intake, Taken
from watchpost.runtime.priority import give_way
from watchpost.runtime.seat import Seat
from watchpost.runtime.stats import CameraStats
from watchpost.types import Detections, Event, Frame, Packet
from watchpost.video.gate import Gate
from watchpost.video.gate_explained import Reason

_SURE: Final = 0.7
"""Confidence from which on an object in a look wakes the camera: no tracker confirms it there, and below this it would
not become a track either."""
_SURE_AGAIN: Final = 0.4
_SOON_S: Final = 5.0
_SAME_PLACE: Final = 0.3
"""The same, so soon after somebody was seen where it is (at this overlap): they may stand still."""


_PATIENCE_S: Final = 5.0
"""How long a frame of a live camera's past waits for a detector, which may hang."""
_DEMAND_S: Final = 2.0
"""How long a rule that needs frames keeps the camera awake after the last frame that it saw."""


class Camera:
    """Runs `packets` through `intake`, the detector behind `seat` and `pipeline`, then calls `on_frame` and, if
    something happened, `on_events`.

    They are called from the analysis thread: be quick, queue what is slow. `on_events` is also called after the
    last frame, for what was still going on. `on_look` is called from the reading thread with each frame that is seen
    while the camera sleeps.

    The seat's first wish is the camera's rate, in analysed frames per second of camera time; a live camera with
    `adaptive` goes by that from its first packet on. `error` holds what ended
    the camera, `None` for the end of a file or a stop.
    """

    def __init__(
        self,
        name: str,
        packets: Callable[[threading.Event], Iterable[Packet]],
        intake: Intake,
        seat: Seat,
        pipeline: Pipeline,
        on_frame: Sequence[Callable[[Analysed], None]],
        on_events: Sequence[Callable[[list[Event]], None]],
        clock: Clock,
        on_look: Sequence[Callable[[Frame], None]] = (),
        adaptive: AdaptiveOptions | None = None,
    ) -> None:
        self.name = name
        self.stats = CameraStats(clock)
        self.error: Exception | None = None
        self.finished = threading.Event()
        self._packets = packets
        self._intake = intake
        self._seat = seat
        self._pipeline = pipeline
        self._on_frame = tuple(on_frame)
        self._on_events = tuple(on_events)
        self._on_look = tuple(on_look)
        # The same rate all the time; what comes of it is who is quiet, and so gives way under load. Whoever wants all
        # frames has more of them than fit as a matter of course, and that must not slow it down.
        fps = seat.wish.fps
        self._rate = AdaptiveRate(AdaptiveOptions(full_fps=fps, least_fps=fps)) if math.isfinite(fps) else None
        self._adaptive = adaptive
        self._intake.wished_fps = fps
        self._demand_lock = threading.Lock()
        self._demanded_until_s = float("-inf")
        """Camera time until which somebody wants it awake."""
        self._stop = threading.Event()
        self._looks: deque[tuple[int, int]] = deque()
        """Looks that the detector was asked about: frame index, and how often the camera had gone back before."""
        self._concluded_s = float("-inf")
        """Camera time of the last frame that was tracked and judged: it only rises."""
        self._tracked: tuple[float, Detections] | None = None
        """Who was seen last, and when in camera time."""
        self._owes_restart = False
        """A frame that was not concluded said that the clock restarted; so must the next that is."""
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=f"{name} {work.__name__[1:]}", daemon=True)
            for work in (self._read, self._analyse)
        ]

    @property
    def gate(self) -> Gate | None:
        """Why it sleeps or not, `None` where every frame is decoded."""
        return self._intake.gate

    @property
    def ring_bytes(self) -> int:
        """Compressed data that is held of its stream."""
        return self._intake.ring_bytes

    @property
    def spared(self) -> int:
        """Packets that were not decoded although it was awake, as nothing refers to their pictures."""
        return self._intake.spared

    @property
    def wished_fps(self) -> float:
        """Analysed frames a second that it wishes at present; infinite for all."""
        return self._seat.wish.fps

    @property
    def granted_fps(self) -> float:
        """What it is granted of these at the present load."""
        return self._seat.granted_fps

    @property
    def failed(self) -> int:
        """Frames for which the detector gave no result."""
        return self._seat.counts.failed

    def wake(self, seconds: float) -> bool:
        """Keep the camera awake for so long from now on, in camera time; from any thread.

        False where it never sleeps: of a file, or before the first packet.
        """
        if self.gate is None:
            return False
        self._demand(self.gate, self.gate.now_s + seconds)
        return True

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """Begin to end the camera, without waiting for it, nor for a detector that hangs."""
        self._stop.set()
        self._seat.close(discard=True)

    def stop(self, timeout_s: float = 10.0) -> bool:
        """End the camera; its open events are still reported. False if a thread did not end in time."""
        self.ask_to_stop()
        end_s = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # a fault ends this camera alone; who watches it decides what next
            if self.error is None:
                self.error = error
        finally:
            if work == self._read:  # what came before a fault of the source is still analysed
                self._seat.close(discard=self._stop.is_set())
            else:
                self._stop.set()
                self._seat.close(discard=True)
                self.finished.set()

    def _read(self) -> None:
        is_heavy = False
        try:
            for packet in self._packets(self._stop):
                if self.stats.packets == 0:
                    self._begin(packet)
                self.stats.packets += 1
                for taken in self._intake.frames(packet):
                    self._offer(taken)
                    del taken  # or it would be held until the next, which a camera that sleeps takes seconds for
                if self._stop.is_set():
                    return
                if not is_heavy and self.gate is not None and self.gate.reason is Reason.HEAVY:
                    is_heavy = True
                    give_way()  # what it tries later, to see, is not to hold up the others either
        finally:  # a file that breaks off has shown what the decoder holds back
            if not self._stop.is_set():
                for taken in self._intake.flush():
                    self._offer(taken)

    def _begin(self, packet: Packet) -> None:
        if packet.stream.is_live and self._adaptive is not None:
            self._wish(Wish(self._adaptive.full_fps))
            self._rate = AdaptiveRate(self._adaptive)

    def _wish(self, wish: Wish) -> None:
        self._seat.wish = wish
        self._intake.wished_fps = wish.fps

    def _demand(self, gate: Gate, until_s: float) -> None:
        # rules and operators may both wish, and none takes back what another wants
        with self._demand_lock:
            self._demanded_until_s = max(self._demanded_until_s, until_s)
            gate.demand(self._demanded_until_s)

    def _offer(self, taken: Taken) -> None:
        frame = taken.frame
        self.stats.decoded += 1
        self.stats.damaged += frame.is_damaged
        if taken.is_look:
            for call in self._on_look:
                call(frame)
            if taken.is_wanted:
                self._looks.append((frame.index, self._intake.returns))
        if taken.is_wanted and frame.camera_time_s > self._concluded_s:
            patience_s = None if self.gate is None else _PATIENCE_S  # whoever watches a camera waits for this thread
            self._seat.offer(frame, wait=taken.may_wait, always=taken.is_look, patience_s=patience_s)
            self.stats.dropped, self.stats.skipped = self._seat.counts.dropped, self._seat.counts.skipped

    def _analyse(self) -> None:
        try:
            for frame, found in self._seat.results():
                self._judge(frame, self._pipeline.wanted(found))
                del frame, found
        finally:
            self._tell(self._pipeline.finish())

    def _judge(self, frame: Frame, found: Detections) -> None:
        is_look, is_valid = self._look_up(frame)
        count = self._sure(frame, found) if is_look else 0
        if is_look and self.gate is not None:
            self.gate.see_objects(frame.camera_time_s, count)
        if frame.camera_time_s <= self._concluded_s or (is_look and (count or not is_valid)):
            self._owes_restart |= frame.is_discontinuous
            return
        if self._owes_restart:
            frame = dataclasses.replace(frame, is_discontinuous=True)
        self._owes_restart = False
        self._concluded_s = frame.camera_time_s
        result = self._pipeline.conclude(frame, found)
        if self.gate is not None and not is_look:
            self.gate.see_objects(frame.camera_time_s, len(result.detections))
        if self.gate is not None and self._pipeline.needs_frames:
            self._demand(self.gate, frame.camera_time_s + _DEMAND_S)
        if len(result.detections):
            self._tracked = frame.camera_time_s, result.detections
        if self._rate is not None:
            self._wish(self._rate.see(found, result.detections, frame.camera_time_s))
        self.stats.note(result)
        for call in self._on_frame:
            call(result)
        self._tell(result.events)

    def _sure(self, frame: Frame, found: Detections) -> int:
        """How many of the objects in a look are worth waking for."""
        is_sure = found.confidence >= _SURE
        if self._tracked is not None and frame.camera_time_s - self._tracked[0] < _SOON_S and len(found):
            is_there = box_iou(found.xyxy, self._tracked[1].xyxy).max(axis=1) >= _SAME_PLACE
            is_sure = is_sure | (is_there & (found.confidence >= _SURE_AGAIN))
        return int(is_sure.sum())

    def _look_up(self, frame: Frame) -> tuple[bool, bool]:
        """Whether a frame was a look, and whether it still holds: it may come again, with what was before it."""
        while self._looks and self._looks[0][0] < frame.index:  # they were dropped for newer frames
            self._looks.popleft()
        if not self._looks or self._looks[0][0] != frame.index:
            return False, True
        _, returns = self._looks.popleft()
        return True, self._intake.returns == returns or frame.camera_time_s <= self._intake.known_until_s

    def _tell(self, events: list[Event]) -> None:
        if events:
            self.stats.events += len(events)
            for call in self._on_events:
                call(events)
