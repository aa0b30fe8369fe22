"""The shape that is chosen is the one that the machine runs best, the smaller of two that are as good."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from fakes import SIZE, frame
from watchpost.clock import ManualClock
from watchpost.runtime.shape import Shape, choose, measure, measure_batch, shapes_for
from watchpost.types import Detections, Frame


class Costly:
    """Takes 10 ms a call and 1 ms a frame, up to 8 frames; the 9th needs a second round."""

    name = "costly"
    class_names = ()

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self._clock.advance(0.010 * -(-len(frames) // 8) + 0.001 * len(frames))
        return [Detections.empty(SIZE)] * len(frames)

    def close(self) -> None: ...


def test_the_smallest_batch_that_is_nearly_as_fast_is_chosen() -> None:
    clock = ManualClock()
    shapes = [Shape(1, batch) for batch in (1, 4, 8, 16, 32)]
    rates = {shape: measure(Costly(clock), frame(0), shape, clock, 2.0) for shape in shapes}
    assert rates[Shape(1, 1)] == pytest.approx(1 / 0.011, rel=0.01)
    assert rates[Shape(1, 8)] == pytest.approx(8 / 0.018, rel=0.01)
    assert choose(rates, shapes) == Shape(1, 8)


def test_an_error_of_the_detector_comes_out() -> None:
    class Broken(Costly):
        def detect(self, frames: Sequence[Frame]) -> list[Detections]:
            raise RuntimeError("out of memory")

    clock = ManualClock()
    with pytest.raises(RuntimeError, match="out of memory"):
        measure(Broken(clock), frame(0), Shape(2, 1), clock, 1.0)


def test_processors_run_a_call_a_core_and_accelerators_are_measured() -> None:
    assert shapes_for(8, has_accelerator=False) == [Shape(8, 1)]
    assert {shape.workers for shape in shapes_for(8, has_accelerator=True)} == {2}


@pytest.mark.parametrize(("most", "expected"), [(4, 4), (1, 1), (0, 1)])
def test_a_batch_that_does_not_fit_ends_the_search(most: int, expected: int) -> None:
    class Small(Costly):
        def detect(self, frames: Sequence[Frame]) -> list[Detections]:
            if len(frames) > most:
                raise RuntimeError("out of memory")
            with lock:  # two at once take as long as one after the other
                return super().detect(frames)

    lock, clock = threading.Lock(), ManualClock()
    assert measure_batch(Small(clock), frame(0), clock) in {expected, max(1, expected // 2)}
