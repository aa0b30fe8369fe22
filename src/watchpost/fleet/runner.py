"""Runs a job in a child process of its own, so that runs share neither memory nor threads."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from watchpost.fleet.job import Job, Measured
from watchpost.runtime import children

_PATIENCE_S: Final = 90.0
"""For loading, opening the cameras and ending, beyond the run itself."""
_TELL_EVERY_S: Final = 0.5


def run(job: Job, told: Callable[[float], None] | None = None) -> Measured:
    """Run and measure; a child that fails or hangs gives a result with an `error`.

    `told` is told now and then for how many seconds it has been at work.
    """
    with tempfile.TemporaryDirectory() as folder:
        task, result = Path(folder, "job.json"), Path(folder, "result.json")
        task.write_text(job.to_json(), encoding="utf-8")
        path = os.pathsep.join(sys.path)  # so that it finds the approach that this process knows
        command = [sys.executable, "-m", "watchpost.fleet.child", str(task), str(result)]
        with children.start(command, job.name, environment={"PYTHONPATH": path}) as child:
            code = _wait(child, job.warm_s + job.seconds + _PATIENCE_S, told)
        if code is None:
            return Measured(error="it hangs")
        if code or not result.exists():
            return Measured(error=f"its process ended with {code}")
        return Measured.of_json(result.read_text(encoding="utf-8"))


def _wait(child: children.Child, longest_s: float, told: Callable[[float], None] | None) -> int | None:
    """The child's exit code, `None` when it takes longer."""
    begun_s = time.monotonic()
    while (code := child.wait(_TELL_EVERY_S)) is None and (past_s := time.monotonic() - begun_s) < longest_s:
        if told is not None:
            told(past_s)
    return code
