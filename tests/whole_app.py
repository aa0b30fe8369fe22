"""An application that has everything a server has, for tests that look at all of its routes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI

from fakes import detections, event, frame
from hashing import cheap_passwords
from watchpost.clock import Clock, ManualClock
from watchpost.config import load
from watchpost.notes.book import NoteBook
from watchpost.recordings.archive import Archive
from watchpost.runtime.figures import CameraFigures, Figures
from watchpost.runtime.history import History
from watchpost.runtime.live import LiveHub
from watchpost.stores import sqlite
from watchpost.web.accounts import Accounts
from watchpost.web.app import create_app
from watchpost.web.services import Services

CONFIG = """\
# the office
cameras:
  gate:
    source: rtsp://watchpost:${GATE_PASSWORD:-hunter2secret}@10.0.0.5/stream1  # the old one
    zones: {door: [[0, 0], [0.5, 0], [0.5, 1]]}
  yard: {source: "synthetic:"}
"""


@contextmanager
def whole_app(folder: Path, *, token: str | None = None, clock: Clock | None = None) -> Iterator[FastAPI]:
    """With cameras `gate` and `yard`, an event of each, an archive, figures, accounts and a configuration."""
    clock = clock or ManualClock()
    file = folder / "watchpost.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    hub = LiveHub(clock)
    store = sqlite.create(sqlite.Options(path=folder / "events.db"))
    archive = Archive(folder)
    book, history = NoteBook(folder / "notes.db"), History(folder / "history.db")
    accounts = Accounts(folder, clock, cheap_passwords())
    for camera in ("gate", "yard"):
        hub.publish(camera, frame(0), detections((1, 2, 30, 40)))
    store.add([event()])
    figures = Figures((CameraFigures("gate", 1, 1, 1, 0, 0, 0, 0, 1, None),), {})
    services = Services(
        hub,
        store=lambda: store,
        figures=lambda: figures,
        wake=lambda camera, _seconds: {"gate": True, "yard": False}.get(camera),
        recordings=lambda: archive,
        notes=lambda: book,
        history=lambda: history,
        accounts=accounts,
        config_file=file,
        configuration=lambda: load(file),
        clock=clock,
    )
    try:
        yield create_app(services, token=token)
    finally:
        accounts.close()
        for each in (archive, book, history):
            each.close()
        store.close()
