from __future__ import annotations

import subprocess
import sys
import time

from watchpost.runtime import children
from watchpost.runtime.doctor import Finding, Level
from watchpost.runtime.doctor.processes import ProcessFact, judge_processes, process_facts

INIT = ProcessFact(1, 0, "init")
SERVER = ProcessFact(100, 1, "watchpost", is_watchpost=True)


def judge(*facts: ProcessFact) -> list[Finding]:
    return judge_processes({fact.pid: fact for fact in facts})


def test_a_server_with_a_child_is_well():
    (found,) = judge(INIT, SERVER, ProcessFact(101, 100, "ffmpeg", marked_parent=100))
    assert found.level is Level.OK


def test_a_zombie_of_watchpost_is_a_problem_and_names_its_parent():
    (found,) = judge(INIT, SERVER, ProcessFact(101, 100, "ffmpeg", is_zombie=True))
    assert found.level is Level.PROBLEM
    assert "process 100 (watchpost) has not reaped: 101 (ffmpeg)" in found.seen
    assert "kill 100" in found.cure


def test_a_zombie_of_a_child_of_watchpost_is_a_problem_too():
    child = ProcessFact(101, 100, "python", marked_parent=100)
    (found,) = judge(INIT, SERVER, child, ProcessFact(102, 101, "x", is_zombie=True))
    assert found.level is Level.PROBLEM


def test_zombies_of_others_are_a_note():
    (found,) = judge(INIT, ProcessFact(7, 1, "cron"), ProcessFact(8, 7, "sh", is_zombie=True))
    assert found.level is Level.NOTE
    assert "process 7" in found.cure


def test_zombies_that_process_1_does_not_reap_are_a_warning():
    dead = [ProcessFact(pid, 1, "sh", is_zombie=True) for pid in range(10, 17)]
    (found,) = judge(ProcessFact(1, 0, "sleep"), *dead)
    assert found.level is Level.WARNING
    assert "7 zombie(s)" in found.seen
    assert found.seen.endswith("14 (sh), ...")
    assert "--init" in found.cure


def test_a_child_whose_watchpost_is_gone_is_an_orphan():
    (found,) = judge(INIT, ProcessFact(101, 1, "ffmpeg", marked_parent=100))
    assert found.level is Level.WARNING
    assert "process 101 (ffmpeg) was started by Watchpost process 100, which is gone" in found.seen
    assert found.cure == "End it: kill 101"


def test_a_child_that_a_subreaper_took_over_is_an_orphan():
    other = ProcessFact(50, 1, "systemd")
    (found,) = judge(INIT, other, SERVER, ProcessFact(101, 50, "ffmpeg", marked_parent=100))
    assert "101" in found.seen


def test_a_grandchild_inherits_the_mark_and_is_no_orphan():
    child = ProcessFact(101, 100, "sh", marked_parent=100)
    assert judge(INIT, SERVER, child, ProcessFact(102, 101, "sleep", marked_parent=100))[0].level is Level.OK


def test_where_processes_are_hidden_nothing_is_claimed():
    assert judge(ProcessFact(101, 60, "ffmpeg", marked_parent=100))[0].level is Level.OK


def test_real_processes_are_read():
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    dead = subprocess.Popen([sys.executable, "-S", "-c", "0"])
    with children.start(sleep, "sleeper") as child:
        deadline = time.monotonic() + 20
        # one that is just starting or ending may be missing from a single look
        while time.monotonic() < deadline:
            facts = process_facts()
            found = facts.get(dead.pid), facts.get(child.pid)
            if found[0] and found[0].is_zombie and found[1] and found[1].marked_parent:
                break
    dead.wait()
    assert facts[dead.pid].is_zombie
    assert facts[child.pid].marked_parent == facts[child.pid].parent == facts[dead.pid].parent
