"""Ctrl-C and SIGTERM end a program cleanly."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class StopOnSignals:
    """Within its `with` block SIGINT and SIGTERM set `stop`; a second SIGINT ends the program at once."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
