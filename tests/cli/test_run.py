"""`watchpost run`, as a user runs it: guarded, reloaded, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from clips import encode_clip, moving_square

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture
def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
        return number


def write(path: Path, clip: Path, port: int, *cameras: str) -> Path:
    lines = [f"web: {{port: {port}}}", "models: {always: {model: fake_rooms.always}}", "cameras:"]
    lines += [f"  {name}: {{source: {clip}, options: {{realtime: true, loop: true}}}}" for name in cameras]
    draft = path.with_suffix(".new")
    draft.write_text("\n".join(lines))
    draft.replace(path)
    return path


def get(port: int, path: str) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        rows: list[dict[str, object]] = json.load(answer)
        return rows


def live(port: int) -> set[str]:
    try:
        return {str(row["name"]) for row in get(port, "/api/cameras") if row["state"] == "live"}
    except OSError:
        return set()


def until(holds: Callable[[], bool], what: str, timeout_s: float = 40) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.1)


@contextmanager
def server(config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "watchpost", "run", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


@pytest.mark.slow
def test_cameras_are_added_removed_and_survive_a_crash_of_the_server(tmp_path: Path, port: int) -> None:
    clip = tmp_path / "clip.mp4"
    encode_clip(clip, moving_square(20, 160, 128), fps=10)
    config = write(tmp_path / "watchpost.yaml", clip, port, "gate")
    with server(config) as guard:
        until(lambda: live(port) == {"gate"}, "the camera is live")
        until(lambda: bool(get(port, "/api/events")), "an event")

        write(config, clip, port, "gate", "옆문")
        until(lambda: live(port) == {"gate", "옆문"}, "the new camera is live")
        config.write_text("cameras: [")  # a mistake does not stop anything
        time.sleep(1.5)
        assert live(port) == {"gate", "옆문"}
        write(config, clip, port, "옆문")
        until(lambda: live(port) == {"옆문"}, "the first camera is gone")

        (child,) = psutil.Process(guard.pid).children()
        child.send_signal(signal.SIGSEGV)  # a crash in native code
        until(lambda: not child.is_running(), "the crashed server is reaped")
        until(lambda: live(port) == {"옆문"}, "the server is back")

        guard.send_signal(signal.SIGTERM)
        assert guard.wait(20) == 0
    store = tmp_path / "watchpost-data" / "watchpost.db"
    command = [sys.executable, "-m", "watchpost", "events", "--store", str(store), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert "appeared" in kinds
    assert "left" in kinds


@pytest.mark.slow
def test_the_server_dies_with_its_guard(tmp_path: Path, port: int) -> None:
    clip = tmp_path / "clip.mp4"
    encode_clip(clip, moving_square(20, 160, 128), fps=10)
    with server(write(tmp_path / "watchpost.yaml", clip, port, "gate")) as guard:
        until(lambda: live(port) == {"gate"}, "the camera is live")
        (child,) = psutil.Process(guard.pid).children()
        guard.kill()
        guard.wait(10)
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the server has gone too")


def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "watchpost.yaml"
    config.write_text("cameras:\n  gate:\n    sauce: x.mp4\n")
    command = [sys.executable, "-m", "watchpost", "run", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=ENVIRONMENT)
    assert done.returncode == 1
    assert "watchpost.yaml:3" in done.stderr
    assert "Traceback" not in done.stderr
