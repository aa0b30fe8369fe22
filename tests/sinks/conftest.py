from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from watchpost.types import Event, Moment, new_event_id

MakeEvent = Callable[..., Event]
Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def make_event() -> MakeEvent:
    def make(number: int = 0, **changes: object) -> Event:
        fields: dict = {
            "id": new_event_id(),
            "camera": "yard",
            "rule": "who",
            "kind": "appeared",
            "class_name": "person",
            "track_id": number,
            "start": Moment(1.0, 1000.0),
            "end": Moment(2.0, 1001.0),
            "score": 0.5,
            "box": (0.0, 0.0, 0.5, 1.0),
        }
        return Event(**(fields | changes))

    return make


@pytest.fixture
def eventually() -> Eventually:
    """Wait for another thread or program: a condition that becomes true within ten seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, "it did not happen within 10 s"
            time.sleep(0.005)

    return wait


@pytest.fixture
def hanging_server() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    stop = threading.Event()
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def accept() -> None:
            while not stop.is_set():
                try:
                    taken.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        thread.join()
    for connection in taken:
        connection.close()
