"""What a process and all that it started take of the machine, and what the machine has left."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any, Final

import psutil

from watchpost.clock import Clock

MEGABYTE: Final = 1e6


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


class UsageMeter:
    """What was used since the last time that it was asked. Its methods are called from one thread."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        """`folder` lies on the disk whose room is told."""
        self._clock = clock
        self._folder = folder
        self._tree = ProcessTree()
        self._before = self._now()

    def read(self) -> dict[str, float]:
        """`cpu_cores` (of Watchpost), `machine_cpu_cores`, `memory_mb` (of Watchpost), `machine_memory_used` (0-1),
        `disk_free_gb`, and of each NVIDIA GPU `gpu0_busy` and `gpu0_memory_used` (0-1)."""
        before, self._before = self._before, self._now()
        passed_s, own_s, all_s = (now - then for now, then in zip(self._before, before, strict=True))
        figures = {"memory_mb": self._tree.rss_mb(), "machine_memory_used": psutil.virtual_memory().percent / 100}
        if passed_s > 0:
            figures |= {"cpu_cores": max(0.0, own_s) / passed_s, "machine_cpu_cores": max(0.0, all_s) / passed_s}
        with contextlib.suppress(OSError):  # a disk that went away is told by who writes to it
            figures["disk_free_gb"] = shutil.disk_usage(self._folder).free / 1e9
        return figures | gpu_usage()

    def _now(self) -> tuple[float, float, float]:
        return self._clock.monotonic_s(), self._tree.cpu_s(), machine_cpu_s()


def gpu_usage() -> dict[str, float]:
    """How busy each NVIDIA GPU is and how full its memory, 0-1; nothing where there is none."""
    try:
        import pynvml as nvml
    except ImportError:
        return {}
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return {}
    try:
        return _gpu_usage(nvml)
    finally:
        nvml.nvmlShutdown()


def _gpu_usage(nvml: Any) -> dict[str, float]:
    figures: dict[str, float] = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            figures[f"gpu{index}_memory_used"] = memory.used / memory.total
            figures[f"gpu{index}_busy"] = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
        except nvml.NVMLError:  # a part of a GPU (MIG) tells no utilisation
            continue
    return figures
