"""Events appended to a file, one JSON object a line; `-` is stdout."""

from __future__ import annotations

import json
import os
import threading
from io import FileIO
from pathlib import Path

from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.event_json import event_to_json
from watchpost.options import Options as PluginOptions
from watchpost.types import Event


class Options(PluginOptions):
    """Where to write."""

    path: Path = Path("events.jsonl")
    """The file; its folder is made where it is missing. `-`: stdout."""
    fsync: bool = False
    """Wait for the disk after each event: nothing is lost by a power cut, at some milliseconds an event."""


class JsonlSink:
    """Writes each event at once, so that `tail -f` shows it. Raises `WatchpostError` when it can not write."""

    def __init__(self, options: Options) -> None:
        self.name = f"jsonl {options.path}"
        self._options = options
        self._lock = threading.Lock()
        self._sent = 0
        self._is_closed = False
        self._is_torn = False
        self._file = None if str(options.path) == "-" else _open(options.path)

    @property
    def counts(self) -> dict[str, int]:
        """Events written so far; a file neither queues nor refuses."""
        return {"sent": self._sent, "dropped": 0, "refused": 0, "waiting": 0}

    def send(self, event: Event) -> None:
        """Append the event."""
        line = json.dumps(event_to_json(event), ensure_ascii=False)
        with self._lock:
            if self._is_closed:
                raise WatchpostError(f"the sink {self.name} is closed.")
            try:
                if self._file is None:
                    print(line, flush=True)
                else:
                    self._append(self._file, line.encode() + b"\n")
            except OSError as error:
                raise WatchpostError(f"{self._options.path} can not be written: {error.strerror}.") from None
            self._sent += 1

    def close(self, timeout_s: float = 5.0) -> None:  # noqa: ARG002  nothing is queued
        """Close the file. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()

    def _append(self, file: FileIO, line: bytes) -> None:
        """Write a whole line; one that a full disk has cut off is ended before the next begins."""
        rest = b"\n" + line if self._is_torn else line
        while rest:
            rest = rest[file.write(rest) :]
            self._is_torn = bool(rest)
        if self._options.fsync:
            os.fsync(file.fileno())


def _open(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # no buffer: what could not be written does not come out later, or twice
        return path.open("ab", buffering=0)
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None


def create(options: Options, clock: Clock | None = None) -> JsonlSink:  # noqa: ARG001  it never waits
    """Open the file. Raises `WatchpostError` when it can not be written."""
    return JsonlSink(options)
