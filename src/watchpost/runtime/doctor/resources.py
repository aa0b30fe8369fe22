"""Memory, cores, file handles and Python itself."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchpost.runtime.doctor.finding import Finding, Level

_MIB: Final = 1 << 20
_BASE_HANDLES: Final = 200
_HANDLES_PER_CAMERA: Final = 16
"""Sockets of RTSP with RTP and RTCP, reconnecting while the old ones close, and files that are written."""
_OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """What this process may use."""

    python: tuple[int, int, int]
    is_64_bit: bool
    available_bytes: int
    total_bytes: int
    cgroup_bytes: int | None
    """Limit of this container; `None` without one."""
    cores: int
    """Of the machine."""
    usable_cores: int
    """That this process may run on."""
    cgroup_cores: float | None
    """Share of them by the container's quota; `None` without one."""
    handles: int
    """Soft limit of open files."""
    most_handles: int
    """Hard limit of open files."""
    shared_free_bytes: int | None
    """Free in /dev/shm; `None` where there is none."""


def resource_facts(cgroup: Path = Path("/sys/fs/cgroup")) -> ResourceFacts:
    """Ask the system; `cgroup` is where control groups (version 2) are mounted."""
    import psutil

    memory = psutil.virtual_memory()
    quota, _, period = _line(cgroup / "cpu.max").partition(" ")
    limit = _line(cgroup / "memory.max")
    handles, most_handles = resource.getrlimit(resource.RLIMIT_NOFILE)
    shared = None
    with contextlib.suppress(OSError):
        shared = shutil.disk_usage("/dev/shm").free  # noqa: S108 - it is looked at, not used
    return ResourceFacts(
        python=sys.version_info[:3],
        is_64_bit=sys.maxsize > 1 << 32,
        available_bytes=memory.available,
        total_bytes=memory.total,
        cgroup_bytes=int(limit) if limit.isdecimal() else None,
        cores=os.cpu_count() or 1,
        usable_cores=len(os.sched_getaffinity(0)),
        cgroup_cores=int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None,
        handles=handles,
        most_handles=most_handles,
        shared_free_bytes=shared,
    )


def _line(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text().strip()
    return ""


def judge_resources(facts: ResourceFacts, cameras: int) -> list[Finding]:
    """All of them, for so many cameras."""
    return [_python(facts), _memory(facts), _cores(facts, cameras), _handles(facts, cameras), *_shared(facts)]


def _python(facts: ResourceFacts) -> Finding:
    version = ".".join(map(str, facts.python))
    if facts.python[:2] < _OLDEST_PYTHON:
        return Finding("python", Level.PROBLEM, f"Python {version} is too old", "Install Python 3.11 or newer.")
    if not facts.is_64_bit:
        cure = "Install a 64-bit Python: the wheels of FFmpeg and ONNX Runtime exist for no other."
        return Finding("python", Level.PROBLEM, f"Python {version} is a 32-bit program", cure)
    return Finding("python", Level.OK, f"Python {version}")


def _memory(facts: ResourceFacts) -> Finding:
    seen = f"{facts.available_bytes // _MIB} of {facts.total_bytes // _MIB} MiB available"
    if facts.cgroup_bytes is not None and facts.cgroup_bytes < facts.total_bytes:
        seen += f", this container may use {facts.cgroup_bytes // _MIB} MiB"
    least = min(facts.available_bytes, facts.cgroup_bytes or facts.available_bytes)
    if least < 512 * _MIB:
        cure = "Free memory or give more: a server with one camera takes about half a gigabyte."
        return Finding("memory", Level.WARNING, seen, cure)
    return Finding("memory", Level.OK, seen)


def _cores(facts: ResourceFacts, cameras: int) -> Finding:
    seen = f"{facts.usable_cores} of {facts.cores} cores usable"
    if facts.cgroup_cores is not None and facts.cgroup_cores < facts.usable_cores:
        seen += f", of which the container's quota leaves {facts.cgroup_cores:g}"
        cure = "Raise the quota (docker run --cpus), or set `threads` of the models to it."
        return Finding("cores", Level.NOTE, f"{seen}; {cameras} camera(s) configured", cure)
    return Finding("cores", Level.OK, f"{seen}; {cameras} camera(s) configured")


def _handles(facts: ResourceFacts, cameras: int) -> Finding:
    needed = _BASE_HANDLES + _HANDLES_PER_CAMERA * cameras
    seen = f"{facts.handles} open files allowed, about {needed} needed for {cameras} camera(s)"
    if facts.handles == resource.RLIM_INFINITY or facts.handles >= needed:
        return Finding("files", Level.OK, seen)
    if facts.most_handles == resource.RLIM_INFINITY or facts.most_handles >= needed:
        return Finding("files", Level.PROBLEM, seen, f"Before starting: ulimit -n {needed}")
    return Finding(
        "files", Level.PROBLEM, seen, f"Raise the limit: LimitNOFILE={needed} (systemd), or --ulimit (docker)"
    )


def _shared(facts: ResourceFacts) -> list[Finding]:
    if facts.shared_free_bytes is None:
        return []
    seen = f"{facts.shared_free_bytes // _MIB} MiB free in /dev/shm"
    if facts.shared_free_bytes < 64 * _MIB:
        cure = "Remove what is left there, or start the container with --shm-size=1g."
        return [Finding("shared memory", Level.NOTE, seen, cure)]
    return [Finding("shared memory", Level.OK, seen)]
