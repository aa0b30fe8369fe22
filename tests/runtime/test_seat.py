"""A camera's frames go in and its results come out in order, and none is unaccounted for, whatever happens when."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import detections, frame
from watchpost.runtime.adaptive import Wish
from watchpost.runtime.seat import Job, Seat, rate
from watchpost.types import Detections

LOCK = threading.Lock()


def make_seat(*, ahead: int = 2, fps: float = float("inf")) -> Seat:
    return Seat(
        "gate",
        LOCK,
        Wish(fps),
        ahead=ahead,
        fps=lambda wish: wish.fps,
        on_change=lambda seat: None,
        on_leave=lambda seat: None,
    )


def start(seat: Seat) -> Job:
    with LOCK:
        return seat.start()


def finish(seat: Seat, job: Job, outcome: Detections | Exception) -> None:
    with LOCK:
        seat.finish(job, outcome)


STEPS = st.lists(st.sampled_from(["offer", "offer a restart", "start", "finish", "fail", "take"]), max_size=80)


@given(STEPS, st.integers(1, 3), st.sampled_from([float("inf"), 5.0]), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_and_accounts(steps: list[str], ahead: int, fps: float, random: object) -> None:
    seat = make_seat(ahead=ahead, fps=fps)
    started: list[Job] = []  # finished in any order, as by several workers
    unread: list[Job] = []
    seen: list[int] = []
    restarts_in = restarts_out = False
    for index, step in enumerate(steps):
        if step.startswith("offer"):
            restarts_in |= step == "offer a restart"
            seat.offer(frame(index, is_discontinuous=step == "offer a restart"))
        elif step == "start" and seat.is_ready:
            started.append(start(seat))
            unread.append(started[-1])
        elif step in ("finish", "fail") and started:
            job = started.pop(random.randrange(len(started)))  # type: ignore[attr-defined]
            finish(seat, job, detections() if step == "finish" else RuntimeError("no"))
        elif step == "take" and unread and unread[0].outcome is not None:
            if isinstance(unread.pop(0).outcome, Exception):
                with pytest.raises(RuntimeError, match="no"):
                    next(seat.results())
            else:
                each, _ = next(seat.results())
                seen.append(each.index)
                restarts_out |= each.is_discontinuous
        assert len(unread) <= ahead
    assert seen == sorted(set(seen))
    counts = seat.counts
    waiting = counts.wanted - counts.dropped - counts.detected - counts.failed - len(started)
    assert waiting in (0, 1)
    assert counts.wanted + counts.skipped == sum(step.startswith("offer") for step in steps)
    assert not restarts_out or restarts_in


@pytest.mark.parametrize("lost", ["skipped", "replaced", "failed"])
def test_a_restart_of_the_clock_is_told_with_the_next_frame(lost: str) -> None:
    seat = make_seat(fps=10.0)
    if lost == "skipped":
        seat.offer(frame(0))
        finish(seat, start(seat), detections())
        next(seat.results())
        seat.offer(frame(1, fps=100, is_discontinuous=True))
    else:
        seat.offer(frame(1, is_discontinuous=True))
    if lost == "failed":
        finish(seat, start(seat), RuntimeError("no"))
        with pytest.raises(RuntimeError, match="no"):
            next(seat.results())
    seat.offer(frame(2))
    finish(seat, start(seat), detections())
    each, _ = next(seat.results())
    assert (each.index, each.is_discontinuous) == (2, True)
    seat.offer(frame(3))
    finish(seat, start(seat), detections())
    assert not next(seat.results())[0].is_discontinuous


def test_a_frame_of_the_past_waits_for_a_detector_that_hangs_but_not_for_ever() -> None:
    seat = make_seat()
    assert seat.offer(frame(0), wait=True)
    assert seat.offer(frame(1), wait=True, patience_s=0.01)
    assert (seat.counts.wanted, seat.counts.dropped) == (1, 1)
    assert start(seat).frame.index == 1


@pytest.mark.parametrize(
    ("wished", "minimum", "granted", "fps"),
    [(5, 0.2, 5, 5), (5, 0.2, 0.5, 0.5), (5, 1, 0.5, 1), (0.1, 1, 0.1, 0.1)],
)
def test_the_guaranteed_rate_is_the_least_that_is_granted(
    wished: float, minimum: float, granted: float, fps: float
) -> None:
    assert rate(Wish(wished), minimum, granted) == fps
