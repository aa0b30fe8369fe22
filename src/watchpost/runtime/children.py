"""The one way to start a child process. It can not outlive this process, and it never stays a zombie.

- It dies with this process, even by SIGKILL: a trampoline (`_child.py`) asks the kernel for it (PR_SET_PDEATHSIG)
  and then execs the program. A `preexec_fn` would run Python between fork and exec of a process that has
  threads, where any lock may be held for ever; the trampoline costs 20-30 ms instead.
- The kernel watches the *thread* that started the child, not the process (prctl(2)), so all children are started
  by one thread that lives as long as the process.
- It leads a process group of its own: Ctrl-C in the terminal reaches Watchpost alone, and what the child started
  is ended with it.
- A thread for each child takes its stderr into the log, redacted, and reaps it at once when it ends.
- Its environment says `WATCHPOST_PARENT=<pid>`, so that `watchpost doctor` can tell an orphan.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import queue
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Final, Self

from watchpost.errors import WatchpostError
from watchpost.telemetry import redacted

PARENT_MARK: Final = "WATCHPOST_PARENT"
"""The environment variable that holds the process id of who started a child."""

_TRAMPOLINE: Final = Path(__file__).with_name("_child.py")
_LONGEST_LINE: Final = 4096
_living: Final[set[int]] = set()
_log = logging.getLogger(__name__)


class Child:
    """A running child process; `start` makes it.

    Leaving its `with` block stops it. A handle that is forgotten kills its process at once.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self._watched = _Watched(name, process)
        self._finalizer = weakref.finalize(self, self._watched.signal_group, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """Its process id, also the id of its process group."""
        return self._watched.process.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        """Its input, where `start` was told to pipe it."""
        return self._watched.process.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        """Its output, where `start` was told to pipe it."""
        return self._watched.process.stdout

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs; negative for the signal that ended it."""
        return self._watched.exit_code

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit code, as soon as it has ended and is reaped; `None` when it still runs after `timeout_s`."""
        self._watched.ended.wait(timeout_s)
        return self.exit_code

    def send_signal(self, number: int) -> None:
        """Send a signal to the process itself; nothing happens when it has ended."""
        self._watched.signal_process(number)

    def stop(self, grace_s: float = 5.0) -> int:
        """Ask its group to end (SIGTERM), wait `grace_s`, then kill the group. Returns the exit code."""
        self._watched.signal_group(signal.SIGTERM)
        if self.wait(grace_s) is None:
            _log.warning("%s (process %d) did not end in %g s: killed", self.name, self.pid, grace_s)
            return self.kill()
        return self._watched.end()

    def kill(self) -> int:
        """End its group at once. Returns the exit code."""
        self._watched.signal_group(signal.SIGKILL)
        return self._watched.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # flushing into a pipe that nobody reads any more
                    pipe.close()


class _Watched:
    """A process and the thread that waits for it. It knows no `Child`, so a forgotten one can be collected."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.exit_code: int | None = None
        self.ended = threading.Event()
        # No signal may go to a process id that has been reaped; a signal handler may come in between: reentrant.
        self._lock = threading.RLock()
        _living.add(process.pid)
        self._log = logging.getLogger(f"watchpost.child.{name}")
        threading.Thread(target=self._watch, name=f"child {name}", daemon=True).start()

    def end(self) -> int:
        """Wait until it is reaped; its exit code."""
        self.ended.wait()
        assert self.exit_code is not None  # noqa: S101 - set before `ended`
        return self.exit_code

    def signal_group(self, number: int) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self.exit_code is None:
                os.killpg(self.process.pid, number)

    def signal_process(self, number: int) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self.exit_code is None:
                os.kill(self.process.pid, number)

    def _watch(self) -> None:
        handle = os.pidfd_open(self.process.pid)
        stderr = self.process.stderr
        rest = b""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(handle, selectors.EVENT_READ)
                if stderr is not None:
                    os.set_blocking(stderr.fileno(), False)
                    selector.register(stderr, selectors.EVENT_READ)
                has_ended = False
                while not has_ended:
                    ready = {key.fileobj for key, _ in selector.select()}
                    has_ended = handle in ready
                    if stderr in ready and stderr is not None:
                        data = _read(stderr)
                        rest = self._log_lines(rest + data)
                        if not data:
                            selector.unregister(stderr)
        finally:
            os.close(handle)
            self._reap()
        while stderr is not None and (data := _read(stderr)):
            rest = self._log_lines(rest + data)
        self._log_lines(rest + b"\n")
        if stderr is not None:
            stderr.close()
        self.ended.set()

    def _reap(self) -> None:
        with self._lock:
            # Its process id is not free before it is reaped, so this can only reach what it left behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.exit_code = self.process.wait()
            _living.discard(self.process.pid)

    def _log_lines(self, data: bytes) -> bytes:
        """Log the whole lines of `data` and return the rest of it."""
        *lines, rest = data.split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self._log.warning("%s", redacted(text))
        return rest


def _read(pipe: IO[bytes]) -> bytes:
    """What lies in a non-blocking pipe; empty at its end and when nothing is there."""
    try:
        return os.read(pipe.fileno(), 65536)
    except BlockingIOError:
        return b""


def is_ours(pid: int) -> bool:
    """Whether `start` started this child and its thread is still to reap it."""
    return pid in _living


def reason_of_end(code: int) -> str:
    """What an exit code says, for people."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"died by {signal.Signals(-code).name}"
    return f"died by signal {-code}"


def start(
    command: Sequence[str],
    name: str,
    *,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = None,
    logs_stderr: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Child:
    """Start `command` (no shell) as a child called `name` in the log.

    `stdin` and `stdout` are as in `subprocess.Popen` (`None`: ours); stderr goes to the log, or is ours without
    `logs_stderr`. `environment` adds to this process's. Raises `WatchpostError` when the program is not there.
    """
    if shutil.which(command[0]) is None:
        raise WatchpostError(f"{command[0]} can not be started: install it, or put it on the PATH.")
    process: Future[subprocess.Popen[bytes]] = Future()

    def open_process() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - a list of words that the caller wrote; no shell
            [sys.executable, "-I", "-S", str(_TRAMPOLINE), str(os.getpid()), *command],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE if logs_stderr else None,
            env={**os.environ, **(environment or {}), PARENT_MARK: str(os.getpid())},
            process_group=0,
        )

    def fulfil() -> None:
        try:
            process.set_result(open_process())
        except Exception as error:  # whatever it is, it belongs to who asked; this thread lives on
            process.set_exception(error)

    _starter(os.getpid()).put(fulfil)
    try:
        return Child(name, process.result())
    except OSError as error:
        raise WatchpostError(f"{command[0]} can not be started: {error.strerror}.") from None


@functools.lru_cache(maxsize=1)
def _starter(_process: int) -> queue.SimpleQueue[Callable[[], None]]:
    """The queue of the thread that starts all children of this process (a fork of it gets its own)."""
    jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def work() -> None:
        while True:
            jobs.get()()

    threading.Thread(target=work, name="child starter", daemon=True).start()
    return jobs
