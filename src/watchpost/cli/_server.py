"""The server's main loop: apply the configuration, look after the cameras, reload when the file changes."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from typing import Final, Protocol

from watchpost import notes
from watchpost.cli._rtsp import start_rtsp
from watchpost.cli._signals import StopOnSignals
from watchpost.clock import Clock, SystemClock
from watchpost.config import Configuration, Web, load
from watchpost.detectors.network import usable_cores
from watchpost.errors import WatchpostError
from watchpost.notes.book import NoteBook
from watchpost.runtime.allocator import keep_memory_low
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.box_drawing import BoxDrawing, CameraShapes
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.figures import Figures, with_outputs
from watchpost.runtime.footprints import Footprint
from watchpost.runtime.historian import Historian
from watchpost.runtime.live import LiveHub
from watchpost.runtime.outlet import Outlet
from watchpost.runtime.outputs import Outputs
from watchpost.runtime.process_count import process_count
from watchpost.runtime.recording import Keeper
from watchpost.runtime.relay import RelayedHub
from watchpost.runtime.supervisor import Supervisor
from watchpost.runtime.taps import Taps
from watchpost.runtime.workers import Workers
from watchpost.serving.rtsp_server import RtspServer
from watchpost.stores import EventStore
from watchpost.types import Event
from watchpost.web.accounts import Accounts
from watchpost.web.app import create_app
from watchpost.web.layouts import Layouts
from watchpost.web.server import WebServer
from watchpost.web.services import Services

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 1.0


class Cameras(Protocol):
    """What runs the cameras: this process, or others."""

    taps: Taps
    boxes: BoxFeed

    @property
    def store(self) -> EventStore | None:
        """Where the events are kept."""

    def apply(self, new: Configuration) -> None:
        """Run this configuration from now on."""

    def tend(self) -> None:
        """Look after the cameras; about once a second."""

    def figures(self) -> Figures:
        """What has been counted."""

    def footprints(self) -> list[Footprint]:
        """Where people stood since this was asked the last time."""

    def wake(self, name: str, seconds: float) -> bool | None:
        """Keep a camera awake; `None` where it does not run, false where it never sleeps."""

    def close(self) -> None:
        """Stop all, hand on the last events."""


def serve(path: Path) -> None:
    """Serve the cameras of the configuration at `path` until SIGTERM or SIGINT; SIGHUP reloads.

    Raises `ConfigError` for a file that does not hold, and `WatchpostError` when the page's port is taken.
    """
    keep_memory_low()
    clock = SystemClock()
    stop, reload = threading.Event(), threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    config = load(path)
    used = seen = _fingerprint(path)
    count = _processes(config)
    accounts = Accounts(config.data, clock)
    outlet = Outlet(clock, lambda events: historian.see_events(events))
    hub, cameras = _make_cameras(count, clock, outlet)

    def announce(event: Event) -> None:
        hub.add_event(event)
        outlet.events([event])
        _LOG.info("%s: %s", event.camera, event.kind)

    historian = Historian(clock, hub, cameras.figures, cameras.footprints, announce)
    keeper = Keeper(clock, announce)
    book = _open_notes(config.data)
    shapes = CameraShapes(config)
    annotated = Annotated(cameras.taps, BoxDrawing(cameras.boxes, shapes).of)
    outputs = Outputs(cameras.taps, annotated, clock)
    rtsp: RtspServer | None = None
    services = Services(
        hub,
        cameras.taps,
        cameras.boxes,
        store=lambda: cameras.store,
        figures=lambda: with_outputs(cameras.figures(), outputs.figures()),
        wake=cameras.wake,
        recordings=lambda: keeper.archive,
        layouts=Layouts(config.data),
        notes=lambda: book,
        history=lambda: historian.history,
        accounts=accounts,
        config_file=path,
        configuration=lambda: config,
        rtsp=lambda: None if rtsp is None else rtsp.figures(),
        clock=clock,
    )
    page = _start_page(services, config.web)
    try:
        rtsp = start_rtsp(config, services, annotated)
        with StopOnSignals(stop):
            cameras.apply(config)
            keeper.apply(config)
            historian.apply(config)
            outputs.apply(config)
            _log_cameras(path, config)
            while not clock.wait(_LOOK_S, stop):
                cameras.tend()
                before, seen = seen, _fingerprint(path)
                # a file that changes between two looks may be half written
                if reload.is_set() or before == seen != used:
                    reload.clear()
                    used = seen
                    config = _reload(path, config, cameras)
                    keeper.apply(config)
                    shapes.apply(config)
                    historian.apply(config)
                    outputs.apply(config)
    finally:
        if rtsp is not None:
            rtsp.stop()
        outputs.close()
        annotated.close()
        cameras.close()
        page.stop()
        historian.close()
        keeper.close()
        if book is not None:
            book.close()
        accounts.close()


def _open_notes(data: Path) -> NoteBook | None:
    """The notes in the data folder. Without them all else goes on."""
    try:
        return NoteBook(data / notes.FILE)
    except WatchpostError as error:
        _LOG.error("notes: %s", error)
        return None


def _make_cameras(count: int, clock: Clock, outlet: Outlet) -> tuple[LiveHub, Cameras]:
    """What runs the cameras in so many processes, and where it shows them."""
    if count == 1:
        hub = LiveHub(clock)
        return hub, Supervisor(hub, clock, outlet)
    relayed = RelayedHub(clock)
    return relayed, Workers(relayed, clock, count, usable_cores(), outlet=outlet)


def _processes(config: Configuration) -> int:
    """How many the configuration wishes."""
    running = sum(camera.enabled for camera in config.cameras.values())
    return process_count(config.processes, running, usable_cores())


def _start_page(services: Services, web: Web) -> WebServer:
    token = None if web.token is None else web.token.get_secret_value()
    page = WebServer(create_app(services, token=token), web.host, web.port)
    _LOG.info("page: %s", page.start())
    return page


def _reload(path: Path, running: Configuration, cameras: Cameras) -> Configuration:
    try:
        config = load(path)
        cameras.apply(config)
    except WatchpostError as error:
        _LOG.error("the changed configuration is not used, the old one goes on:\n%s", error)
        return running
    for name in ("web", "serve"):
        if getattr(config, name) != getattr(running, name):
            _LOG.warning("%s: has changed; restart the server for that", name)
    if _processes(config) != _processes(running):
        _LOG.warning("the cameras are to run in %d processes now; restart the server for that", _processes(config))
    _log_cameras(path, config)
    return config


def _log_cameras(path: Path, config: Configuration) -> None:
    if config.cameras:
        _LOG.info("cameras: %s", ", ".join(config.cameras))
    else:
        _LOG.warning("there is no camera yet; add one to %s, which is read again when it changes", path)


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file is written or replaced; `None` while it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
