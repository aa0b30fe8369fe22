"""Children are real processes here: tiny ones."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from waiting import DEADLINE_S, until
from watchpost.errors import WatchpostError
from watchpost.runtime import children

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def is_gone(pid: int) -> bool:
    """Neither running nor a zombie."""
    return not psutil.pid_exists(pid)


def test_exit_code_is_told_and_the_child_is_reaped():
    with children.start([sys.executable, "-S", "-c", "raise SystemExit(7)"], "seven") as child:
        assert child.wait(DEADLINE_S) == 7
        assert is_gone(child.pid)
        assert not children.is_ours(child.pid)


def test_leaving_the_block_ends_the_child():
    with children.start(SLEEP, "sleeper") as child:
        assert child.exit_code is None
        assert child.wait(0) is None
    assert child.exit_code == -signal.SIGTERM
    assert is_gone(child.pid)


def test_a_child_that_ignores_the_request_is_killed(caplog):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with children.start([sys.executable, "-S", "-c", code], "deaf", stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with caplog.at_level(logging.WARNING, "watchpost"):
            assert child.stop(grace_s=0.05) == -signal.SIGKILL
    assert "did not end in 0.05 s" in caplog.text


def test_a_forgotten_child_is_killed_and_reaped():
    child = children.start(SLEEP, "forgotten")
    pid = child.pid
    del child
    gc.collect()
    assert until(lambda: is_gone(pid))


def test_no_zombie_when_nobody_waits():
    started = [children.start([sys.executable, "-S", "-c", "0"], f"brief {n}") for n in range(5)]
    assert until(lambda: all(is_gone(child.pid) for child in started))


def test_what_the_child_started_ends_with_it():
    code = (
        "import subprocess, sys; "
        "p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)']); print(p.pid, flush=True)"
    )
    with children.start([sys.executable, "-S", "-c", code], "parent", stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        assert child.wait(DEADLINE_S) == 0
    # it may be a zombie of whoever adopts orphans here, but it does not run
    assert until(lambda: is_gone(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE)


def test_stderr_goes_to_the_log_without_credentials(caplog):
    code = "import sys; sys.stderr.write('cannot open rtsp://admin:hunter2@cam/1\\nlast words')"
    with (
        caplog.at_level(logging.WARNING, "watchpost.child.talker"),
        children.start([sys.executable, "-S", "-c", code], "talker") as child,
    ):
        assert child.wait(DEADLINE_S) == 0
    assert [record.getMessage() for record in caplog.records] == ["cannot open rtsp://***@cam/1", "last words"]


def test_the_child_leads_its_own_group_and_carries_the_mark():
    code = "import os; print(os.getpgrp(), os.environ['WATCHPOST_PARENT'], os.environ['EXTRA'])"
    with children.start(
        [sys.executable, "-S", "-c", code], "marked", stdout=subprocess.PIPE, environment={"EXTRA": "1"}
    ) as child:
        assert child.stdout is not None
        assert child.stdout.read().split() == [str(child.pid).encode(), str(os.getpid()).encode(), b"1"]


def test_a_child_outlives_the_thread_that_asked_for_it():
    """The kernel ties a child to the thread that started it, so one lasting thread starts them all."""
    started: list[children.Child] = []
    thread = threading.Thread(target=lambda: started.append(children.start(SLEEP, "threaded")))
    thread.start()
    thread.join()
    with started[0] as child:
        assert child.wait(0.2) is None


def test_a_killed_parent_takes_its_children_along():
    code = (
        "import sys, time; from watchpost.runtime import children\n"
        "child = children.start([sys.executable, '-S', '-c', 'import time; time.sleep(60)'], 'inner')\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert until(lambda: is_gone(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_parent_that_died_before_the_child_was_tied_to_it_is_noticed():
    """The trampoline is told of a parent that is not its own any more."""
    trampoline = children._TRAMPOLINE
    done = subprocess.run(
        [sys.executable, "-I", "-S", trampoline, "1", sys.executable, "-c", "print('ran')"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGKILL
    assert done.stdout == b""


def test_a_missing_program_is_a_clear_error():
    with pytest.raises(WatchpostError, match="no-such-program can not be started: install it"):
        children.start(["no-such-program"], "nothing")


def test_threads_and_handles_do_not_grow():
    def spawn() -> None:
        with children.start([sys.executable, "-S", "-c", "0"], "brief") as child:
            child.wait(DEADLINE_S)

    spawn()
    process = psutil.Process()
    handles, threads = process.num_fds(), threading.active_count()
    for _ in range(10):
        spawn()
    assert until(lambda: threading.active_count() <= threads)
    assert process.num_fds() <= handles
