"""`watchpost search` from the command line to its output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from watchpost.cli.search import search
from watchpost.errors import WatchpostError
from watchpost.stores import sqlite
from watchpost.types import Event, Moment

app = typer.Typer()
app.command()(search)


def event(number: int, camera: str, lasts_s: float, zone: str | None = None) -> Event:
    start = Moment(0.0, 1_767_225_600.0 + number)
    end = Moment(lasts_s, start.wall_time_s + lasts_s)
    snapshot = b"jpg" if number == 1 else None
    return Event(f"{number:032x}", camera, "who", "left", "person", number, start, end, 0.5, None, zone, {}, snapshot)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = sqlite.create(sqlite.Options(path=tmp_path / "watchpost.db"))
    store.add([event(1, "gate", 5.0), event(2, "정문", 50.0, "side door"), event(3, "yard", 60.0)])
    store.close()
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--store", str(folder), *arguments], env={"COLUMNS": "160"})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [1, 2, 3]),
        (["person", "duration:>30s"], [2, 3]),
        (["person duration:>30s"], [2, 3]),
        (["zone:side door"], [2]),
        (['zone:"side door"'], [2]),
        (["카메라:정문", "또는", "camera:gate"], [1, 2]),
        (["--", "-카메라:정문"], [1, 3]),
        (["has:picture"], [1]),
        (["--limit", "1", "person"], [3]),
        (["before:2025-12-31"], []),
    ],
)
def test_finds_what_is_asked_for(folder: Path, words: list[str], expected: list[int]) -> None:
    result = run(folder, "--json", *words)
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["track_id"] for line in result.stdout.splitlines()] == expected


def test_a_table_for_people(folder: Path) -> None:
    rows = [line for line in run(folder, "정문").stdout.splitlines() if "정문" in line]
    assert len(rows) == 1
    assert "50.0 s" in rows[0]
    assert run(folder, "nothing").stdout == "no events that fit\n"


def test_the_query_can_be_shown(folder: Path) -> None:
    assert json.loads(run(folder, "--dsl", "track:2").stdout) == {"query": {"term": {"track_id": 2}}}


def test_snapshots_are_written(folder: Path, tmp_path: Path) -> None:
    run(folder, "--snapshots", str(tmp_path / "pictures"), "person")
    assert [file.read_bytes() for file in (tmp_path / "pictures").iterdir()] == [b"jpg"]


def test_what_is_wrong_is_told(folder: Path) -> None:
    result = run(folder, "colour:red")
    assert isinstance(result.exception, WatchpostError)
    assert "there is no 'colour' to search by" in str(result.exception)
