"""`watchpost check` and `watchpost export` on recordings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner, Result

from filming import MIDNIGHT, film
from watchpost.cli import app
from watchpost.clock import ManualClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.writer import CameraWriter, Lengths

CONFIG = """
data: data
models: {none: {model: hog}}
cameras:
  gate: {source: "rtsp://10.0.0.5/stream", timezone: Asia/Seoul, recording: {mode: continuous}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A configuration beside recordings of two stretches of 6 s, a minute apart."""
    archive = Archive(tmp_path / "data")
    writer = CameraWriter("gate", archive, ManualClock(), Lengths(segment_s=3.0, fragment_s=1.0))
    for start in (0, 60):
        for packet in film(60, start_s=start, wall_time_s=MIDNIGHT + start, is_discontinuous=start > 0, size=(128, 96)):
            writer.add(packet)
    writer.finish()
    archive.close()
    (tmp_path / "watchpost.yaml").write_text(CONFIG)
    return tmp_path


def run(server: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(server / "watchpost.yaml")])


def test_check_tells_and_mends(server: Path) -> None:
    sound = run(server, "check", "--read")
    assert sound.exit_code == 0
    assert "4 files" in sound.stdout
    assert "all agree" in sound.stdout
    next((server / "data" / "recordings").rglob("*.mp4")).unlink()
    found = run(server, "check", "--json")
    assert found.exit_code == 1
    assert [each["problem"] for each in json.loads(found.stdout)["findings"]] == ["missing"]
    assert run(server, "check", "--repair").exit_code == 1
    assert run(server, "check").exit_code == 0


def test_check_makes_a_lost_index_anew(server: Path) -> None:
    for file in (server / "data").glob("recordings.db*"):
        file.unlink()
    assert "--repair" in str(run(server, "check").exception)
    assert "4 do not agree, mended" in run(server, "check", "--repair").stdout
    assert run(server, "check", "--read").exit_code == 0


def frames(path: Path) -> int:
    with av.open(path) as file:
        return sum(1 for _ in file.decode(video=0))


def test_export_takes_times_of_the_cameras_zone_and_tells_what_is_missing(server: Path) -> None:
    out = server / "out.mp4"
    assert datetime.fromtimestamp(MIDNIGHT, UTC).isoformat() == "2023-11-15T00:00:00+00:00"
    result = run(
        server,
        "export",
        str(out),
        "--camera=gate",
        "--from=2023-11-15T09:00:02",
        "--to=2023-11-15T09:01:04",
    )
    assert result.exit_code == 0, result.output
    assert "2023-11-15 09:00:02 KST to 2023-11-15 09:01:04 KST, 8.0 s" in result.stdout
    assert "missing: 2023-11-15 09:00:06 KST to 2023-11-15 09:01:00 KST, 54.0 s" in result.stdout
    assert frames(out) == 80


def test_export_refuses_what_it_can_not_do(server: Path) -> None:
    out = str(server / "out.mp4")
    times = ["--from=2023-11-15T09:00:02", "--to=2023-11-15T09:00:04"]
    assert run(server, "export", out, "--camera=gate", *times).exit_code == 0
    again = run(server, "export", out, "--camera=gate", *times)
    assert "is there already; --force replaces it" in str(again.exception)
    assert run(server, "export", out, "--camera=gate", "--force", *times).exit_code == 0
    other = run(server, "export", str(server / "a.mp4"), "--camera=yard", *times)
    assert "yard: nothing was recorded at that time" in str(other.exception)
    turned = run(server, "export", str(server / "a.mp4"), "--camera=gate", *(each for each in reversed(times)))
    assert turned.exit_code == 0


def test_export_with_boxes_runs_the_cameras_model(server: Path) -> None:
    out = server / "boxes.mp4"
    times = ["--from=2023-11-15T09:00:00", "--to=2023-11-15T09:00:02"]
    result = run(server, "export", str(out), "--camera=gate", "--boxes", *times)
    assert result.exit_code == 0, result.output
    assert frames(out) == 20
