"""`watchpost events` from the command line to its output."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from watchpost.cli.events import _followed, events, parse_time
from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.event_json import event_from_json
from watchpost.stores import EventFilter, sqlite
from watchpost.types import Event, Moment, new_event_id

app = typer.Typer()
app.command()(events)
NOW_S = time.time()


def event(kind: str, ago_s: float, lasts_s: float = 0.0, **changes: object) -> Event:
    fields: dict = {
        "id": new_event_id(),
        "camera": "yard",
        "rule": "who",
        "kind": kind,
        "class_name": "person",
        "track_id": 12,
        "start": Moment(5.0, NOW_S - ago_s - lasts_s),
        "end": Moment(5.0 + lasts_s, NOW_S - ago_s),
        "score": 0.875,
        "box": (0.0, 0.0, 0.5, 1.0),
    }
    return Event(**(fields | changes))


CAME = event("appeared", 3600, 0.5, camera="[bold]gate", snapshot=b"\xff\xd8came")
WENT = event("left", 900, 12.25, class_name="dog", zone="door")
OLD = event("crossed", 3 * 86400, attributes={"direction": "in"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = sqlite.create(sqlite.Options(path=tmp_path / "watchpost.db"))
    store.add([OLD, CAME, WENT])
    store.close()
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--store", str(folder), *arguments], env={"COLUMNS": "160"})


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


def test_a_table_for_people_newest_last(folder: Path) -> None:
    result = run(folder)
    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if "yard" in line or "gate" in line]
    assert [re.split(r"\s*│\s*", row)[2:5] for row in rows] == [
        ["yard", "crossed", "person"],
        ["[bold]gate", "appeared", "person"],
        ["yard", "left", "dog"],
    ]
    assert "12.2 s" in rows[2]
    assert "door" in rows[2]
    assert "0.5 s" not in rows[1], "how long it took to be sure is no duration"
    zone = datetime.now().astimezone().strftime("%Z")
    assert datetime.fromtimestamp(WENT.end.wall_time_s).strftime(f"%Y-%m-%d %H:%M:%S {zone}") in rows[2]


def test_json_lines_hold_the_whole_event(folder: Path) -> None:
    lines = run(folder, "--json").stdout.splitlines()
    found = event_from_json(json.loads(lines[2]))
    assert (found.id, found.zone, found.kind) == (WENT.id, "door", "left")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--camera", "yard"], [OLD, WENT]),
        (["--class", "dog", "--class", "cat"], [WENT]),
        (["--kind", "appeared", "--kind", "crossed"], [OLD, CAME]),
        (["--text", "direction in"], [OLD]),
        (["--since", "2h"], [CAME, WENT]),
        (["--until", "1d"], [OLD]),
        (["--since", "30min ago"], [WENT]),
        (["--limit", "1"], [WENT]),
    ],
)
def test_filters(folder: Path, arguments: list[str], expected: list[Event]) -> None:
    assert ids(run(folder, "--json", *arguments)) == [each.id for each in expected]


def test_nothing_that_fits_is_said(folder: Path) -> None:
    assert run(folder, "--camera", "nowhere").stdout == "no events that fit\n"
    assert run(folder, "--camera", "nowhere", "--json").stdout == ""


def test_snapshots_become_files(folder: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    result = run(folder, "--snapshots", str(pictures))
    (picture,) = pictures.iterdir()
    assert picture.read_bytes() == b"\xff\xd8came"
    assert re.fullmatch(r"\d{8}-\d{6}-_bold_gate-appeared-[0-9a-f]{8}\.jpg", picture.name)
    assert f"pictures written to {pictures}: 1" in result.stderr


def test_the_database_itself_can_be_named(folder: Path) -> None:
    assert len(ids(run(folder / "watchpost.db", "--json"))) == 3


def test_a_missing_store_is_said_and_not_made(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert isinstance(result.exception, WatchpostError)
    assert "there is no event store" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_following_shows_what_is_added_once(folder: Path) -> None:
    store = sqlite.create(sqlite.Options(path=folder / "watchpost.db"))
    clock = ManualClock(NOW_S)
    seen = {each.id for each in store.search(EventFilter())}
    followed = _followed(store, EventFilter(cameras=frozenset({"yard"})), seen, clock)
    first, second = event("appeared", 2), event("appeared", 1)
    store.add([second, first, event("appeared", 1, camera="gate")])
    assert [next(followed).id, next(followed).id] == [first.id, second.id]
    third = event("left", 0)
    store.add([third])
    assert next(followed).id == third.id
    store.close()


def test_ctrl_c_ends_following(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("watchpost.clock.SystemClock.wait", interrupt)
    result = run(folder, "--follow")
    assert result.exit_code == 130
    last = result.stdout.splitlines()[-1]
    assert " ".join(last.split()[3:]) == "yard left dog 12 door 12.2 s 0.88"


def test_times() -> None:
    noon = datetime(2026, 5, 2, 12, 0).timestamp()

    def parsed(text: str) -> datetime:
        return datetime.fromtimestamp(parse_time(text, noon))

    assert parsed("now") == datetime(2026, 5, 2, 12)
    assert parsed("90min") == datetime(2026, 5, 2, 10, 30)
    assert parsed("2h ago") == datetime(2026, 5, 2, 10)
    assert parsed("Today") == datetime(2026, 5, 2)
    assert parsed("yesterday") == datetime(2026, 5, 1)
    assert parsed("2026-05-01") == datetime(2026, 5, 1)
    assert parsed("2026-05-01 14:30") == datetime(2026, 5, 1, 14, 30)
    assert parse_time("2026-05-01T14:30Z", noon) == 1777645800


@pytest.mark.parametrize("text", ["", "soon", "2", "tomorrowish", "2026-13-01", "h", "2 weeks"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WatchpostError, match="is no time; write for instance"):
        parse_time(text, NOW_S)
