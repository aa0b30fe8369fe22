"""An RTSP 1.0 server (RFC 2326) in a thread of its own: cameras as they are, or with boxes, to whoever may see them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from watchpost.clock import Clock
from watchpost.config import is_loopback
from watchpost.config.serve import RtspOptions
from watchpost.errors import ConfigError, WatchpostError
from watchpost.serving.access import Access, Credentials, network
from watchpost.serving.broadcast import Streams
from watchpost.serving.rtsp_connection import Connection, House
from watchpost.serving.switchboard import Switchboard
from watchpost.serving.udp_ports import UdpPorts

_LOG: Final = logging.getLogger(__name__)
_BACKLOG: Final = 128
_LOOK_S: Final = 1.0
_ENDS_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class RtspFigures:
    """What a server has counted."""

    connections: int
    refused: int
    """Connections that were too many."""
    lost: int
    """Packets that readers were too slow for."""
    missed: int
    """Packets of the streams that are read now that the server itself was too slow for."""
    readers: dict[str, int] = field(default_factory=dict)
    """By path."""


class RtspServer:
    """Serves `streams` at `options.host`:`options.port`; port 0 takes a free one. `credentials` say who may.

    `start` and `stop` are called from one thread, `figures` from any. Raises `ConfigError` for an address beyond
    loopback without credentials.
    """

    def __init__(self, streams: Streams, options: RtspOptions, credentials: Credentials | None, clock: Clock) -> None:
        if (credentials is None or credentials.is_open) and not is_loopback(options.host):
            raise ConfigError(
                f"the cameras would be open to everybody who reaches {options.host}: add a user (watchpost users add), "
                "set web: {token: ...}, or serve: {rtsp: {host: 127.0.0.1}}."
            )
        self._streams = streams
        self._options = options
        self._access = None if credentials is None else Access(credentials, clock)
        self._clock = clock
        self._switchboard = Switchboard(streams, options.publish, clock)
        self._connections: dict[Connection, str] = {}
        self._by_address: Counter[str] = Counter()
        self._refused = 0
        self._udp: UdpPorts | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        """Where it listens, once it has started."""

    def start(self) -> str:
        """Listen, and return the server's address. Raises `WatchpostError` where the ports can not be used."""
        listener = self._listen()
        try:
            if self._options.udp:
                self._udp = UdpPorts(self._options.host, self._options.udp_port)
        except WatchpostError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, started), name="rtsp", daemon=True)
        self._thread.start()
        started.wait()
        return f"rtsp://{_url_host(self._options.host)}:{self.port}/"

    def stop(self) -> None:
        """End all connections and wait for the thread. Safe to call twice and before `start`."""
        loop, stopping = self._loop, self._stopping
        if self._thread is None or loop is None or stopping is None:
            return
        if not loop.is_closed():
            loop.call_soon_threadsafe(stopping.set)
        self._thread.join(_ENDS_WITHIN_S)
        self._thread = None

    def figures(self) -> RtspFigures:
        """What has been counted."""
        sessions = [each.session for each in list(self._connections)]
        lost = sum(each.reader.lost for each in sessions if each is not None and each.reader is not None)
        board = self._switchboard
        return RtspFigures(len(self._connections), self._refused, lost + board.lost, board.missed(), board.readers())

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        try:
            asyncio.run(self._serve(listener, started))
        except Exception:  # not left to Python, which would hide no password
            _LOG.exception("the RTSP server has ended")
        finally:
            started.set()
            listener.close()
            if self._udp is not None:
                self._udp.close()

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        house = House(self._switchboard, self._access, self._udp, self._clock, self._admit, self._leave)
        server = await self._loop.create_server(lambda: Connection(house), sock=listener, backlog=_BACKLOG)
        if self._udp is not None:
            self._udp.listen()
        started.set()
        try:
            while not self._stopping.is_set():
                self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _LOOK_S)
        finally:
            server.close()
            self._switchboard.close()
            for connection in list(self._connections):
                connection.abort()
            await asyncio.sleep(0)  # their ends are told in the loop

    def _look(self) -> None:
        for connection in list(self._connections):
            try:
                connection.look()
            except Exception:  # one must not keep the others from their turn
                _LOG.exception("RTSP connection")
                connection.abort()
        self._switchboard.tend()

    def _admit(self, connection: Connection, address: str) -> bool:
        address = network(address)
        is_full = len(self._connections) >= self._options.connections
        if is_full or self._by_address[address] >= self._options.connections_per_address:
            self._refused += 1
            return False
        self._connections[connection] = address
        self._by_address[address] += 1
        return True

    def _leave(self, connection: Connection, address: str) -> None:
        address = network(address)
        if self._connections.pop(connection, None) is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _listen(self) -> socket.socket:
        host, port = self._options.host.strip("[]"), self._options.port
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except (OSError, UnicodeError) as error:
            listener.close()
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                reason = "is in use by another program"
            elif getattr(error, "errno", None) == errno.EACCES:
                reason = "needs more rights than this user has"
            else:
                reason = f"can not be used on {host}: {error}"
            raise WatchpostError(
                f"RTSP port {port} {reason}; set another with serve: {{rtsp: {{port: ...}}}}."
            ) from None
        return listener


def _url_host(host: str) -> str:
    if host in ("", "0.0.0.0"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
