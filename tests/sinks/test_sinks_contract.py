"""What every sink must do while its receiver hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchpost import plugins
from watchpost.errors import WatchpostError
from watchpost.sinks import Sink

Open = Callable[..., Sink]
QUEUED = ("webhook", "mqtt")
"""The sinks that send over a network."""


@pytest.fixture(params=plugins.names("sinks"))
def open_sink(request: pytest.FixtureRequest, hanging_server: int, tmp_path: Path) -> Iterator[Open]:
    name = request.param
    module = plugins.load("sinks", name)
    opened: list[Sink] = []
    where: dict[str, object] = {
        "jsonl": {"path": tmp_path / "events.jsonl"},
        "webhook": {"url": f"http://user:secret@127.0.0.1:{hanging_server}/hidden", "queue": tmp_path},
        "mqtt": {"host": "127.0.0.1", "port": hanging_server, "queue": tmp_path, "password": "secret", "user": "me"},
    }[name]

    def open_one(**options: object) -> Sink:
        given = options if name in QUEUED else {}
        opened.append(module.create(module.Options.model_validate(where | given)))  # type: ignore[operator]
        return opened[-1]

    yield open_one
    for sink in opened:
        sink.close(0.1)


def waiting(sink: Sink) -> int:
    return sink.counts["waiting"]


def test_send_does_not_wait_for_the_receiver(open_sink: Open, make_event) -> None:
    sink = open_sink()
    start = time.monotonic()
    for number in range(20):
        sink.send(make_event(number, snapshot=b"x" * 10_000))
    assert time.monotonic() - start < 2
    assert sink.counts["sent"] + waiting(sink) == 20


def test_close_keeps_to_its_timeout_and_can_be_repeated(open_sink: Open, make_event) -> None:
    sink = open_sink()
    sink.send(make_event())
    start = time.monotonic()
    sink.close(0.2)
    sink.close(0.2)
    assert time.monotonic() - start < 2.5
    with pytest.raises(WatchpostError, match="closed"):
        sink.send(make_event())


def test_what_was_not_delivered_is_there_after_a_restart(open_sink: Open, make_event) -> None:
    first = open_sink()
    for number in range(5):
        first.send(make_event(number))
    undelivered = waiting(first)
    first.close(0.1)
    assert waiting(open_sink()) == undelivered


def test_the_queue_is_bounded_and_drops_are_counted(open_sink: Open, make_event) -> None:
    sink = open_sink(queue_events=5)
    for number in range(12):
        sink.send(make_event(number))
    counts = sink.counts
    assert counts["waiting"] <= 5
    assert counts["sent"] + counts["dropped"] + counts["waiting"] == 12


def test_the_name_holds_no_credentials(open_sink: Open) -> None:
    name = open_sink().name
    assert name
    assert "secret" not in name
    assert "hidden" not in name
