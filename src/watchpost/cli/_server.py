"""The server's main loop: apply the configuration, look after the cameras, reload when the file changes."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from typing import Final

from watchpost.cli._signals import StopOnSignals
from watchpost.clock import SystemClock
from watchpost.config import Configuration, Web, load
from watchpost.errors import WatchpostError
from watchpost.runtime.live import LiveHub
from watchpost.runtime.supervisor import Supervisor
from watchpost.web.app import create_app
from watchpost.web.server import WebServer

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 1.0


def serve(path: Path) -> None:
    """Serve the cameras of the configuration at `path` until SIGTERM or SIGINT; SIGHUP reloads.

    Raises `ConfigError` for a file that does not hold, and `WatchpostError` when the page's port is taken.
    """
    clock = SystemClock()
    stop, reload = threading.Event(), threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    config = load(path)
    used = seen = _fingerprint(path)
    hub = LiveHub(clock)
    supervisor = Supervisor(hub, clock)
    page = _start_page(hub, config.web, supervisor)
    try:
        with StopOnSignals(stop):
            supervisor.apply(config)
            _log_cameras(path, config)
            while not clock.wait(_LOOK_S, stop):
                supervisor.tend()
                before, seen = seen, _fingerprint(path)
                # a file that changes between two looks may be half written
                if reload.is_set() or before == seen != used:
                    reload.clear()
                    used = seen
                    config = _reload(path, config, supervisor)
    finally:
        supervisor.close()
        page.stop()


def _start_page(hub: LiveHub, web: Web, supervisor: Supervisor) -> WebServer:
    token = None if web.token is None else web.token.get_secret_value()
    app = create_app(hub, token=token, store=lambda: supervisor.store, figures=supervisor.figures)
    page = WebServer(app, web.host, web.port)
    _LOG.info("page: %s", page.start())
    return page


def _reload(path: Path, running: Configuration, supervisor: Supervisor) -> Configuration:
    try:
        config = load(path)
        supervisor.apply(config)
    except WatchpostError as error:
        _LOG.error("the changed configuration is not used, the old one goes on:\n%s", error)
        return running
    if config.web != running.web:
        _LOG.warning("web: has changed; restart the server for that")
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
