from __future__ import annotations

import json
from pathlib import Path

import pytest

from watchpost.errors import WatchpostError
from watchpost.event_json import event_from_json
from watchpost.sinks import jsonl


def test_events_are_appended_at_once(tmp_path: Path, make_event) -> None:
    path = tmp_path / "new" / "events.jsonl"
    first, second = make_event(1, camera="정문"), make_event(2)
    sink = jsonl.create(jsonl.Options(path=path, fsync=True))
    sink.send(first)
    assert [event_from_json(json.loads(line)) for line in path.read_text("utf-8").splitlines()] == [first]
    sink.close()
    again = jsonl.create(jsonl.Options(path=path))
    again.send(second)
    again.close()
    assert [event_from_json(json.loads(line)) for line in path.read_text("utf-8").splitlines()] == [first, second]


def test_a_dash_is_stdout_and_stays_open(make_event, capsys: pytest.CaptureFixture[str]) -> None:
    sink = jsonl.create(jsonl.Options(path=Path("-"), fsync=True))
    sink.send(make_event(5))
    sink.close()
    print("still open")
    line, rest = capsys.readouterr().out.splitlines()
    assert json.loads(line)["track_id"] == 5
    assert rest == "still open"


def test_a_file_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="can not be written: Is a directory"):
        jsonl.create(jsonl.Options(path=tmp_path))


def test_a_full_disk_is_named(make_event) -> None:
    sink = jsonl.create(jsonl.Options(path=Path("/dev/full")))
    with pytest.raises(WatchpostError, match="/dev/full can not be written: No space left"):
        sink.send(make_event())
    sink.close()
