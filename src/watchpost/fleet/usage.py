"""What a process and all that it started take of the machine."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import psutil

import watchpost
from watchpost.detectors.network import usable_cores
from watchpost.errors import WatchpostError
from watchpost.runtime import children

MEGABYTE = 1e6


class ProcessTree:
    """This process and its living descendants."""

    def __init__(self) -> None:
        self._root = psutil.Process()

    def cpu_s(self) -> float:
        """Processor seconds so far, user and system; what ended children took is counted once they are reaped."""
        own = self._root.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in self._children():
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return float(total)

    def rss_mb(self) -> float:
        """Resident memory in MB (memory that processes share counts in each)."""
        total = self._root.memory_info().rss
        for child in self._children():
            try:
                total += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return float(total / MEGABYTE)

    def _children(self) -> list[psutil.Process]:
        return list(self._root.children(recursive=True))


def machine_cpu_s() -> float:
    """Processor seconds that all that runs on this machine has taken since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def revision() -> str | None:
    """The commit that runs, where this is a working copy of the repository."""
    root = Path(watchpost.__file__).parents[2]
    if not (root / ".git").exists() or not (root / "pyproject.toml").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        with children.start(command, "git", stdout=subprocess.PIPE) as child:
            assert child.stdout is not None  # noqa: S101 - it is piped
            return child.stdout.read().decode().strip() or None
    except WatchpostError:  # no git
        return None


def machine() -> str:
    """The processor's name, the cores to use, and the system."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    name = names[0] if names else platform.processor()
    return (
        f"{name}, {usable_cores()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
