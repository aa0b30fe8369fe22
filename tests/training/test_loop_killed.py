"""A training run that is killed at random moments ends as one that never was."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

HERE = Path(__file__).parent
in_bfloat16 = pytest.mark.skipif(
    not torch.cpu.get_capabilities().get("avx512_bf16"),
    reason="this processor emulates bfloat16, which takes minutes; `amp: auto` leaves it out here, too",
)


def run_alone(folder: Path, amp: str = "off", kill_after_s: float | None = None) -> dict[str, Any] | None:
    """What a run in its own process reports; `None` when it was killed."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(HERE / "_killed.py"), str(folder), amp]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if kill_after_s is not None:
            time.sleep(kill_after_s)  # a random moment is the point of the test
            process.kill()
        report = process.stdout.read()
    return json.loads(report) if process.returncode == 0 else None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("amp", ["off", pytest.param("bf16", marks=in_bfloat16)])
def test_killed_again_and_again_it_ends_with_the_same_loss(tmp_path: Path, amp: str):
    whole = run_alone(tmp_path / "whole", amp)
    assert whole is not None
    chance = random.Random(amp)
    kills, report = 0, None
    for _ in range(10):
        report = run_alone(tmp_path / "killed", amp, chance.uniform(0.2, 1.5))
        if report is not None:
            break
        kills += 1
    assert kills >= 2
    report = report or run_alone(tmp_path / "killed", amp)
    assert report == whole
