"""What the pages and the API are made over: what runs, what is kept, and the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from watchpost.clock import Clock, SystemClock
from watchpost.config import Configuration
from watchpost.event_json import event_from_json
from watchpost.notes.book import NoteBook
from watchpost.recordings.archive import Archive
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.figures import Figures
from watchpost.runtime.history import History
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.serving.rtsp_server import RtspFigures
from watchpost.stores import EventStore
from watchpost.types import Event
from watchpost.web.accounts import Accounts
from watchpost.web.layouts import Layouts


@dataclass(frozen=True, slots=True)
class Services:
    """What a server has to show. What is `None` it does not have: its routes are not there either.

    `store`, `recordings` and the like are asked each time, as a server may change them.
    """

    hub: LiveHub
    """The newest picture of each camera, and the last events."""
    taps: Taps = field(default_factory=Taps)
    """The cameras' packets as they came."""
    boxes: BoxFeed = field(default_factory=BoxFeed)
    """What is found in their pictures, with the times of these."""
    store: Callable[[], EventStore | None] = lambda: None
    """Where the events and snapshots of before are."""
    figures: Callable[[], Figures] | None = None
    """What is counted: for metrics, and for explanations of what the cameras' gates do."""
    wake: Callable[[str, float], bool | None] | None = None
    """Keeps a camera awake for so many seconds: `None` means that it does not run, false that it never sleeps."""
    recordings: Callable[[], Archive | None] | None = None
    """What cameras sent."""
    layouts: Layouts = field(default_factory=Layouts)
    """The wall's layouts that people saved."""
    notes: Callable[[], NoteBook | None] | None = None
    """What people say about events and cameras."""
    history: Callable[[], History | None] | None = None
    """What the server remembers of itself."""
    accounts: Accounts | None = None
    """Who may ask. Without them there is the server's token, or nobody has to log in."""
    config_file: Path | None = None
    """The configuration that the server reads again when it changes."""
    configuration: Callable[[], Configuration] = Configuration
    """What the server runs by at present."""
    rtsp: Callable[[], RtspFigures | None] = lambda: None
    """What the RTSP server counts, where there is one."""
    clock: Clock = field(default_factory=SystemClock)
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the server stops: all streams end."""

    def event(self, event_id: str) -> Event | None:
        """One event, of now or of before. Raises `WatchpostError` when the store can not be read."""
        if (found := self.hub.event(event_id)) is not None:
            return found
        store = self.store()
        if store is None:
            return None
        hits = store.query({"query": {"ids": {"values": [event_id]}}, "size": 1})["hits"]["hits"]
        return event_from_json(hits[0]["_source"]) if hits else None
