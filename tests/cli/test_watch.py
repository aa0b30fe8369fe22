"""`watchpost watch`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from clips import encode_clip, moving_square
from watchpost.cli._session import plays_in_real_time

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "200"}


def watchpost(*arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchpost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=ENVIRONMENT, check=False)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    encode_clip(path, moving_square(20, 160, 128), fps=10)
    return path


def test_a_file_becomes_video_events_and_pictures(clip: Path, tmp_path: Path) -> None:
    out, events, frames = tmp_path / "out.mp4", tmp_path / "events.jsonl", tmp_path / "frames"
    done = watchpost(
        "watch", clip, "--model", "fake_rooms.always", "--save", out, "--events", events, "--frames", frames, "--every",
        "500ms",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "20 frames, 19 detections, 1 tracks, 2 events" in done.stdout
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20
    rows = [json.loads(line) for line in events.read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["appeared", "left"]
    assert len(list(frames.glob("*.jpg"))) == 4


def test_pictures_without_any_detector(clip: Path, tmp_path: Path) -> None:
    done = watchpost("watch", clip, "--model", "none", "--frames", tmp_path, "--every", "1s")
    assert (done.returncode, len(list(tmp_path.glob("*.jpg")))) == (0, 2)
    assert "0 detections" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch.mp4"], "nosuch.mp4"),
        (["gopher://example.com/x"], "gopher"),
        (["rtsp://user:secret@127.0.0.1:9/x"], "rtsp://***@127.0.0.1:9/x"),
        (["synthetic:", "--duration", "soon"], "--duration"),
        (["synthetic:", "--option", "people"], "name=value"),
        (["synthetic:", "--tracker", "magic"], "bytetrack"),
        (["synthetic:", "--model", "nosuch.onnx"], "nosuch.onnx"),
        (["synthetic:", "--save", "out.gif"], ".mp4"),
        (["synthetic:", "--frames", __file__], "can not be made"),
    ],
)
def test_bad_input_is_one_line_and_a_bad_exit_code(arguments: list[str], words: str) -> None:
    done = watchpost("watch", "--model", "none", *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "secret" not in done.stderr
    assert done.stdout == ""  # no summary of nothing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary_and_a_whole_file(number: int, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "watchpost", "watch", str(clip), "--option", "loop=true", "--realtime"]
    command += ["--model", "none", "--save", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    part = out.with_name("out.mp4.part")
    deadline_s = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (0, "")
    assert "frames" in stdout
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0


def test_events_that_can_not_be_written_are_an_error(clip: Path) -> None:
    done = watchpost("watch", clip, "--model", "fake_rooms.always", "--events", "/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("watchpost: 2 events could not be written to /dev/full")


def test_no_time_at_all_is_a_time() -> None:
    done = watchpost("watch", "synthetic:", "--model", "none", "--duration", "0s")
    assert done.returncode == 0
    assert done.stdout.startswith("0 frames")


@pytest.mark.parametrize(
    ("source", "plays"),
    [("visit.mp4", True), ("file:///visit.mp4", True), (".", False), ("cat.jpg", False), ("rtsp://10.0.0.5/1", False)],
)
def test_video_files_alone_are_played_like_a_camera(source: str, plays: bool) -> None:
    assert plays_in_real_time(source) == ({"realtime": True} if plays else {})
