"""Memory of NVIDIA GPUs and who holds it, by NVML."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final

from watchpost.runtime.doctor.finding import Finding, Level

_MIB: Final = 1 << 20
_TIGHT: Final = 0.1
"""Less than this share of free memory is a warning."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with memory of a GPU."""

    pid: int
    name: str | None
    """`None` when no such process is seen here: it runs in another container, or it died and its memory did not."""
    used_bytes: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU."""

    index: int
    name: str
    total_bytes: int
    free_bytes: int
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """All GPUs, or why there are none."""

    driver: str | None
    gpus: tuple[Gpu, ...] = ()
    reason: str = ""
    """Why NVML can not be asked, in its own words."""


def gpu_facts(nvml: Any) -> GpuFacts:
    """Ask NVML (the module `pynvml`)."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return GpuFacts(None, reason=str(error))
    try:
        handles = [(index, nvml.nvmlDeviceGetHandleByIndex(index)) for index in range(nvml.nvmlDeviceGetCount())]
        return GpuFacts(_text(nvml.nvmlSystemGetDriverVersion()), tuple(_gpu(nvml, *each) for each in handles))
    except nvml.NVMLError as error:
        return GpuFacts(None, reason=str(error))
    finally:
        nvml.nvmlShutdown()


def _gpu(nvml: Any, index: int, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    used: dict[int, int | None] = {}
    for ask in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
        with contextlib.suppress(nvml.NVMLError):  # not every driver tells both
            used |= {process.pid: process.usedGpuMemory for process in ask(handle)}
    holders = tuple(Holder(pid, _process_name(pid), size) for pid, size in sorted(used.items()))
    return Gpu(index, _text(nvml.nvmlDeviceGetName(handle)), int(memory.total), int(memory.free), holders)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _process_name(pid: int) -> str | None:
    import psutil

    with contextlib.suppress(psutil.Error):
        return str(psutil.Process(pid).name())
    return None


def judge_gpus(facts: GpuFacts) -> list[Finding]:
    """Free memory and its holders."""
    if facts.driver is None:
        return [Finding("gpu", Level.NOTE, f"no NVIDIA GPU can be used: {facts.reason}")]
    if not facts.gpus:
        return [Finding("gpu", Level.NOTE, f"NVIDIA driver {facts.driver}, but no GPU")]
    return [finding for gpu in facts.gpus for finding in _judge(gpu)]


def _judge(gpu: Gpu) -> list[Finding]:
    free = f"GPU {gpu.index} {gpu.name}: {gpu.free_bytes // _MIB} of {gpu.total_bytes // _MIB} MiB free"
    holders = ", ".join(_told(holder) for holder in gpu.holders)
    findings = []
    if gpu.free_bytes < _TIGHT * gpu.total_bytes:
        seen = f"{free}; held by {holders or 'no process that the driver names'}"
        cure = "End the processes that are not needed, or give the models another GPU (CUDA_VISIBLE_DEVICES)."
        findings.append(Finding("gpu", Level.WARNING, seen, cure))
    else:
        findings.append(Finding("gpu", Level.OK, f"{free}; held by {holders}" if holders else free))
    if lost := [str(holder.pid) for holder in gpu.holders if holder.name is None]:
        seen = f"GPU {gpu.index}: processes {', '.join(lost)} hold memory but are not seen here"
        cure = "Look for them on the host (nvidia-smi): they run in another container, or died and left memory behind."
        findings.append(Finding("gpu", Level.NOTE, seen, cure))
    return findings


def _told(holder: Holder) -> str:
    size = "?" if holder.used_bytes is None else str(holder.used_bytes // _MIB)
    return f"{holder.name or 'unseen'} (process {holder.pid}, {size} MiB)"
