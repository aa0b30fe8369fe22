"""GPU findings over an NVML that is made up here."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from watchpost.runtime.doctor import Level
from watchpost.runtime.doctor.gpu import Gpu, GpuFacts, Holder, gpu_facts, judge_gpus

GIB = 1 << 30


class NvmlError(Exception):
    pass


class FakeNvml:
    """One GPU; `init_error` makes the driver missing, `graphics_error` makes it refuse a question."""

    NVMLError = NvmlError

    def __init__(self, free: int = 8 * GIB, pids: tuple[int, ...] = (), init_error: str | None = None) -> None:
        self.free, self.pids, self.init_error = free, pids, init_error
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802
        if self.init_error:
            raise NvmlError(self.init_error)
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def __getattr__(self, name: str) -> Any:
        answers = {
            "nvmlDeviceGetCount": lambda: 1,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlSystemGetDriverVersion": lambda: b"580.1",
            "nvmlDeviceGetName": lambda _: "Test GPU",
            "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(total=16 * GIB, free=self.free),
            "nvmlDeviceGetComputeRunningProcesses": lambda _: [
                SimpleNamespace(pid=pid, usedGpuMemory=GIB) for pid in self.pids
            ],
            "nvmlDeviceGetGraphicsRunningProcesses": self._refuse,
        }
        return answers[name]

    def _refuse(self, _handle: object) -> None:
        raise NvmlError("not supported")


def test_facts_are_read_and_nvml_is_let_go():
    nvml = FakeNvml(pids=(os.getpid(),))
    facts = gpu_facts(nvml)
    assert facts.driver == "580.1"
    (gpu,) = facts.gpus
    assert (gpu.name, gpu.total_bytes, gpu.free_bytes) == ("Test GPU", 16 * GIB, 8 * GIB)
    assert gpu.holders[0].pid == os.getpid()
    assert gpu.holders[0].name is not None
    assert nvml.open == 0


def test_no_driver_is_a_note_and_no_error():
    (found,) = judge_gpus(gpu_facts(FakeNvml(init_error="NVML Shared Library Not Found")))
    assert found.level is Level.NOTE
    assert "NVML Shared Library Not Found" in found.seen


def test_a_driver_that_fails_in_between_is_a_note():
    nvml = FakeNvml()
    nvml.nvmlDeviceGetCount = lambda: nvml._refuse(None)  # type: ignore[attr-defined]
    facts = gpu_facts(nvml)
    assert facts.driver is None
    assert nvml.open == 0


def gpu(free: int, *holders: Holder) -> GpuFacts:
    return GpuFacts("580", (Gpu(0, "Test GPU", 16 * GIB, free, holders),))


def test_enough_memory_is_well_and_its_holders_are_named():
    (found,) = judge_gpus(gpu(8 * GIB, Holder(42, "python", 2 * GIB), Holder(43, "Xorg", None)))
    assert found.level is Level.OK
    assert "8192 of 16384 MiB free" in found.seen
    assert "python (process 42, 2048 MiB), Xorg (process 43, ? MiB)" in found.seen


@pytest.mark.parametrize("holders", [(), (Holder(42, "trainer", 15 * GIB),)])
def test_little_memory_is_a_warning_that_names_who_holds_it(holders):
    (found,) = judge_gpus(gpu(GIB // 2, *holders))
    assert found.level is Level.WARNING
    assert ("trainer" if holders else "no process that the driver names") in found.seen
    assert found.cure


def test_memory_of_a_process_that_is_not_seen():
    found = judge_gpus(gpu(8 * GIB, Holder(99, None, GIB)))[1]
    assert found.level is Level.NOTE
    assert "99" in found.seen
    assert "nvidia-smi" in found.cure


def test_a_driver_without_gpu_is_a_note():
    assert judge_gpus(GpuFacts("580"))[0].level is Level.NOTE
