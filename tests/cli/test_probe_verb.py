"""`watchpost probe` from the command line to its output."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from clips import encode_clip, moving_square
from watchpost.cli.probe import probe
from watchpost.errors import SourceError

app = typer.Typer()
app.command()(probe)


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "visit.mp4"
    encode_clip(path, moving_square(60), gop=10, bframes=2)
    return path


def test_a_table_for_people(clip):
    result = CliRunner().invoke(app, [str(clip)], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for text in (
        "160 × 120 px",
        "25 fps measured",
        "10 frames; 0.4 s (5 complete)",
        "IPBBPBBPBB",
        "IBBPBBPBBP",
        "closed",
    ):
        assert text in result.stdout


def test_json_for_programs(clip):
    result = CliRunner().invoke(app, [str(clip), "--json"])
    answer = json.loads(result.stdout)
    assert answer["source"] == str(clip)
    assert answer["packets"] == 60
    assert answer["gops"]["pattern"] == "IPBBPBBPBB"
    assert answer["rates"]["I"]["frames"] == 6
    assert answer["sdp"] is None
    assert answer["notes"] == []


def test_seconds_limit_what_is_read(clip):
    answer = json.loads(CliRunner().invoke(app, [str(clip), "--json", "--seconds", "1"]).stdout)
    assert answer["duration_s"] == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("content", [None, b"", b"this is no video" * 100])
def test_what_can_not_be_probed_is_one_line(tmp_path, content):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(app, [str(path)])
    assert isinstance(result.exception, SourceError)
    assert "\n" not in str(result.exception)


def test_a_file_that_is_cut_off_is_told_as_far_as_it_goes(tmp_path):
    path = tmp_path / "cut.ts"
    encode_clip(path, moving_square(60), gop=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    answer = json.loads(CliRunner().invoke(app, [str(path), "--json"]).stdout)
    assert 10 <= answer["packets"] < 60


def test_the_password_never_shows():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]  # nobody listens there when the block is left
    result = CliRunner().invoke(app, [f"rtsp://admin:hunter2@127.0.0.1:{port}/live", "--json"])
    assert isinstance(result.exception, SourceError)
    assert "hunter2" not in result.output + str(result.exception)
