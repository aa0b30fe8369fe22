"""Which machine and which revision a figure was measured on."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import watchpost
from watchpost.detectors.network import usable_cores
from watchpost.errors import WatchpostError
from watchpost.runtime import children


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
