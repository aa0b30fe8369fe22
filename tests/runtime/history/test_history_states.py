"""Spans of states, across restarts of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchpost.errors import WatchpostError
from watchpost.runtime.history import History


def test_a_crash_ends_what_went_on_when_it_was_known_last(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    history.states.begin("gate", 100.0, "live", "")
    history.states.go_on(160.0)
    history.close()  # killed
    history = History(tmp_path / "history.db")
    history.states.resume()
    history.states.begin("gate", 500.0, "connecting", "")
    history.states.go_on(530.0)
    found = history.states.between(0, 1000)
    assert [(each.since_s, each.until_s, each.state) for each in found] == [
        (100.0, 160.0, "live"),
        (500.0, 530.0, "connecting"),
    ]
    history.close()


def test_spans_are_cut_to_the_time_and_chosen_by_camera(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    for camera in ("gate", "yard"):
        history.states.begin(camera, 100.0, "live", "")
        history.states.begin(camera, 200.0, "failed", "why")
        history.states.end([camera], 300.0)
    found = history.states.between(150, 250, {"yard"})
    assert [(each.camera, each.since_s, each.until_s, each.reason) for each in found] == [
        ("yard", 150, 200.0, ""),
        ("yard", 200.0, 250, "why"),
    ]
    assert history.states.between(300, 400) == []
    history.prune(1000.0, 750.0)
    assert [each.state for each in history.states.between(0, 1000)] == ["failed", "failed"]
    history.close()


def test_a_file_that_is_none_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(WatchpostError, match="Move it away"):
        History(tmp_path / "history.db")
