"""A guard process: it starts the server as its child and starts it again when it crashes.

A crash in native code (a decoder, a driver) ends a whole process whatever Python does; it must not end the night.
In a container the guard is also what process 1 has to be: it reaps the orphans that the kernel hands to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final, Self

from watchpost.clock import Clock
from watchpost.runtime import children

_PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h
_LOOK_S: Final = 0.5
"""How often adopted orphans are looked for and the stop is looked at."""

_ASKED_TO_END: Final = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE})
"""Signals that count as a clean end when somebody sends them to the server itself, as in systemd.service(5)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a restart: doubling from `first_s` to `longest_s`."""

    first_s: float = 1.0
    longest_s: float = 60.0
    healthy_after_s: float = 60.0
    """A server that ran for so long was well: the next delay is `first_s` again."""
    starting_s: float = 10.0
    """An exit code of 1 or 2 within this time is a wrong configuration or command, not a crash."""

    def delay_s(self, crashes: int) -> float:
        """The delay after so many crashes in a row, counted from 1."""
        return float(min(self.longest_s, self.first_s * 2.0 ** min(crashes - 1, 30)))


def guard(
    command: Sequence[str],
    clock: Clock,
    stop: threading.Event,
    *,
    backoff: Backoff | None = None,
    grace_s: float = 20.0,
) -> int:
    """Run `command` until it ends by itself or `stop` is set; start it again whenever it crashes.

    In the main thread, SIGTERM and SIGINT are handed on and end the guard too; SIGHUP (reload) is handed on. A
    server that has not ended `grace_s` after that is killed. Returns its exit code, 128 + n for signal n.
    Raises `WatchpostError` when the program is not there.
    """
    backoff = backoff or Backoff()
    become_subreaper()
    crashes = 0
    with _SignalsHandedOn(stop) as signals:
        while True:
            started_s = clock.monotonic_s()
            with children.start(command, "server", stdin=None, logs_stderr=False) as server:
                signals.server = server
                code = _wait(server, signals, grace_s)
                signals.server = None
            reap_adopted()
            ran_s = clock.monotonic_s() - started_s
            if stop.is_set() or not _is_crash(code, ran_s, backoff):
                return _shell_code(code)
            crashes = 1 if ran_s >= backoff.healthy_after_s else crashes + 1
            delay_s = backoff.delay_s(crashes)
            reason = children.reason_of_end(code)
            _log.error("the server %s after %.0f s; it starts again in %g s", reason, ran_s, delay_s)
            if clock.wait(delay_s, stop):
                return _shell_code(code)


def become_subreaper() -> None:
    """Let the orphans among our descendants become our children, as they do of process 1 (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_adopted() -> int:
    """Reap the children that have ended and that `children.start` did not start; returns how many."""
    reaped = 0
    with contextlib.suppress(ChildProcessError):  # no children at all
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or children.is_ours(ended.si_pid):
                return reaped  # a child of ours is being reaped by its own thread: look again later
            os.waitpid(ended.si_pid, os.WNOHANG)
            reaped += 1
    return reaped


class _SignalsHandedOn:
    """Within its `with` block, signals for the guard go to the server; those that end it also set `stop`."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.server: children.Child | None = None
        self.server_was_asked_to_end = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        # Python delivers signals to the main thread alone; a guard elsewhere is stopped by `stop`.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                self._before[number] = signal.signal(number, self._hand_on)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hand_on(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGHUP:
            self.server_was_asked_to_end = self.server is not None
            self.stop.set()
        if self.server is not None:
            self.server.send_signal(number)


def _wait(server: children.Child, signals: _SignalsHandedOn, grace_s: float) -> int:
    while (code := server.wait(_LOOK_S)) is None and not signals.stop.is_set():
        reap_adopted()
    if code is None and not signals.server_was_asked_to_end:
        server.send_signal(signal.SIGTERM)  # to itself alone: it ends its own children in good order
    if code is None and (code := server.wait(grace_s)) is None:
        _log.error("the server did not end in %g s: killed", grace_s)
        code = server.kill()
    return code


def _is_crash(code: int, ran_s: float, backoff: Backoff) -> bool:
    if code == 0 or -code in _ASKED_TO_END or code - 128 in _ASKED_TO_END:
        return False
    return code not in (1, 2) or ran_s >= backoff.starting_s


def _shell_code(code: int) -> int:
    return code if code >= 0 else 128 - code
