"""The guard, over real tiny servers; its delays pass on a manual clock."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from waiting import DEADLINE_S, until
from watchpost.clock import ManualClock
from watchpost.runtime import guard as guard_module
from watchpost.runtime.guard import Backoff, guard, reap_adopted


def does_not_run(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def each_run(path: Path, *runs: str) -> list[str]:
    """A server that does `runs[0]` when first started, `runs[1]` then, and the last one for ever."""
    return python(
        "import os, signal, time; "
        f"log = open({str(path)!r}, 'ab'); log.write(b'x'); log.close(); "
        f"n = os.path.getsize({str(path)!r}); runs = {runs!r}; exec(runs[min(n, len(runs)) - 1])"
    )


CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"
ABORT = "os.kill(os.getpid(), signal.SIGKILL)"


def test_a_crash_is_restarted_and_a_clean_end_is_not(tmp_path):
    clock = ManualClock()
    runs = tmp_path / "runs"
    assert guard(each_run(runs, ABORT, "raise SystemExit(0)"), clock, threading.Event()) == 0
    assert runs.stat().st_size == 2
    assert clock.waits_s == [1.0]


def test_delays_grow_to_their_limit(tmp_path):
    clock = ManualClock()
    backoff = Backoff(first_s=1, longest_s=4)
    assert guard(each_run(tmp_path / "runs", *[CRASH] * 5, "0"), clock, threading.Event(), backoff=backoff) == 0
    assert clock.waits_s == [1, 2, 4, 4, 4]


class SlowClock(ManualClock):
    """A clock on which every server has run for 100 s."""

    def monotonic_s(self) -> float:
        self.advance(50)
        return super().monotonic_s()


def test_a_server_that_ran_well_is_restarted_without_growing_delay(tmp_path):
    clock = SlowClock()
    assert (
        guard(
            each_run(tmp_path / "runs", CRASH, CRASH, CRASH, "0"),
            clock,
            threading.Event(),
            backoff=Backoff(healthy_after_s=40),
        )
        == 0
    )
    assert clock.waits_s == [1, 1, 1]


@pytest.mark.parametrize("code", [1, 2])
def test_a_wrong_configuration_is_not_tried_again(code):
    clock = ManualClock()
    assert guard(python(f"raise SystemExit({code})"), clock, threading.Event()) == code
    assert clock.waits_s == []


def test_the_same_exit_code_later_is_a_crash(tmp_path):
    clock = SlowClock()
    assert guard(each_run(tmp_path / "runs", "raise SystemExit(1)", "0"), clock, threading.Event()) == 0
    assert len(clock.waits_s) == 1


def test_a_server_that_somebody_ends_stays_ended(tmp_path):
    clock = ManualClock()
    code = guard(python("import os; os.kill(os.getpid(), 15)"), clock, threading.Event())
    assert code == 128 + signal.SIGTERM
    assert clock.waits_s == []


def test_stop_ends_the_server():
    stop = threading.Event()
    stop.set()
    assert guard(python("import time; time.sleep(60)"), ManualClock(), stop) == 128 + signal.SIGTERM


def test_no_zombies_after_twenty_restarts(tmp_path):
    runs = tmp_path / "runs"
    assert guard(each_run(runs, *[CRASH] * 20, "0"), ManualClock(), threading.Event()) == 0
    assert runs.stat().st_size == 21
    zombies = [p for p in psutil.Process().children() if p.status() == psutil.STATUS_ZOMBIE]
    assert zombies == []


GUARD = (
    "import sys, threading; from watchpost.clock import SystemClock; from watchpost.runtime.guard import guard\n"
    "sys.exit(guard(sys.argv[1:], SystemClock(), threading.Event()))"
)


def start_guard(server: str) -> tuple[subprocess.Popen[bytes], int]:
    """A guard in a process of its own, and the process id that its server prints first."""
    process = subprocess.Popen(
        [sys.executable, "-c", GUARD, *python("import os; print(os.getpid(), flush=True)\n" + server)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(DEADLINE_S)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


SLEEPER = "import time; time.sleep(60)"


def test_a_killed_server_comes_back_once():
    process, server = start_guard(SLEEPER)
    os.kill(server, signal.SIGKILL)
    assert process.stdout is not None
    second = int(process.stdout.readline())
    assert second != server
    assert [child.pid for child in psutil.Process(process.pid).children()] == [second]
    process.terminate()
    assert end(process) == 128 + signal.SIGTERM


def test_a_killed_guard_takes_the_server_along():
    process, server = start_guard(SLEEPER)
    process.kill()
    end(process)
    assert until(lambda: does_not_run(server))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_server_once_and_its_exit_code_is_told(number):
    server = (
        "import signal, sys, time\n"
        "got = []\n"
        "for n in (2, 15): signal.signal(n, lambda n, _: got.append(n))\n"
        "print('ready', flush=True)\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.2); sys.exit(40 + len(got))"
    )
    process, _ = start_guard(server)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    assert end(process) == 41


def test_hangup_is_handed_on_and_ends_nothing():
    server = (
        "import signal, time\n"
        "signal.signal(1, lambda *_: print('reloaded', flush=True))\n"
        "print('ready', flush=True)\ntime.sleep(60)"
    )
    process, _ = start_guard(server)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == b"reloaded\n"
    process.terminate()
    assert end(process) == 128 + signal.SIGTERM


def test_adopted_orphans_are_reaped():
    """A grandchild in a session of its own loses its parent: the guard adopts and reaps it."""
    server = (
        "import subprocess, sys, time\n"
        'middle = \'import subprocess, sys; print(subprocess.Popen([sys.executable, "-S", "-c", '
        '"import time; time.sleep(0.3)"], start_new_session=True).pid, flush=True)\'\n'
        "subprocess.run([sys.executable, '-S', '-c', middle], start_new_session=True)\n"
        "time.sleep(60)"
    )
    process, _ = start_guard(server)
    assert process.stdout is not None
    orphan = int(process.stdout.readline())
    assert until(lambda: not psutil.pid_exists(orphan))
    process.terminate()
    end(process)


def test_reaping_leaves_a_child_alone_that_still_runs():
    child = subprocess.Popen(python(SLEEPER))
    reap_adopted()
    assert child.poll() is None
    child.kill()
    assert child.wait() == -signal.SIGKILL  # the status was left to who started it


@pytest.fixture(autouse=True)
def no_subreaper_afterwards():
    """A guard in the process of the tests must not leave it adopting the orphans of other tests."""
    yield
    ctypes.CDLL(None).prctl(guard_module._PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
