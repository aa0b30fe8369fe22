"""`watchpost explain` asks a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from watchpost.cli.explain import explain
from watchpost.clock import ManualClock
from watchpost.config.gate import GateOptions
from watchpost.errors import WatchpostError
from watchpost.runtime.figures import CameraFigures, Figures
from watchpost.runtime.live import LiveHub
from watchpost.runtime.outputs import OutputFigures
from watchpost.video.gate import Gate
from watchpost.video.ring import Ring
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

TOKEN = "correct horse battery"
app = typer.Typer()
app.command()(explain)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    explanation = Gate(GateOptions(), Ring(1000, 10)).explain()
    output = OutputFigures("", "rtmp://h/live/***", "lost", "no answer in time.", 50, 2_000_000, 2, 13)
    cameras = tuple(
        CameraFigures(name, 100, 20, 10, 2, 8, 3, 1, 2, gate, outputs=(output,))
        for name, gate in (("정문/1", explanation), ("clip", None))
    )
    page = WebServer(
        create_app(Services(LiveHub(ManualClock()), figures=lambda: Figures(cameras, {})), token=TOKEN), "127.0.0.1", 0
    )
    port = int(page.start().rstrip("/").rpartition(":")[2])
    path = tmp_path / "watchpost.yaml"
    path.write_text(f"web: {{port: {port}, token: {TOKEN}}}")
    yield path
    page.stop()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_table_says_what_the_gate_does_and_why(config: Path) -> None:
    table = run("정문/1", "--config", str(config))
    assert "asleep: the stream has just begun" in table
    assert "10 frames, 2 dropped, 8 skipped" in table
    assert "lost 1 times" in table
    told = "rtmp://h/live/***: lost, 50 frames, 2.0 MB; lost 2 times; 13 packets lost: no answer in time."
    assert told in " ".join(table.replace("│", " ").split())


def test_json_has_everything(config: Path) -> None:
    answer = json.loads(run("정문/1", "--config", str(config), "--json"))
    assert (answer["packets"], answer["gate"]["state"], answer["gate"]["usual"]) == (100, "asleep", [])


def test_a_file_has_no_gate(config: Path) -> None:
    assert "every frame is decoded" in run("clip", "--config", str(config))


def test_who_can_not_be_asked_is_told_in_one_line(config: Path) -> None:
    with pytest.raises(WatchpostError, match="no running camera gone"):
        run("gone", "--config", str(config))
    config.write_text(config.read_text().replace(TOKEN, "another password"))
    with pytest.raises(WatchpostError, match="wants a token"):
        run("clip", "--config", str(config))
    config.write_text("web: {port: 9}")
    with pytest.raises(WatchpostError, match="no server answers at http"):
        run("clip", "--config", str(config))
