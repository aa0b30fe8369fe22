"""Cameras share detectors: newest frames, in order, fairly; faults stay where they belong; an end always comes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fakes import SeenRule, detections, frame
from waiting import until
from watchpost.clock import Clock, ManualClock, SystemClock
from watchpost.config.detection import LoadOptions
from watchpost.detectors import Detector
from watchpost.pipeline import Pipeline
from watchpost.runtime.adaptive import AdaptiveOptions, AdaptiveRate, Wish
from watchpost.runtime.assembly import make_tracker
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.lane import Served
from watchpost.runtime.load import Level, LoadChange
from watchpost.runtime.notices import DetectorFailure, DetectorHang, DetectorHungError, Notice
from watchpost.runtime.seat import Seat
from watchpost.types import Detections, Frame


class Gated:
    """A detector that notes its batches, waits for `gate`, and does what `act` says for each frame."""

    name = "gated"
    class_names = ("person", "car")

    def __init__(self, *, is_open: bool = True, act: Callable[[Frame], None] | None = None) -> None:
        self.gate = threading.Event()
        self.batches: list[list[tuple[str, int]]] = []
        self.began = threading.Semaphore(0)
        self._act = act
        if is_open:
            self.gate.set()

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.batches.append([(each.camera, each.index) for each in frames])
        self.began.release()
        assert self.gate.wait(20)
        for each in frames:
            if self._act:
                self._act(each)
        # the box tells which frame it was
        return [detections((each.index, 0, each.index + 20, 20)) for each in frames]

    def close(self) -> None: ...

    def wait_for_call(self) -> None:
        assert self.began.acquire(timeout=20)


Make = Callable[..., Batcher]


@pytest.fixture
def make() -> Iterator[Make]:
    """A started batcher of one model, stopped at the end."""
    made: list[Batcher] = []

    def start(detector: Detector, clock: Clock | None = None, *, workers: int = 1, **more: object) -> Batcher:
        served = {key: more.pop(key) for key in ("batch", "fill_s", "smaller") if key in more}
        models = {"person": Served(detector, **served)}  # type: ignore[arg-type]
        batcher = Batcher(models, clock or SystemClock(), workers=workers, **more)  # type: ignore[arg-type]
        batcher.start()
        made.append(batcher)
        return batcher

    yield start
    for batcher in made:
        batcher.stop(1.0)


def indices(seat: Seat) -> list[int]:
    """The frames whose results come until the seat is closed; each result is that of its frame."""
    seen = []
    for each, found in seat.results():
        assert found.xyxy[0, 0] == each.index
        seen.append(each.index)
    return seen


@pytest.mark.parametrize(("workers", "batch"), [(1, 1), (1, 4), (3, 1), (3, 4)])
def test_every_camera_gets_its_results_in_its_order(make: Make, workers: int, batch: int) -> None:
    batcher = make(Gated(), workers=workers, batch=batch, fill_s=0.001)
    seats = [batcher.join(f"camera {number}", "person", ahead=workers) for number in range(5)]
    seen: dict[str, list[int]] = {}

    def offer(seat: Seat) -> None:
        for index in range(40):
            assert seat.offer(frame(index), wait=True)
        seat.close()

    def collect(seat: Seat) -> None:
        seen[seat.name] = indices(seat)

    threads = [threading.Thread(target=work, args=(seat,)) for seat in seats for work in (offer, collect)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == {seat.name: list(range(40)) for seat in seats}
    counts = batcher.counts()
    assert (counts["detected"], counts["failed"], counts["dropped"], counts["seats"]) == (200, 0, 0, 0)


def test_the_newest_frame_waits_and_the_others_are_counted(make: Make) -> None:
    detector = Gated(is_open=False)
    seat = make(detector).join("gate", "person")
    seat.offer(frame(0))
    detector.wait_for_call()
    for index in range(1, 6):
        assert seat.offer(frame(index))
    seat.close()
    detector.gate.set()
    assert indices(seat) == [0, 5]
    assert (seat.counts.wanted, seat.counts.dropped, seat.counts.detected) == (6, 4, 2)


def test_frames_that_are_not_due_are_skipped(make: Make) -> None:
    seat = make(Gated()).join("gate", "person", fps=5, ahead=10)
    taken = [index for index in range(6) if seat.offer(frame(index, fps=10), wait=True)]
    assert taken == [0, 2, 4]
    seat.wish = Wish(10.0)
    assert seat.offer(frame(6, fps=10), wait=True)
    assert seat.offer(frame(7, fps=10), wait=True)
    assert seat.counts.skipped == 3


def test_who_does_not_take_results_gets_no_more_detected_and_holds_up_nobody(make: Make) -> None:
    detector = Gated()
    batcher = make(detector)
    lazy, keen = batcher.join("lazy", "person", ahead=2), batcher.join("keen", "person")
    results = keen.results()
    for index in range(20):
        lazy.offer(frame(index, camera="lazy"))
        keen.offer(frame(index, camera="keen"))
        assert next(results)[0].index == index
    assert [camera for batch in detector.batches for camera, _ in batch].count("lazy") == 2
    assert lazy.counts.dropped == 17


def test_a_batch_waits_for_others_only_until_its_oldest_frame_is_due(make: Make) -> None:
    clock, detector = ManualClock(), Gated()
    batcher = make(detector, clock, batch=3, fill_s=0.5)
    seats = [batcher.join(f"camera {number}", "person") for number in range(4)]
    seats[0].offer(frame(0, camera="0"))
    seats[1].offer(frame(1, camera="1"))
    clock.advance(0.4)
    batcher.tend()
    assert not detector.batches
    clock.advance(0.1)
    batcher.tend()
    detector.wait_for_call()
    assert detector.batches == [[("0", 0), ("1", 1)]]
    for number, seat in enumerate(seats[:3]):
        seat.offer(frame(2, camera=str(number)))
    detector.wait_for_call()  # a full batch does not wait
    assert len(detector.batches[1]) == 3


def test_a_batch_does_not_wait_when_nobody_is_left_to_wait_for(make: Make) -> None:
    detector = Gated()
    batcher = make(detector, ManualClock(), batch=8, fill_s=100.0)
    seats = [batcher.join("a", "person"), batcher.join("b", "person")]
    for seat in seats:
        seat.offer(frame(0))
    detector.wait_for_call()
    assert len(detector.batches[0]) == 2


def test_a_frame_that_fails_costs_no_other_camera_its_frame(make: Make) -> None:
    def refuse(each: Frame) -> None:
        if each.camera == "bad" and each.index == 0:
            raise RuntimeError("no such picture")

    detector = Gated(act=refuse)
    batcher = make(detector, ManualClock(), batch=3, fill_s=100.0)
    seats = [batcher.join(name, "person") for name in ("good", "bad", "fine")]
    for seat in seats:
        seat.offer(frame(0, camera=seat.name))
    assert next(seats[0].results())[0].index == 0
    assert next(seats[2].results())[0].index == 0
    with pytest.raises(RuntimeError, match="no such picture"):
        next(seats[1].results())
    for seat in seats:
        seat.offer(frame(1, camera=seat.name))
    assert next(seats[1].results())[0].index == 1  # the seat is good for more
    assert seats[1].counts.failed == 1


def test_a_detector_that_returns_too_few_results_is_told(make: Make) -> None:
    class Short(Gated):
        def detect(self, frames: Sequence[Frame]) -> list[Detections]:
            return []

    seat = make(Short()).join("gate", "person")
    seat.offer(frame(0))
    with pytest.raises(RuntimeError, match="gated returned 0 results for 1 frames"):
        next(seat.results())


def test_a_call_that_hangs_is_told_and_others_go_on(make: Make) -> None:
    let_go = threading.Event()

    def hang(each: Frame) -> None:
        if each.camera == "bad" and each.index == 0:
            assert let_go.wait(20)

    clock, notices = ManualClock(), list[Notice]()
    detector = Gated(act=hang)
    batcher = make(detector, clock, hang_after_s=30.0, on_notice=notices.append)
    bad, good = batcher.join("bad", "person"), batcher.join("good", "person")
    bad.offer(frame(0, camera="bad"))
    detector.wait_for_call()
    good.offer(frame(0, camera="good"))
    clock.advance(29)
    batcher.tend()
    assert not notices
    clock.advance(1)
    batcher.tend()
    assert notices == [DetectorHang(clock.wall_time_s(), "person", ("bad",), 1)]
    assert str(notices[0]) == "person does not answer; frames lost of bad; 1 calls hang"
    with pytest.raises(DetectorHungError, match="the detector person has not answered for 30 s"):
        next(bad.results())
    assert next(good.results())[0].index == 0
    bad.offer(frame(1, camera="bad"))
    assert next(bad.results())[0].index == 1
    let_go.set()  # the late answer goes nowhere, its thread ends
    assert until(lambda: batcher.counts()["hung"] == 0)
    assert batcher.counts()["hangs"] == 1


def test_a_detector_that_hangs_for_ever_is_told_to_each_camera_until_it_returns(make: Make) -> None:
    clock, notices = ManualClock(), list[Notice]()
    detector = Gated(is_open=False)
    batcher = make(detector, clock, hang_after_s=10.0, on_notice=notices.append)
    seats = [batcher.join(f"camera {number}", "person") for number in range(4)]
    for seat in seats:
        seat.offer(frame(0, camera=seat.name))
    for _ in range(2):  # the only worker, and the one that takes its place
        detector.wait_for_call()
        clock.advance(10)
        batcher.tend()
    assert [notice.hung for notice in notices if isinstance(notice, DetectorHang)] == [1, 2]
    for seat in seats:  # two were in a call that hung; the others wait, and nobody is left to work
        with pytest.raises(DetectorHungError):
            next(seat.results())
    detector.gate.set()
    assert until(lambda: batcher.counts()["hung"] == 0)
    seats[0].offer(frame(1, camera="camera 0"))
    assert next(seats[0].results())[0].index == 1


def test_cameras_come_and_go_while_others_run(make: Make) -> None:
    detector = Gated()
    batcher = make(detector, workers=2)
    steady = batcher.join("steady", "person")
    results = steady.results()
    for index in range(50):
        passing = batcher.join("passing", "person")
        passing.offer(frame(index, camera="passing"))
        steady.offer(frame(index))
        passing.close(discard=True)
        assert list(passing.results()) == []
        assert not passing.offer(frame(index))
        assert next(results)[0].index == index
    assert batcher.counts()["seats"] == 1


def test_leaving_does_not_wait_for_a_call(make: Make) -> None:
    detector = Gated(is_open=False)
    seat = make(detector).join("gate", "person")
    seat.offer(frame(0))
    detector.wait_for_call()
    collected: list[list[int]] = []
    thread = threading.Thread(target=lambda: collected.append(indices(seat)))
    thread.start()
    seat.close(discard=True)
    thread.join(10)
    assert collected == [[]]
    detector.gate.set()


def test_a_reader_that_waits_is_let_go_when_its_seat_is_closed(make: Make) -> None:
    detector = Gated(is_open=False)
    seat = make(detector).join("gate", "person", ahead=1)
    seat.offer(frame(0), wait=True)
    detector.wait_for_call()
    seat.offer(frame(1), wait=True)
    taken: list[bool] = []
    thread = threading.Thread(target=lambda: taken.append(seat.offer(frame(2), wait=True)))
    thread.start()
    seat.close(discard=True)
    thread.join(10)
    assert taken == [False]
    detector.gate.set()


def test_the_end_hands_out_what_is_in_detection() -> None:
    detector = Gated(is_open=False)
    batcher = Batcher({"person": Served(detector)}, SystemClock())
    batcher.start()
    seat = batcher.join("gate", "person")
    seat.offer(frame(0))
    detector.wait_for_call()
    seat.offer(frame(1))
    stopped: list[bool] = []
    thread = threading.Thread(target=lambda: stopped.append(batcher.stop()))
    thread.start()
    assert until(lambda: not seat.offer(frame(2)))
    detector.gate.set()
    thread.join(10)
    assert stopped == [True]
    assert indices(seat) == [0]
    late = batcher.join("late", "person")
    assert not late.offer(frame(0))
    assert list(late.results()) == []


def test_the_end_does_not_wait_for_a_call_that_hangs() -> None:
    detector = Gated(is_open=False)
    batcher = Batcher({"person": Served(detector)}, SystemClock())
    batcher.start()
    seat = batcher.join("gate", "person")
    seat.offer(frame(0))
    detector.wait_for_call()
    assert not batcher.stop(timeout_s=0.05)
    assert list(seat.results()) == []
    detector.gate.set()


def test_a_call_that_hangs_does_not_hold_up_the_end_of_the_program() -> None:
    script = """
import threading
from fakes import frame
from watchpost.clock import SystemClock
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.lane import Served
class Hangs:
    name, class_names, working = "hangs", (), threading.Event()
    def detect(self, frames):
        self.working.set()
        threading.Event().wait()
batcher = Batcher({"person": Served(Hangs())}, SystemClock())
batcher.start()
batcher.join("gate", "person").offer(frame(0))
Hangs.working.wait()
"""
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}  # where pytest found the fakes
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30, env=os.environ | paths)


def test_overloaded_cameras_share_by_weight() -> None:
    def refill(each: Frame) -> None:
        for seat in seats:
            seat.offer(frame(each.index + 1, camera=seat.name))

    detector = Gated(act=refill)
    batcher = Batcher({"person": Served(detector)}, ManualClock())
    seats = [
        batcher.join(name, "person", weight=weight, ahead=10_000)
        for name, weight in zip("abcd", (1, 1, 2, 4), strict=True)
    ]
    for seat in seats:
        seat.offer(frame(0, camera=seat.name))
    batcher.start()
    assert until(lambda: len(detector.batches) >= 400)
    assert batcher.stop()
    cameras = [batch[0][0] for batch in detector.batches[:400]]
    assert [cameras.count(name) for name in "abcd"] == pytest.approx([50, 50, 100, 200], abs=2)


def test_models_share_the_workers_time() -> None:
    """Of equal shares the model that takes three times as long gets a third of the turns."""
    clock = ManualClock()
    lock = threading.Lock()

    def takes(seconds: float) -> Gated:
        def act(each: Frame) -> None:
            with lock:
                clock.advance(seconds)
            for seat in seats:
                seat.offer(frame(each.index + 1))

        return Gated(act=act)

    fast, slow = takes(0.01), takes(0.03)
    batcher = Batcher({"fast": Served(fast), "slow": Served(slow)}, clock)
    seats = [batcher.join("a", "fast", ahead=10_000), batcher.join("b", "slow", ahead=10_000)]
    for seat in seats:
        seat.offer(frame(0))
    batcher.start()
    assert until(lambda: len(fast.batches) + len(slow.batches) > 400)
    assert batcher.stop()
    assert len(fast.batches) / len(slow.batches) == pytest.approx(3, rel=0.15)


def test_too_much_to_do_lowers_quiet_cameras_then_the_input_and_is_told(make: Make) -> None:
    clock, notices = ManualClock(), list[Notice]()
    detector, smaller = Gated(is_open=False), Gated()
    batcher = make(
        detector, clock, smaller=smaller, on_notice=notices.append, load=LoadOptions(slower_fps=2, slowest_fps=1)
    )
    quiet, busy = batcher.join("quiet", "person", minimum_fps=1.0), batcher.join("busy", "person")
    quiet.wish, busy.wish = Wish(10.0, is_quiet=True), Wish(10.0)
    rates = []
    quiet.offer(frame(0))
    detector.wait_for_call()  # and the call goes on for all of this
    for second in range(13):
        before = quiet.counts.wanted, busy.counts.wanted
        for index in range(10):
            for seat in (quiet, busy):
                seat.offer(frame(1 + 10 * second + index))
        clock.advance(1)
        batcher.tend()
        rates.append((quiet.counts.wanted - before[0], busy.counts.wanted - before[1]))
    assert [change.after for change in notices if isinstance(change, LoadChange)] == [1, 2, 3]
    assert batcher.level == Level.SMALLER_INPUT
    assert rates[0] == rates[3] == (10, 10)
    assert (rates[5], rates[12]) == ((2, 10), (1, 10))
    detector.gate.set()
    smaller.wait_for_call()
    for _ in range(100):
        clock.advance(1)
        batcher.tend()
    assert batcher.level == Level.FULL


def test_who_wants_all_frames_does_not_make_others_slower(make: Make) -> None:
    clock, notices = ManualClock(), list[Notice]()
    detector = Gated(is_open=False)
    batcher = make(detector, clock, on_notice=notices.append)
    greedy, quiet = batcher.join("greedy", "person"), batcher.join("quiet", "person", fps=5.0)
    quiet.wish = Wish(5.0, is_quiet=True)
    greedy.offer(frame(0))
    detector.wait_for_call()
    for second in range(20):
        if second == 10:
            quiet.close(discard=True)  # its counts go with it
        for index in range(10):
            greedy.offer(frame(1 + 10 * second + index))
        clock.advance(1)
        batcher.tend()
    assert greedy.counts.dropped == 199
    assert notices == []
    detector.gate.set()


def test_the_example_of_the_design_note(make: Make) -> None:
    note = (Path(__file__).parents[2] / "docs" / "design" / "batching.md").read_text(encoding="utf-8")
    example = note.partition("```python\n")[2].partition("```")[0]
    kinds: list[str] = []
    names = {
        "Batcher": Batcher,
        "Served": Served,
        "LoadOptions": LoadOptions,
        "AdaptiveRate": AdaptiveRate,
        "AdaptiveOptions": AdaptiveOptions,
        "detector": Gated(),
        "clock": SystemClock(),
        "cores": 2,
        "print": lambda *_: None,
        "pipeline": Pipeline(None, make_tracker("centroid"), [SeenRule()]),
        "frames": lambda: [(frame(index), False) for index in range(10)],
        "tell": lambda events: kinds.extend(event.kind for event in events),
    }
    exec(example, names)
    threads = [threading.Thread(target=names[work]) for work in ("read", "analyse")]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert names["batcher"].stop()  # type: ignore[attr-defined]
    assert kinds == ["appeared", "left"]


def test_models_come_and_go_while_it_runs(make: Make) -> None:
    batcher, late = make(Gated()), Gated(is_open=False)
    batcher.serve("car", Served(late))
    seat = batcher.join("gate", "car")
    seat.offer(frame(3))
    late.wait_for_call()
    seat.close(discard=True)
    assert not batcher.withdraw("car", timeout_s=0.01)  # it is still at work
    batcher.serve("car", Served(Gated()))  # another of the same name
    again = batcher.join("gate", "car")
    late.gate.set()
    again.offer(frame(4))
    again.close()
    assert indices(again) == [4]
    assert batcher.withdraw("car")


def fails(each: Frame) -> None:
    raise RuntimeError("the accelerator has gone")


def test_a_model_that_fails_again_and_again_is_left_alone_until_it_is_replaced(make: Make) -> None:
    clock, notices = ManualClock(), list[Notice]()
    broken, well = Gated(act=fails), Gated()
    batcher = make(broken, clock, on_notice=notices.append, heals=True)
    seat = batcher.join("gate", "person", ahead=2)
    seen: list[int] = []

    def collect() -> None:
        for each, _ in seat.results():
            seen.append(each.index)

    threading.Thread(target=collect, daemon=True).start()
    for index in range(5):
        assert seat.offer(frame(index), wait=True)
    assert until(lambda: batcher.is_out("person"))
    batcher.tend()
    assert notices == [DetectorFailure(clock.wall_time_s(), "person", 5, "RuntimeError: the accelerator has gone")]
    for index in range(5, 8):
        seat.offer(frame(index))
    assert len(broken.batches) == 5
    assert batcher.replace("person", Served(well)).calls == 0
    assert until(lambda: seen == [7])  # the newest has waited; nobody was told of those that failed
    assert (seat.counts.failed, seat.counts.detected) == (5, 1)
    counts = batcher.model_counts()["person"]
    assert (counts.calls, counts.frames, counts.failed) == (6, 6, 5)
    seat.close()


def test_a_camera_whose_pictures_fail_does_not_take_the_model_from_others(make: Make) -> None:
    def refuse(each: Frame) -> None:
        if each.camera == "bad":
            raise RuntimeError("no such picture")

    batcher = make(Gated(act=refuse), heals=True)
    bad, good = batcher.join("bad", "person", ahead=100), batcher.join("good", "person")
    results = good.results()
    for index in range(20):
        assert bad.offer(frame(index, camera="bad"), wait=True)
        good.offer(frame(index, camera="good"))
        assert next(results)[0].index == index
    assert not batcher.is_out("person")


def test_a_model_that_hangs_holds_up_no_other(make: Make) -> None:
    clock, notices = ManualClock(), list[Notice]()
    stuck, well = Gated(is_open=False), Gated()
    batcher = make(stuck, clock, workers=2, hang_after_s=30.0, on_notice=notices.append, heals=True)
    batcher.serve("car", Served(well))
    for name in ("a", "b", "c"):
        batcher.join(name, "person").offer(frame(0, camera=name))
    for _ in range(2):  # all workers there are
        stuck.wait_for_call()
    other = batcher.join("other", "car")
    results = other.results()
    other.offer(frame(0))
    clock.advance(6)
    batcher.tend()
    for index in range(3):  # long before the calls are given up
        assert next(results)[0].index == index
        other.offer(frame(index + 1))
    assert len(stuck.batches) == 2
    clock.advance(24)
    batcher.tend()
    assert [str(notice).partition(";")[0] for notice in notices] == ["person does not answer"] * 2
    assert (batcher.is_out("person"), batcher.hung_calls("person"), batcher.hung_calls("car")) == (True, 2, 0)
    batcher.tend()
    assert len(stuck.batches) == 2  # nobody else is sent into it
    stuck.gate.set()
    assert until(lambda: batcher.counts()["hung"] == 0)
    assert until(lambda: len(batcher._workers) == 2)


def test_the_number_of_workers_follows_the_configuration(make: Make) -> None:
    detector = Gated(is_open=False)
    batcher = make(detector, workers=1)
    for name in "abcd":
        batcher.join(name, "person").offer(frame(0, camera=name))
    detector.wait_for_call()
    batcher.configure(workers=3, load=LoadOptions(), hang_after_s=10)
    for _ in range(2):
        detector.wait_for_call()
    batcher.configure(workers=2, load=LoadOptions(), hang_after_s=10)
    detector.gate.set()
    assert until(lambda: len(batcher._workers) == 2)
    assert until(lambda: batcher.counts()["detected"] == 4)


def test_the_last_level_is_there_while_a_model_has_a_smaller_variant() -> None:
    batcher = Batcher({"person": Served(Gated())}, ManualClock())
    assert not batcher._load.has_smaller
    batcher.serve("car", Served(Gated(), smaller=Gated()))
    assert batcher._load.has_smaller
    assert batcher.withdraw("car")
    assert not batcher._load.has_smaller
