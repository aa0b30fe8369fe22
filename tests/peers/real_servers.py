"""Starts and ends the real servers that peer tests talk to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_SYSTEM_PYTHON = "/usr/bin/python3"  # gi is a package of the system, not of this environment
_SCRIPT = Path(__file__).parent / "gst_rtsp_server.py"


class RtspServer:
    """gst-rtsp-server playing a clip; `restart` comes back on the same port."""

    def __init__(self, clip: Path, *arguments: str, scheme: str = "rtsp") -> None:
        self._clip = clip
        self._arguments = arguments
        self._scheme = scheme
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        command = [_SYSTEM_PYTHON, str(_SCRIPT), str(self._clip), "--port", str(self.port), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().split()
        if answer[:1] != ["ready"]:
            self.kill()
            raise RuntimeError("gst-rtsp-server did not start")
        self.port = int(answer[1])

    def kill(self) -> None:
        """End it without a word to its clients, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def address(self, path: str = "/live", user: str = "") -> str:
        return f"{self._scheme}://{user}127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def needs_gst() -> None:
    """Skip the test where gst-rtsp-server is not installed."""
    if not Path(_SYSTEM_PYTHON).exists():
        pytest.skip("no system Python")
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if subprocess.run([_SYSTEM_PYTHON, "-c", check], check=False, capture_output=True).returncode:
        pytest.skip("no gst-rtsp-server: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0")


def needs(program: str) -> str:
    """The path of a program; skips the test where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path
