from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.sinks._outbox import NotNowError, Outbox, QueueOptions, RefusedError
from watchpost.sinks._queue import DiskQueue


class Receiver:
    """Takes events once it has failed as scripted."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.taken: list[int | None] = []

    def __call__(self, event) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(event.track_id)


@pytest.fixture
def start(tmp_path: Path):
    opened: list[Outbox] = []

    def start_one(deliver, clock: ManualClock | None = None, **options: object) -> Outbox:
        made = QueueOptions.model_validate({"queue": tmp_path} | options)
        opened.append(Outbox("test", "test.db", made, deliver, clock or ManualClock()))
        opened[-1].start()
        return opened[-1]

    yield start_one
    for outbox in opened:
        outbox.close(1)


def test_the_folder_of_queues_is_for_its_owner_alone(start, tmp_path: Path) -> None:
    start(Receiver(), queue=tmp_path / "queues")
    assert (tmp_path / "queues").stat().st_mode & 0o077 == 0


def test_events_are_delivered_in_order_and_whole(start, make_event, eventually) -> None:
    seen = []
    outbox = start(seen.append)
    events = [make_event(n, snapshot=b"jpeg" if n else None, attributes={"n": n}) for n in range(5)]
    for event in events:
        outbox.put(event)
    eventually(lambda: len(seen) == 5)
    assert seen == events
    eventually(lambda: outbox.counts == {"sent": 5, "dropped": 0, "refused": 0, "waiting": 0})


def test_a_failure_is_tried_again_with_growing_delay(start, make_event, eventually) -> None:
    clock = ManualClock()
    receiver = Receiver(*[NotNowError("down")] * 10, NotNowError("busy", after_s=400))
    outbox = start(receiver, clock)
    outbox.put(make_event(1))
    outbox.put(make_event(2))
    eventually(lambda: outbox.counts["waiting"] == 0)
    assert receiver.taken == [1, 2]
    assert clock.waits_s == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 400]


def test_the_delay_starts_anew_after_a_success(start, make_event, eventually) -> None:
    clock = ManualClock()
    receiver = Receiver(NotNowError("down"), NotNowError("down"))
    outbox = start(receiver, clock)
    outbox.put(make_event(1))
    eventually(lambda: receiver.taken == [1])
    receiver.failures = [NotNowError("down")]
    outbox.put(make_event(2))
    eventually(lambda: receiver.taken == [1, 2])
    assert clock.waits_s == [1, 2, 1]


def test_a_refused_event_does_not_hold_up_the_others(start, make_event, eventually, caplog) -> None:
    receiver = Receiver(RefusedError("answers 400 to http://me:secret@host"), ValueError("a defect"))
    with caplog.at_level(logging.ERROR, "watchpost"):
        outbox = start(receiver)
        for n in range(3):
            outbox.put(make_event(n))
        eventually(lambda: receiver.taken == [2])
    eventually(lambda: outbox.counts["waiting"] == 0)
    assert outbox.counts["refused"] == 2
    assert "given up (1 so far)" in caplog.text
    assert "secret" not in caplog.text


def test_an_outage_is_logged_once(start, make_event, eventually, caplog) -> None:
    receiver = Receiver(*[NotNowError("down")] * 5)
    with caplog.at_level(logging.INFO, "watchpost"):
        start(receiver).put(make_event(1))
        eventually(lambda: receiver.taken == [1])
        eventually(lambda: "delivers again" in caplog.text)
    assert caplog.text.count("down") == 1


def test_close_delivers_what_waits(start, make_event) -> None:
    release = threading.Event()
    receiver = Receiver()

    def slow(event) -> None:
        release.wait(5)
        receiver(event)

    outbox = start(slow)
    for n in range(3):
        outbox.put(make_event(n))
    threading.Timer(0.05, release.set).start()
    outbox.close(5)
    assert receiver.taken == [0, 1, 2]


def test_what_close_could_not_deliver_is_delivered_by_the_next_start(start, make_event, eventually) -> None:
    hang = threading.Event()
    first = start(lambda _: hang.wait(10))
    for n in range(3):
        first.put(make_event(n))
    first.close(0.05)
    receiver = Receiver()
    start(receiver)
    eventually(lambda: receiver.taken == [0, 1, 2])
    hang.set()


def test_a_closed_outbox_ends_its_waiting(start, make_event, eventually) -> None:
    class RealWait(ManualClock):
        def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
            assert until is not None
            return until.wait(60)

    tried = threading.Event()

    def down(_event) -> None:
        tried.set()
        raise NotNowError("down")

    outbox = start(down, RealWait())
    outbox.put(make_event())
    assert tried.wait(5)
    outbox.close(5)
    assert not outbox._thread.is_alive()


def test_the_wait_ends_when_the_receiver_is_back(start, make_event, eventually) -> None:
    class RealWait(ManualClock):
        def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
            self.waits_s.append(seconds)
            assert until is not None
            return until.wait(60)

    clock = RealWait()
    receiver = Receiver(NotNowError("down"))
    outbox = start(receiver, clock)
    outbox.put(make_event(1))
    eventually(lambda: clock.waits_s == [1])
    outbox.retry_now()
    eventually(lambda: receiver.taken == [1])


def test_bytes_are_bounded_too(tmp_path: Path, make_event) -> None:
    queue = DiskQueue(tmp_path / "q.db", max_events=100, max_bytes=10_000)
    dropped = [queue.put(make_event(n, snapshot=bytes(3000))) for n in range(4)]
    assert dropped == [0, 0, 1, 1]
    assert queue.put(make_event(9, snapshot=bytes(20_000))) == 3, "too large by itself: all go, it too"
    assert len(queue) == 0
    assert queue.oldest() is None
    queue.close()


def test_counts_of_the_queue_survive_a_restart(tmp_path: Path, make_event) -> None:
    first = DiskQueue(tmp_path / "q.db", 3, 10**6)
    for n in range(3):
        first.put(make_event(n))
    first.close()
    second = DiskQueue(tmp_path / "q.db", 3, 10**6)
    assert len(second) == 3
    assert second.put(make_event(3)) == 1
    number, event = second.oldest() or (0, None)
    assert event is not None
    assert event.track_id == 1
    second.remove(number)
    second.remove(number)
    assert len(second) == 2
    second.close()


def test_a_queue_that_can_not_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "q.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(WatchpostError, match=r"queue .* can not be used"):
        DiskQueue(tmp_path / "q.db", 3, 10**6)
    (tmp_path / "file").write_text("")
    with pytest.raises(WatchpostError, match=r"folder of .* can not be made"):
        DiskQueue(tmp_path / "file" / "q.db", 3, 10**6)


def test_delivery_goes_on_when_the_disk_works_again(tmp_path: Path, start, make_event, eventually) -> None:
    receiver = Receiver()
    outbox = start(receiver)
    with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE queue RENAME TO hidden")
        with pytest.raises(WatchpostError, match="can not be used"):
            outbox.put(make_event(1))
        other.execute("ALTER TABLE hidden RENAME TO queue")
    outbox.put(make_event(2))
    eventually(lambda: receiver.taken == [2])
