"""Many cameras at shared detectors: the newest frame of each, in fair turns, in batches that wait for no one too long.

A worker is a thread that takes a batch, runs the detector on it and hands out the results. `workers` times `batch` is
how many frames are in detection at once. See docs/design/batching.md.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from watchpost.clock import Clock
from watchpost.config.detection import LoadOptions
from watchpost.detectors import Detector
from watchpost.runtime.adaptive import Wish
from watchpost.runtime.fairness import FairTurns
from watchpost.runtime.lane import Lane, LaneCounts, Outcome, Served, detect
from watchpost.runtime.load import Level, Load, LoadChange, LoadControl
from watchpost.runtime.notices import DetectorFailure, DetectorHang, DetectorHungError, Notice
from watchpost.runtime.seat import Job, Seat, SeatCounts, rate
from watchpost.types import Frame

_LOG: Final = logging.getLogger(__name__)
_TURN_S: Final = 0.005
"""Credit of a visit in the round of models, in seconds of a worker."""
_SLOW_S: Final = 5.0
"""A worker that has been in a call for so long may never come back: other models get another one meanwhile."""
_FAULTY_AFTER: Final = 5
"""Calls in a row that fail for every frame, after which it is the detector and not the pictures."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A thread and what it is about."""

    lane: Lane | None = None
    """Whose frames it has, until they are handed out or given up."""
    called: Lane | None = None
    """Whose detector it is in, also after it was given up."""
    jobs: list[tuple[Seat, Job]] = field(default_factory=list)
    since_s: float = 0.0
    is_given_up: bool = False
    thread: threading.Thread | None = None


class Batcher:
    """Runs `models` for the cameras that `join`, with `workers` threads. It does not own the detectors.

    A call that raises is repeated frame by frame, so that one camera's bad picture costs no other camera its frame;
    what fails alone is raised to its camera. A call that takes longer than `hang_after_s` is given up: its cameras get
    `DetectorHungError`, `on_notice` a `DetectorHang`, and a new thread takes its place, up to `workers` times; the next
    that hangs leaves a worker less, until one of them returns.

    With `heals`, its owner opens such detectors anew: a model with a call that hangs, or of which several calls in a
    row failed altogether (`DetectorFailure`), is given nothing more until `replace`. Its cameras stay, their newest
    frames wait, and those that were lost are told to nobody, but counted.

    `on_notice` is also told each step of the order of degradation (`load`). It is called from the thread of `tend`.
    """

    def __init__(
        self,
        models: Mapping[str, Served],
        clock: Clock,
        *,
        workers: int = 1,
        load: LoadOptions | None = None,
        hang_after_s: float = 30.0,
        on_notice: Callable[[Notice], None] | None = None,
        heals: bool = False,
    ) -> None:
        self._load = LoadControl(load or LoadOptions(), clock)
        self._clock = clock
        self._on_notice = on_notice or (lambda notice: _LOG.warning("%s", notice))
        self._hang_after_s = hang_after_s
        self._heals = heals
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._answered = threading.Condition(self._lock)
        self._models: FairTurns[str] = FairTurns(_TURN_S)
        self._lanes: dict[str, Lane] = {}
        for name, served in models.items():
            self.serve(name, served)
        self._lane_of: dict[Seat, Lane] = {}
        self._workers = [_Worker() for _ in range(workers)]
        self._hung: list[_Worker] = []
        self._worker_count = workers
        self._is_started = self._is_stopping = False
        self._gone, self._gone_lanes = SeatCounts(), LaneCounts()
        self._failures: list[DetectorFailure] = []
        """Not told yet."""
        self._last_look = (clock.monotonic_s(), 0, 0, 0.0)

    def start(self) -> None:
        """Start the workers."""
        self._is_started = True
        for worker in self._workers:
            self._launch(worker)

    def configure(self, *, workers: int, load: LoadOptions, hang_after_s: float) -> None:
        """Change these, at any time. Workers too many end with their present call."""
        with self._lock:
            self._worker_count, self._hang_after_s, self._load.options = workers, hang_after_s, load
            if self._is_started:
                self._add_workers(self._clock.monotonic_s())
            else:
                self._workers = [_Worker() for _ in range(workers)]
            self._wake.notify_all()

    def serve(self, name: str, served: Served) -> None:
        """Take up a model, at any time; a name that is free."""
        with self._lock:
            self._lanes[name] = Lane(name, served)
            self._models.add(name, 0.0, weight=served.share, cost=_TURN_S)
            self._load.has_smaller = self._has_smaller()

    def replace(self, name: str, served: Served) -> Lane:
        """Go on with a model that was opened anew; its cameras stay.

        Returns what it replaces: its detector may be closed when its `calls` are 0.
        """
        with self._lock:
            old = self._lanes[name]
            new = Lane(name, served, old.turns, old.since_s, old.seats, counts=old.counts)
            self._lanes[name] = new
            for seat in [seat for seat, lane in self._lane_of.items() if lane is old]:
                self._lane_of[seat] = new
            self._load.has_smaller = self._has_smaller()
            self._wake.notify_all()
            return old

    def is_out(self, name: str) -> bool:
        """Whether a model gets nothing to do until `replace`."""
        return self._lanes[name].is_out

    def open_calls(self, name: str) -> int:
        """Calls of a model, as it is since the last `replace`, that have not returned."""
        return self._lanes[name].calls

    def hung_calls(self, name: str) -> int:
        """Calls of a model, as it is and as it was before `replace`, that were given up and have not returned."""
        with self._lock:
            return sum(worker.called is not None and worker.called.name == name for worker in self._hung)

    def withdraw(self, name: str, timeout_s: float = 10.0) -> bool:
        """Serve a model no more; its cameras have gone. False if a call of it did not return: leave it open then."""
        with self._lock:
            lane = self._lanes.pop(name)
            self._models.remove(name)
            self._gone_lanes += lane.counts
            self._load.has_smaller = self._has_smaller()
            return self._answered.wait_for(lambda: lane.calls == 0, timeout_s)

    def join(
        self,
        camera: str,
        model: str,
        *,
        fps: float = float("inf"),
        weight: float = 1.0,
        minimum_fps: float = 0.2,
        ahead: int = 2,
    ) -> Seat:
        """A seat for a camera, at any time. Raises `ValueError` for a weight or rate out of range.

        `fps` is its first wish, frames per second of camera time. When there is more to do than fits, it gets time by
        its `weight` (0.01-100), but at least `minimum_fps` as long as all such promises fit, and never nothing.
        `ahead` frames may be in detection or wait for the camera to take their results: with more than 2 a camera
        that is alone keeps several workers busy.
        """
        if minimum_fps <= 0:
            raise ValueError(f"minimum_fps: expected more than 0, got {minimum_fps}")
        lane = self._lanes[model]
        seat = Seat(
            camera,
            self._lock,
            Wish(fps),
            ahead=ahead,
            fps=lambda wish: rate(wish, minimum_fps, self._load.fps(wish)),
            on_change=self._note_change,
            on_leave=self._leave,
            forgives=self._heals,
        )
        with self._lock:
            lane.turns.add(seat, self._clock.monotonic_s(), weight=weight, promised_per_s=minimum_fps)
            lane.seats += 1
            self._lane_of[seat] = lane
            if self._is_stopping:
                seat.shut(discard_waiting=True, discard_started=True)
        return seat

    def tend(self) -> None:
        """Look for calls that hang, and at the load; call it about once a second."""
        with self._lock:
            now_s, lanes = self._clock.monotonic_s(), self._lanes.values()
            notices: list[Notice] = [
                self._give_up(worker) for worker in [*self._workers] if self._is_hanging(worker, now_s)
            ]
            if not self._workers:
                self._fail_waiting()
            if self._heals and any(lane.due_s(now_s) is not None and self._may_call(lane) for lane in lanes):
                self._add_workers(now_s)
            change = self._look(now_s)
            failures, self._failures = self._failures, []
            self._wake.notify_all()
        for notice in [*notices, *failures, *([change] if change else [])]:
            self._on_notice(notice)

    def stop(self, timeout_s: float = 10.0) -> bool:
        """End: what is in detection is handed out, what waits is not. False if a call did not return in time."""
        with self._lock:
            self._is_stopping = True
            for seat in self._lane_of:
                seat.shut(discard_waiting=True, discard_started=False)
            workers = [*self._workers, *self._hung]
            self._wake.notify_all()
        end_s = time.monotonic() + timeout_s
        for worker in workers:
            if worker.thread is not None:
                worker.thread.join(max(0.0, end_s - time.monotonic()))
        with self._lock:  # what has no answer by now gets none
            for seat in self._lane_of:
                seat.shut(discard_waiting=True, discard_started=True)
        return not any(worker.thread is not None and worker.thread.is_alive() for worker in workers)

    @property
    def level(self) -> Level:
        """How much is given up at present."""
        return self._load.level

    def counts(self) -> dict[str, float]:
        """Totals since the start, `busy_s` in seconds of workers; now: `level`, `hung` calls, `seats`, `waiting`."""
        with self._lock:
            total = self._total()
            lanes = sum((lane.counts for lane in self._lanes.values()), self._gone_lanes)
            return {
                "wanted": total.wanted,
                "skipped": total.skipped,
                "dropped": total.dropped,
                "detected": total.detected,
                "failed": total.failed,
                "batches": lanes.calls,
                "hangs": lanes.hangs,
                "busy_s": self._busy_until(self._clock.monotonic_s()),
                "steps_down": self._load.steps_down,
                "steps_up": self._load.steps_up,
                "level": int(self._load.level),
                "workers": self._worker_count,
                "hung": len(self._hung),
                "seats": len(self._lane_of),
                "waiting": sum(len(lane.since_s) for lane in self._lanes.values()),
            }

    def model_counts(self) -> dict[str, LaneCounts]:
        """What was done by each model that is served, since it was first."""
        with self._lock:
            return {name: dataclasses.replace(lane.counts) for name, lane in self._lanes.items()}

    # The work of one thread.

    def _launch(self, worker: _Worker) -> None:
        worker.thread = threading.Thread(target=self._run, args=(worker,), name="detect", daemon=True)
        worker.thread.start()

    def _run(self, worker: _Worker) -> None:
        while (batch := self._take(worker)) is not None:
            detector, frames = batch
            outcomes = detect(detector, frames)
            if not self._hand_out(worker, outcomes):
                return

    def _take(self, worker: _Worker) -> tuple[Detector, list[Frame]] | None:
        """The next batch, when there is one; `None` at the end."""
        with self._lock:
            while not self._is_stopping:
                now_s = self._clock.monotonic_s()
                if self._free_workers(now_s) > self._worker_count:
                    self._workers.remove(worker)
                    self._wake.notify()  # it may have been woken for somebody
                    return None
                lane, next_s = self._next_lane(now_s)
                if lane is not None:
                    return self._start(worker, lane, now_s)
                self._wake.wait(None if next_s is None else next_s - now_s)
        return None

    def _next_lane(self, now_s: float) -> tuple[Lane | None, float | None]:
        """The model whose turn it is, or else when the next batch is due."""
        next_s: float | None = None
        for name, lane in self._lanes.items():
            due_s = lane.due_s(now_s) if self._may_call(lane) else None
            if due_s is not None and due_s <= now_s:
                self._models.want(name)
                continue
            self._models.drop(name)
            if due_s is not None:
                next_s = due_s if next_s is None else min(next_s, due_s)
        name_or_none = self._models.take(now_s)
        return None if name_or_none is None else self._lanes[name_or_none], next_s

    def _may_call(self, lane: Lane) -> bool:
        """Workers beyond their usual number are there for the other models, see `_add_workers`."""
        return lane.calls < self._worker_count or not self._heals

    def _start(self, worker: _Worker, lane: Lane, now_s: float) -> tuple[Detector, list[Frame]]:
        served = lane.served
        worker.lane, worker.since_s = lane, now_s
        worker.called = lane
        lane.calls += 1
        while len(worker.jobs) < served.batch and (seat := lane.turns.take(now_s)) is not None:
            del lane.since_s[seat]
            worker.jobs.append((seat, seat.start()))
        if lane.since_s or len(self._lanes) > 1:  # there may be a batch for another worker
            self._wake.notify()
        is_small = self._load.level >= Level.SMALLER_INPUT
        return served.detector_for(is_small=is_small), [job.frame for _, job in worker.jobs]

    def _hand_out(self, worker: _Worker, outcomes: list[Outcome]) -> bool:
        """Give each camera its result; false when this worker is not needed any more."""
        with self._lock:
            assert worker.called is not None  # noqa: S101 - it has just been at work
            worker.called.calls -= 1
            self._answered.notify_all()
            if worker.is_given_up:  # it hung, and comes back after its cameras were told
                self._hung.remove(worker)
                if len(self._workers) >= self._worker_count or self._is_stopping:
                    return False
                worker.is_given_up = False
                self._workers.append(worker)
                return True
            lane = worker.lane
            assert lane is not None  # noqa: S101 - it has just been at work
            if self._lanes.get(lane.name) is lane:  # not withdrawn meanwhile
                self._models.settle(lane.name, self._clock.monotonic_s() - worker.since_s)
            self._close_call(worker, outcomes)
            return True

    def _close_call(self, worker: _Worker, outcomes: list[Outcome]) -> None:
        lane = worker.lane
        assert lane is not None  # noqa: S101 - it has just been at work
        lane.note(outcomes, self._clock.monotonic_s() - worker.since_s)
        if self._heals and lane.failures >= _FAULTY_AFTER and not lane.is_out:
            lane.is_out = True
            last = next(each for each in reversed(outcomes) if isinstance(each, Exception))
            told = DetectorFailure(
                self._clock.wall_time_s(), lane.name, lane.failures, f"{type(last).__name__}: {last}"
            )
            self._failures.append(told)
        jobs, worker.jobs, worker.lane = worker.jobs, [], None
        for (seat, job), outcome in zip(jobs, outcomes, strict=True):
            seat.finish(job, outcome)

    # What changes at the seats, under the lock.

    def _note_change(self, seat: Seat) -> None:
        """A seat has a frame, or room for one, that it had not."""
        lane = self._lane_of.get(seat)
        if lane is None:
            return
        if not seat.is_ready:
            lane.turns.drop(seat)
            lane.since_s.pop(seat, None)
            return
        if seat in lane.since_s:
            return
        now_s = self._clock.monotonic_s()
        lane.turns.want(seat)
        lane.since_s[seat] = now_s
        due_s = lane.due_s(now_s)
        if len(lane.since_s) == 1 or (due_s is not None and due_s <= now_s):
            self._wake.notify()

    def _leave(self, seat: Seat) -> None:
        with self._lock:
            lane = self._lane_of.pop(seat, None)
            if lane is None:
                return
            lane.turns.remove(seat)
            lane.since_s.pop(seat, None)
            lane.seats -= 1
            self._gone += seat.counts

    # What `tend` looks after, under the lock.

    def _is_hanging(self, worker: _Worker, now_s: float) -> bool:
        return worker.lane is not None and now_s - worker.since_s >= self._hang_after_s

    def _give_up(self, worker: _Worker) -> DetectorHang:
        lane = worker.lane
        assert lane is not None  # noqa: S101 - it hangs in a call
        cameras = tuple(seat.name for seat, _ in worker.jobs)
        lane.is_out = self._heals
        self._close_call(worker, [self._hung_error(lane) for _ in worker.jobs])
        worker.is_given_up = True
        self._workers.remove(worker)
        self._hung.append(worker)
        lane.counts.hangs += 1
        if self._heals or len(self._hung) <= self._worker_count:
            self._add_workers(self._clock.monotonic_s(), most=self._worker_count)
        return DetectorHang(self._clock.wall_time_s(), lane.name, cameras, len(self._hung))

    def _free_workers(self, now_s: float) -> int:
        """Those that wait or may be back soon."""
        return sum(worker.lane is None or now_s - worker.since_s < _SLOW_S for worker in self._workers)

    def _add_workers(self, now_s: float, most: int | None = None) -> None:
        """In place of those that are in calls for long, so that a model that hangs does not hold up the others."""
        most = 2 * self._worker_count if most is None else most
        missing = min(self._worker_count - self._free_workers(now_s), most - len(self._workers))
        if self._is_stopping or (len(self._hung) > self._worker_count and not self._heals):
            return
        for _ in range(missing):
            fresh = _Worker()
            self._workers.append(fresh)
            self._launch(fresh)

    def _has_smaller(self) -> bool:
        return any(lane.served.smaller is not None for lane in self._lanes.values())

    def _fail_waiting(self) -> None:
        """With no worker left, cameras are told instead of left to wait."""
        for lane in self._lanes.values():
            for seat in [*lane.since_s]:
                del lane.since_s[seat]
                lane.turns.drop(seat)
                seat.finish(seat.start(), self._hung_error(lane))

    def _hung_error(self, lane: Lane) -> DetectorHungError:
        return DetectorHungError(f"the detector {lane.name} has not answered for {self._hang_after_s:.0f} s.")

    def _look(self, now_s: float) -> LoadChange | None:
        then_s, wanted_then, dropped_then, busy_s = self._last_look
        if now_s <= then_s:
            return None
        # who wants all frames drops some as a matter of course: only rates that are not kept are too much to do
        # and what waits for a detector that is broken waits for no time of a worker
        limited = [seat.counts for seat, at in self._lane_of.items() if math.isfinite(seat.wish.fps) and not at.is_out]
        wanted, dropped = sum(each.wanted for each in limited), sum(each.dropped for each in limited)
        busy_now_s = self._busy_until(now_s)
        self._last_look = (now_s, wanted, dropped, busy_now_s)
        busy = (busy_now_s - busy_s) / ((now_s - then_s) * max(1, len(self._workers)))
        since = max(0, wanted - wanted_then), max(0, dropped - dropped_then)  # cameras that went took theirs along
        return self._load.look(Load(*since, min(1.0, busy)))

    def _busy_until(self, now_s: float) -> float:
        done_s = self._gone_lanes.busy_s + sum(lane.counts.busy_s for lane in self._lanes.values())
        return done_s + sum(now_s - worker.since_s for worker in self._workers if worker.lane is not None)

    def _total(self) -> SeatCounts:
        total = self._gone
        for seat in self._lane_of:
            total += seat.counts
        return total
