"""`watchpost wake` asks a running server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from watchpost.cli.wake import wake
from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.runtime.live import LiveHub
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

TOKEN = "correct horse battery"
app = typer.Typer()
app.command()(wake)
woken: list[tuple[str, float]] = []


def answer(camera: str, seconds: float) -> bool | None:
    woken.append((camera, seconds))
    return {"정문": True, "clip": False}.get(camera)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    woken.clear()
    page = WebServer(create_app(Services(LiveHub(ManualClock()), wake=answer), token=TOKEN), "127.0.0.1", 0)
    port = int(page.start().rstrip("/").rpartition(":")[2])
    path = tmp_path / "watchpost.yaml"
    path.write_text(f"web: {{port: {port}, token: {TOKEN}}}")
    yield path
    page.stop()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_camera_is_woken_for_as_long_as_asked(config: Path) -> None:
    assert run("정문", "--config", str(config)) == "정문 stays awake for 30 s.\n"
    assert run("정문", "--for", "5min", "--config", str(config)) == "정문 stays awake for 300 s.\n"
    assert woken == [("정문", 30.0), ("정문", 300.0)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("clip",), "clip never sleeps"),
        (("yard",), "no running camera yard"),
        (("정문", "--for", "soon"), "--for: 'soon' is no duration"),
        (("정문", "--for", "2h"), "at most 1h"),
        (("정문", "--for", "0"), "more than 0 s"),
    ],
)
def test_what_can_not_be_is_told_in_one_line(config: Path, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(WatchpostError, match=words) as raised:
        run(*arguments, "--config", str(config))
    assert "\n" not in str(raised.value)
