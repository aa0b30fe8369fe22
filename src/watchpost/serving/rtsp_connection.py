"""One client's connection: messages in, answers out in their order, and patience that has an end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from watchpost.clock import Clock
from watchpost.serving.access import Access, DeniedError, Grant
from watchpost.serving.rtsp_messages import (
    BadMessageError,
    Interleaved,
    MessageReader,
    Request,
    response,
)
from watchpost.serving.rtsp_session import TIMEOUT_S, Answer, RtspSession, Surroundings
from watchpost.serving.rtsp_target import parse_target
from watchpost.serving.switchboard import Switchboard
from watchpost.serving.udp_ports import UdpPorts

_LOG: Final = logging.getLogger(__name__)
_MESSAGE_WITHIN_S: Final = 10.0
"""From a message's first byte to its last."""
_SESSION_WITHIN_S: Final = 60.0
"""How long a connection may be without a session."""
_PUBLISHER_SILENT_S: Final = 10.0
_CLOSED_WITHIN_S: Final = 5.0
"""How long a last answer may take to go out."""
_MOST_WAITING: Final = 32
"""Requests that came before the ones before them were answered."""
_MOST_REQUESTS: Final = 200
"""Between two looks, about a second."""
_MOST_UNASKED_BYTES: Final = 1_000_000
"""Interleaved data that belongs to nothing, between two looks."""
_REPORT_EVERY_S: Final = 5.0
_RIGHTS_EVERY_S: Final = 10.0
"""How soon somebody who may no more sees no more."""
_KEEP_ALIVE_S: Final = 30
_AUTHORISED: Final = frozenset({"DESCRIBE", "SETUP", "ANNOUNCE"})
"""What needs a right. The rest acts on a session, which belongs to this connection and had one."""


@dataclass(frozen=True, slots=True)
class House:
    """What all connections of a server share."""

    switchboard: Switchboard
    access: Access | None
    """`None` where everybody may."""
    udp: UdpPorts | None
    clock: Clock
    admit: Callable[[Connection, str], bool]
    """Whether a connection from an address may be; else it is closed."""
    leave: Callable[[Connection, str], None]
    """It has gone."""


class Connection(asyncio.Protocol):
    """A client. `look` is called about once a second."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._messages = MessageReader()
        self._waiting: deque[Request] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._session: RtspSession | None = None
        self._is_admitted = False
        self._granted: Grant | None = None
        """Who was let in last, and to what."""
        self._requests = 0
        self._unasked_bytes = 0
        now_s = house.clock.monotonic_s()
        self._message_since_s = self._heard_s = self._without_session_s = self._reported_s = self._taken_s = now_s
        self._granted_s = now_s
        self._accepted: int | None = None
        self._closing_s: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in, or not."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream
        self._transport = transport
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self._peer = str(peer[0]) if peer else ""
        self._is_admitted = self._house.admit(self, self._peer)
        if not self._is_admitted:
            transport.abort()
            return
        _keep_alive(transport.get_extra_info("socket"))
        own_address = str(own[0]) if own else ""
        around = Surroundings(
            self._house.switchboard, transport, self._peer, own_address, self._house.udp, self._stream_ended
        )
        self._session = RtspSession(around)
        self._session.last_heard = self._hear

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """End what the client had."""
        if self._serving is not None:
            self._serving.cancel()
        if self._session is not None:
            self._session.close()
        if self._is_admitted:
            self._house.leave(self, self._peer)

    def data_received(self, data: bytes) -> None:
        """Take bytes; whole requests are answered one after the other."""
        if self._closing_s is not None or not self._is_admitted:
            return
        if not self._messages.is_waiting:
            self._message_since_s = self._house.clock.monotonic_s()
        try:
            found = self._messages.feed(data)
        except BadMessageError as error:
            self._end_with(error.status)
            return
        if found:
            self._message_since_s = self._house.clock.monotonic_s()
        for message in found:
            if isinstance(message, Interleaved):
                self._interleaved(message)
            else:
                self._waiting.append(message)
                self._requests += 1
        if len(self._waiting) > _MOST_WAITING or self._requests > _MOST_REQUESTS:
            self._end_with(429)
        elif self._waiting and self._serving is None:
            self._serving = asyncio.get_running_loop().create_task(self._serve())

    def look(self) -> None:
        """End the connection where its time is up; send reports."""
        transport, session = self._transport, self._session
        if transport is None or session is None:
            return
        now_s = self._house.clock.monotonic_s()
        is_unruly = self._unasked_bytes > _MOST_UNASKED_BYTES
        self._requests = self._unasked_bytes = 0
        if self._is_over(session, now_s) or is_unruly:
            transport.abort()
        elif now_s - self._reported_s >= _REPORT_EVERY_S:
            self._reported_s = now_s
            session.report_clocks()
        if self._granted is not None and self._serving is None and now_s - self._granted_s >= _RIGHTS_EVERY_S:
            self._granted_s = now_s
            self._serving = asyncio.get_running_loop().create_task(self._check_rights(self._granted))

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def session(self) -> RtspSession | None:
        """What the client has set up."""
        return self._session

    def _is_over(self, session: RtspSession, now_s: float) -> bool:
        if self._closing_s is not None:
            return now_s - self._closing_s > _CLOSED_WITHIN_S
        if self._messages.is_waiting and now_s - self._message_since_s > _MESSAGE_WITHIN_S:
            return True
        if session.id is None:
            return now_s - self._without_session_s > _SESSION_WITHIN_S
        self._without_session_s = now_s
        silent_s = now_s - self._heard_s
        if session.state == "recording":
            return silent_s > _PUBLISHER_SILENT_S
        if session.state == "playing" and session.is_over_tcp and session.reader is not None:
            return self._takes_nothing(session.reader.accepted, now_s)
        return silent_s > TIMEOUT_S

    def _takes_nothing(self, accepted: int | None, now_s: float) -> bool:
        """Whether what waits for the client has not become less for too long."""
        if accepted is None or accepted != self._accepted:
            self._accepted, self._taken_s = accepted, now_s
        return now_s - self._taken_s > TIMEOUT_S

    def _hear(self) -> None:
        self._heard_s = self._house.clock.monotonic_s()

    def _interleaved(self, frame: Interleaved) -> None:
        if self._session is not None and self._session.interleaved(frame.channel, frame.data):
            self._hear()
        else:
            self._unasked_bytes += len(frame.data) + 4

    async def _serve(self) -> None:
        """Answer what waits."""
        try:
            while self._waiting:
                request = self._waiting.popleft()
                self._hear()
                try:
                    answer = await self._answer(request)
                except Exception:  # what no one foresaw must end this connection alone
                    _LOG.exception("RTSP %s", request.method)
                    self._end_with(500, request.sequence)
                    return
                self._write(answer, request.sequence)
        finally:
            self._serving = None

    async def _check_rights(self, grant: Grant) -> None:
        """End what a user does who may not do it any more."""
        access = self._house.access
        try:
            may = access is None or await asyncio.get_running_loop().run_in_executor(None, access.still_holds, grant)
        finally:
            self._serving = None
        if not may:
            self.abort()
        elif self._waiting:
            self._serving = asyncio.get_running_loop().create_task(self._serve())

    async def _answer(self, request: Request) -> Answer:
        if request.sequence is None:
            return Answer(400)
        target = None if request.target == "*" else parse_target(request.target)
        if target is None and request.method in _AUTHORISED:
            return Answer(404)
        access = self._house.access
        if access is not None and target is not None and request.method in _AUTHORISED:
            try:
                # a password that is compared with its hash takes a tenth of a second, on purpose
                loop = asyncio.get_running_loop()
                granted = await loop.run_in_executor(None, access.check, request, target, self._peer)
            except DeniedError as denied:
                return Answer(denied.status, {"WWW-Authenticate": denied.challenges} if denied.challenges else {})
            self._granted = granted
        assert self._session is not None  # noqa: S101 - made with the connection
        return await self._session.answer(request, target)

    def _write(self, answer: Answer, sequence: str | None) -> None:
        if self._transport is None or self._closing_s is not None or self._transport.is_closing():
            return
        self._transport.write(response(answer.status, sequence, {"Server": "Watchpost", **answer.headers}, answer.body))
        if answer.then is not None:
            answer.then()

    def _end_with(self, status: int, sequence: str | None = None) -> None:
        """A last answer."""
        if self._transport is None or self._closing_s is not None:
            return
        self._waiting.clear()
        self._transport.write(response(status, sequence, {"Server": "Watchpost"}))
        self._closing_s = self._house.clock.monotonic_s()
        self._transport.close()

    def _stream_ended(self) -> None:
        """What the client reads is over: with the connection's end every player knows."""
        if self._transport is not None and self._closing_s is None:
            self._closing_s = self._house.clock.monotonic_s()
            self._transport.close()


def _keep_alive(connection: socket.socket | None) -> None:
    """Have the kernel find out about clients that have gone without a word."""
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), _KEEP_ALIVE_S)
