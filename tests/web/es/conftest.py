from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchpost.clock import SystemClock
from watchpost.runtime.live import LiveHub
from watchpost.stores import sqlite
from watchpost.types import Event, Moment
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

TOKEN = "correct horse battery"


def event(number: int, **changes: object) -> Event:
    start_s = 1_767_225_600.0 + number * 3600  # 2026-01-01 00:00 UTC
    fields: dict = {
        "id": f"{number:032x}",
        "camera": "side gate",
        "rule": "who",
        "kind": "appeared",
        "class_name": "person",
        "track_id": number,
        "start": Moment(0.0, start_s),
        "end": Moment(5.0 + number, start_s + 5.0 + number),
        "score": 0.5,
        "box": (0.1, 0.2, 0.3, 0.4),
    }
    return Event(**(fields | changes))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite.SqliteStore]:
    store = sqlite.create(sqlite.Options(path=tmp_path / "events.db"))
    store.add([event(0), event(1, camera="정문", zone="옆문"), event(2, kind="left", attributes={"direction": "in"})])
    yield store
    store.close()


@pytest.fixture
def url(store: sqlite.SqliteStore) -> Iterator[str]:
    """A real server on loopback that asks for a token."""
    server = WebServer(create_app(Services(LiveHub(SystemClock()), store=lambda: store), token=TOKEN), port=0)
    yield f"{server.start()}es"
    server.stop()
