"""One look at the machine: each finding with its cure.

A check is a function that reads facts and a pure function that judges them. `examine` runs all checks at once, each
within a time limit; a check that fails or hangs is a finding itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from threading import Thread

from watchpost.runtime.doctor.finding import Finding, Level
from watchpost.runtime.doctor.plan import Plan
from watchpost.telemetry import redacted

__all__ = ["Check", "Finding", "Level", "Plan", "checks", "examine"]

Check = Callable[[], list[Finding]]


def checks(plan: Plan) -> dict[str, Check]:
    """All checks by name, for what `plan` asks of the machine; libraries load when a check runs."""

    def video() -> list[Finding]:
        from watchpost.runtime.doctor.engines import judge_ffmpeg
        from watchpost.video.capabilities import ffmpeg_facts

        return judge_ffmpeg(ffmpeg_facts())

    def inference() -> list[Finding]:
        import pynvml

        from watchpost.detectors.capabilities import inference_facts
        from watchpost.runtime.doctor.engines import judge_inference
        from watchpost.runtime.doctor.gpu import gpu_facts

        return judge_inference(inference_facts(), has_nvidia=bool(gpu_facts(pynvml).gpus))

    def gpu() -> list[Finding]:
        import pynvml

        from watchpost.runtime.doctor.gpu import gpu_facts, judge_gpus

        return judge_gpus(gpu_facts(pynvml))

    def processes() -> list[Finding]:
        from watchpost.runtime.doctor.processes import judge_processes, process_facts

        return judge_processes(process_facts())

    def disk() -> list[Finding]:
        from watchpost.runtime.doctor.disk import disk_facts, judge_disk

        return judge_disk(disk_facts(plan.data, time.time()))

    def port() -> list[Finding]:
        from watchpost.runtime.doctor.ports import judge_port, port_facts

        return judge_port(port_facts(plan.web_host, plan.web_port))

    def clock() -> list[Finding]:
        from watchpost.runtime.doctor.timekeeping import clock_facts, judge_clock

        return judge_clock(clock_facts(time.time()))

    def resources() -> list[Finding]:
        from watchpost.runtime.doctor.resources import judge_resources, resource_facts

        return judge_resources(resource_facts(), plan.cameras)

    return {
        "resources": resources,
        "video": video,
        "inference": inference,
        "gpu": gpu,
        "processes": processes,
        "disk": disk,
        "port": port,
        "clock": clock,
    }


def examine(to_run: Mapping[str, Check], time_limit_s: float = 15.0) -> list[Finding]:
    """The findings of all checks, in their order. Returns within `time_limit_s` and raises nothing."""
    deadline_s = time.monotonic() + time_limit_s
    running = {name: _started(name, check) for name, check in to_run.items()}
    findings = []
    for name, future in running.items():
        try:
            findings += future.result(max(0.0, deadline_s - time.monotonic()))
        except OutOfTime:
            cure = "Something that it asks does not answer: a driver, or a network disk. Try again after a restart."
            findings.append(Finding(name, Level.WARNING, f"this check did not end in {time_limit_s:g} s", cure))
        except Exception as error:  # whatever a machine comes up with, the other findings count
            seen = f"this check failed: {type(error).__name__}: {redacted(str(error))}"
            findings.append(Finding(name, Level.WARNING, " ".join(seen.split()), "Please report it."))
    return findings


def _started(name: str, check: Check) -> Future[list[Finding]]:
    """Run a check in a daemon thread: one that hangs can not keep the program from ending."""
    future: Future[list[Finding]] = Future()

    def run() -> None:
        try:
            future.set_result(check())
        except Exception as error:
            future.set_exception(error)

    Thread(target=run, name=f"doctor {name}", daemon=True).start()
    return future
