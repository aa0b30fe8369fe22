"""A worker process as its server sees it: started, told, listened to, ended."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from typing import Final, Protocol

from watchpost.runtime import children
from watchpost.runtime.link import Link, Message

_LISTEN_S: Final = 2.0
"""For what a worker that has ended said last: it lies in the socket."""


class WorkerProcess(Protocol):
    """A running worker, or one that has ended."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs; negative for the signal that ended it."""

    @property
    def lost(self) -> int:
        """Messages to it that had to be dropped."""

    def tell(self, message: Message) -> None:
        """Send it a message; returns at once."""

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; false if it still runs."""

    def end(self) -> int:
        """Kill it if it still runs, take in what it said last, let go of it. Returns its exit code."""


Start = Callable[[str, Callable[[Message], None]], WorkerProcess]
"""Starts the worker of a name, whose messages go to the function, from a thread of their own.

Raises `WatchpostError` or `OSError` where that is not possible.
"""


class RealWorkerProcess:
    """A process that `children.start` has started: it dies with its server, and is reaped."""

    def __init__(self, child: children.Child, link: Link) -> None:
        self._child = child
        self._link = link

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs; negative for the signal that ended it."""
        return self._child.exit_code

    @property
    def lost(self) -> int:
        """Messages to it that had to be dropped."""
        return self._link.lost

    def tell(self, message: Message) -> None:
        """Send it a message; returns at once."""
        self._link.send(message)

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; false if it still runs."""
        return self._child.wait(timeout_s) is not None

    def end(self) -> int:
        """Kill it if it still runs, take in what it said last, let go of it. Returns its exit code."""
        code = self._child.exit_code
        if code is None:
            code = self._child.kill()
        self._link.wait_ended(_LISTEN_S)
        self._link.close()
        return code


def start(name: str, on_message: Callable[[Message], None]) -> RealWorkerProcess:
    """Start a worker with this process's Python, environment, folder and log level."""
    ours, theirs = socket.socketpair()
    is_verbose = logging.getLogger("watchpost").isEnabledFor(logging.DEBUG)
    command = [sys.executable, "-m", "watchpost.runtime.worker", name, *(["--verbose"] if is_verbose else [])]
    try:
        child = children.start(command, name, stdin=theirs.fileno(), logs_stderr=False)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    link = Link(ours, name, on_message)
    link.start()
    return RealWorkerProcess(child, link)
