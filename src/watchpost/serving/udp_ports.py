"""The two UDP ports of a server, for packets and for reports (RFC 3550, section 11): all sessions share them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from typing import Final

from watchpost.errors import WatchpostError

_MOST_AT_ONCE: Final = 64
"""Datagrams that are taken before others have their turn."""
_LARGEST: Final = 65_535
_BUFFER_BYTES: Final = 1 << 20
"""What the kernel is asked to hold for us; it may give less."""
_PAIRS_TRIED: Final = 50


class UdpPorts:
    """An even port and the one above it. `listen` begins, within a loop, to take what comes.

    Raises `WatchpostError` where they can not be had; `first` 0 takes a pair that is free.
    """

    def __init__(self, host: str, first: int) -> None:
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._packets, self._reports = self._pair(host.strip("[]"), first)
        self.numbers: tuple[int, int] = (self._packets.getsockname()[1], self._reports.getsockname()[1])
        self.handlers: dict[tuple[str, int], Callable[[bytes], None]] = {}
        """Who takes what comes from an address and port."""
        self.unasked = 0
        """Datagrams from those whom nobody knows."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self) -> None:
        """Begin to take what comes, in the running loop."""
        self._loop = asyncio.get_running_loop()
        for each in (self._packets, self._reports):
            self._loop.add_reader(each, self._receive, each)

    def send_packet(self, data: bytes, host: str, port: int) -> bool:
        """Send from the first port; false where it is lost here already."""
        return _sent(self._packets, data, host, port)

    def send_report(self, data: bytes, host: str, port: int) -> bool:
        """Send from the second port."""
        return _sent(self._reports, data, host, port)

    def close(self) -> None:
        """Let go of the ports."""
        for each in (self._packets, self._reports):
            if self._loop is not None:
                self._loop.remove_reader(each)
            each.close()

    def _pair(self, host: str, first: int) -> tuple[socket.socket, socket.socket]:
        for _ in range(_PAIRS_TRIED if first == 0 else 1):
            packets = self._bound(host, first)
            port = packets.getsockname()[1]
            try:
                if first == 0 and port % 2:
                    raise WatchpostError("odd")
                return packets, self._bound(host, port + 1)
            except WatchpostError:
                packets.close()
                if first:
                    raise
        raise WatchpostError("no two UDP ports in a row are free; name some with serve: {rtsp: {udp_port: ...}}.")

    def _bound(self, host: str, port: int) -> socket.socket:
        made = socket.socket(self._family, socket.SOCK_DGRAM)
        made.setblocking(False)
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        try:
            made.bind((host, port))
        except (OSError, OverflowError) as error:
            made.close()
            is_taken = getattr(error, "errno", None) == errno.EADDRINUSE
            reason = "is in use by another program" if is_taken else f"can not be used on {host}: {error}"
            raise WatchpostError(
                f"UDP port {port} {reason}; choose another with serve: {{rtsp: {{udp_port: ...}}}}, or udp: false."
            ) from None
        return made

    def _receive(self, which: socket.socket) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                data, address = which.recvfrom(_LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an earlier packet of ours was refused
                continue
            handler = self.handlers.get((address[0], address[1]))
            if handler is None:
                self.unasked += 1
            else:
                handler(data)


def _sent(by: socket.socket, data: bytes, host: str, port: int) -> bool:
    try:
        by.sendto(data, (host, port))
    except OSError:  # the queue is full, or nobody listens there any more: the session ends by its time-out
        return False
    return True
