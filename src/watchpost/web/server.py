"""Runs the page in a background thread, and stops it at once although pictures are streaming."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from typing import Final

import uvicorn
from fastapi import FastAPI

from watchpost.errors import WatchpostError
from watchpost.web.auth import check_binding

_BACKLOG: Final = 128
_MAX_CONNECTIONS: Final = 1000
"""A wall of 36 cameras takes 38."""
_LARGEST_MESSAGE: Final = 1 << 20
"""Bytes of what comes in over a WebSocket."""
_STREAMS_END_WITHIN_S: Final = 0.5
_CHECK_EVERY_S: Final = 0.05


class _Server(uvicorn.Server):
    """Streams end by themselves; who does not read is not waited for."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        waited_s = 0.0
        while self.server_state.tasks and waited_s < _STREAMS_END_WITHIN_S:
            await asyncio.sleep(_CHECK_EVERY_S)
            waited_s += _CHECK_EVERY_S
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


class WebServer:
    """An application made by `create_app`, served at `host`:`port`; port 0 takes a free one."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 8010) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Listen, and return the page's address.

        Raises `WatchpostError` when the address can not be used, or is open to others and nobody would have to log in.
        """
        check_binding(self._host, is_guarded=self._app.state.gatekeeper.is_guarded)
        listener = self._listen()
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            access_log=False,
            log_config=None,
            lifespan="on",
            ws="websockets-sansio",
            ws_per_message_deflate=False,  # video is compressed already
            ws_max_size=_LARGEST_MESSAGE,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MAX_CONNECTIONS,
        )
        server = _Server(config)

        def run() -> None:
            try:
                server.run(sockets=[listener])
            finally:
                listener.close()

        self._server = server
        self._thread = threading.Thread(target=run, name="web", daemon=True)
        self._thread.start()
        return f"http://{_url_host(self._host)}:{port}/"

    def stop(self) -> None:
        """End all streams, stop listening and wait for the thread. Safe to call twice and before `start`."""
        if self._server is None or self._thread is None:
            return
        self._app.state.stop.set()
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host.strip("[]"), self._port))
            listener.listen(_BACKLOG)
        except (OSError, OverflowError, ValueError, TypeError) as error:  # of names that can be none, too
            listener.close()
            raise WatchpostError(self._binding_error(error)) from None
        return listener

    def _binding_error(self, error: Exception) -> str:
        code = error.errno if isinstance(error, OSError) else None
        if code == errno.EADDRINUSE:
            return f"port {self._port} is in use by another program; choose another one, or 0 for any free port."
        if code == errno.EACCES:
            return f"port {self._port} needs more rights than this user has; choose one from 1024 up."
        return f"cannot listen on {self._host} port {self._port}: {error}; give an address of this machine."


def _url_host(host: str) -> str:
    if host in ("", "0.0.0.0"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
