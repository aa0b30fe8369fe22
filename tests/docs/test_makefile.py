"""What the documentation tells people to `make` can be made."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_targets_of_the_documentation_exist(page):
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert told
    assert told <= targets


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ([], "demo"),
        (["SECONDS=20"], "demo --duration 20s"),
        (["SECONDS=20s", "PORT=0"], "demo --port 0 --duration 20s"),
        (["SOURCE=rtsp://u:p@h/x?a=1&b=it's 2"], "demo -- rtsp://u:p@h/x?a=1&b=it's 2"),
    ],
)
def test_demo_hands_its_variables_on(tmp_path, variables, arguments):
    """With a `watchpost` that prints its arguments in place of the real one."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "watchpost"):
        (programs / name).write_text('#!/bin/sh\necho "$*"\n')
        (programs / name).chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    done = subprocess.run(["make", "-s", "demo", *variables], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == arguments
