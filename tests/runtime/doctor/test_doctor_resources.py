from __future__ import annotations

import resource
from dataclasses import replace

import pytest

from watchpost.runtime.doctor import Finding, Level
from watchpost.runtime.doctor.resources import ResourceFacts, judge_resources, resource_facts

GIB = 1 << 30
HEALTHY = ResourceFacts(
    python=(3, 11, 7),
    is_64_bit=True,
    available_bytes=8 * GIB,
    total_bytes=16 * GIB,
    cgroup_bytes=None,
    cores=8,
    usable_cores=8,
    cgroup_cores=None,
    handles=1024,
    most_handles=1 << 20,
    shared_free_bytes=4 * GIB,
)


def finding(check: str, cameras: int = 4, **changes: object) -> Finding:
    findings = judge_resources(replace(HEALTHY, **changes), cameras)  # type: ignore[arg-type]
    (found,) = [each for each in findings if each.check == check]
    return found


def test_a_healthy_machine():
    assert {each.level for each in judge_resources(HEALTHY, 4)} == {Level.OK}


@pytest.mark.parametrize(
    ("check", "changes", "level", "text"),
    [
        ("python", {"python": (3, 10, 1)}, Level.PROBLEM, "Python 3.10.1 is too old"),
        ("python", {"is_64_bit": False}, Level.PROBLEM, "32-bit"),
        ("memory", {"available_bytes": 200 << 20}, Level.WARNING, "200 of 16384 MiB available"),
        ("memory", {"cgroup_bytes": 256 << 20}, Level.WARNING, "container may use 256 MiB"),
        ("memory", {"cgroup_bytes": 2 * GIB}, Level.OK, "container may use 2048 MiB"),
        ("cores", {"cgroup_cores": 1.5}, Level.NOTE, "quota leaves 1.5"),
        ("cores", {"usable_cores": 2}, Level.OK, "2 of 8 cores usable"),
        ("files", {"handles": 256}, Level.PROBLEM, "256 open files allowed"),
        ("shared memory", {"shared_free_bytes": 10 << 20}, Level.NOTE, "10 MiB free in /dev/shm"),
    ],
)
def test_each_finding(check, changes, level, text):
    found = finding(check, **changes)
    assert found.level is level
    assert text in found.seen
    assert (found.cure != "") == (level is not Level.OK)


def test_many_cameras_need_more_files_than_the_usual_limit():
    assert finding("files", cameras=300).cure == "Before starting: ulimit -n 5000"
    assert "LimitNOFILE=5000" in finding("files", cameras=300, most_handles=1024).cure
    assert finding("files", cameras=300, handles=resource.RLIM_INFINITY).level is Level.OK


def test_no_shared_memory_is_not_mentioned():
    checks = {each.check for each in judge_resources(replace(HEALTHY, shared_free_bytes=None), 1)}
    assert "shared memory" not in checks


def test_limits_of_a_container_are_read(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text("1073741824\n")
    facts = resource_facts(tmp_path)
    assert facts.cgroup_cores == 1.5
    assert facts.cgroup_bytes == GIB


@pytest.mark.parametrize("content", ["max 100000\n", "max\n", None])
def test_no_limits_of_a_container(tmp_path, content):
    if content is not None:
        (tmp_path / "cpu.max").write_text(content)
        (tmp_path / "memory.max").write_text("max\n")
    facts = resource_facts(tmp_path)
    assert facts.cgroup_cores is None
    assert facts.cgroup_bytes is None
    assert facts.usable_cores >= 1
    assert facts.total_bytes > 0
