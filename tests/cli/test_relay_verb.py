"""`watchpost relay`, as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from clips import encode_clip, moving_square

ENVIRONMENT = os.environ | {"COLUMNS": "200"}


def relay(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchpost", "relay", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)


def pictures(path: Path) -> int:
    with av.open(path) as file:
        return sum(1 for _ in file.decode(video=0))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    encode_clip(path, moving_square(50), fps=25, gop=10)
    return path


def test_a_file_into_another_and_never_over_one(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ts"
    done = relay(clip, out)
    assert done.returncode == 0, done.stderr
    assert "50 frames" in done.stdout
    assert pictures(out) == 50
    again = relay(clip, out)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert relay(clip, out, "--force", "--transcode").returncode == 0


def test_ctrl_c_leaves_a_whole_file(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "watchpost", "relay", "synthetic:?width=160&height=120", str(out)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        part = out.with_name("out.mp4.part")
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 3000):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=20)
    assert process.returncode == 0, complaints
    assert "frames" in said
    assert pictures(out) > 5


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("rtmp://127.0.0.1:1/live/secret-key", "check that the server runs"),
        ("rtmp://127.0.0.1:1/live", "name an application and a stream"),
        ("rtsp://user:secret@127.0.0.1:1/x", "connection refused"),
        ("srt://127.0.0.1:9000", "does not know the protocol"),
        ("out.xyz", "what kind of file"),
    ],
)
def test_what_does_not_work_is_one_line(clip: Path, target: str, says: str) -> None:
    done = relay(clip, target)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stdout + done.stderr
