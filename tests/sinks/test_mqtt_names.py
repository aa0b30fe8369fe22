"""The parts of the MQTT sink that need no broker."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from watchpost.errors import MissingExtraError
from watchpost.sinks import mqtt
from watchpost.sinks._homeassistant import topic_name
from watchpost.sinks._occupancy import Occupancy


@given(st.text(min_size=1, max_size=30))
def test_any_name_becomes_a_level_of_a_topic(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", topic_name(name))


def test_different_names_stay_different() -> None:
    names = ["front yard", "front/yard", "front_yard", "정문", "후문"]
    assert len({topic_name(name) for name in names}) == len(names)
    assert topic_name("front_yard") == "front_yard"


@pytest.mark.parametrize("prefix", ["a/#", "+", "/a", "a/", "", "a b"])
def test_prefixes_with_signs_of_their_own_are_refused(prefix: str) -> None:
    with pytest.raises(ValidationError):
        mqtt.Options(host="h", prefix=prefix)


def test_the_password_does_not_show() -> None:
    assert "hush" not in repr(mqtt.Options(host="h", user="me", password="hush"))


def test_a_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_paho(name: str, *args, **kwargs):
        if name.startswith("paho"):
            raise ModuleNotFoundError("No module named 'paho'", name="paho")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_paho)
    with pytest.raises(MissingExtraError, match=r"pip install 'watchpost\[mqtt\]'"):
        mqtt.create(mqtt.Options(host="h", queue=tmp_path))


def test_occupancy_takes_the_same_event_twice(tmp_path: Path, make_event) -> None:
    who = Occupancy(tmp_path / "pairs.json")
    for event in [make_event(1), make_event(1), make_event(2), make_event(2, kind="left"), make_event(2, kind="left")]:
        who.take(event)
    assert who.counts() == {("yard", "person"): 1}


def test_occupancy_remembers_the_cameras_and_not_who_was_there(tmp_path: Path, make_event) -> None:
    Occupancy(tmp_path / "pairs.json").take(make_event(1, camera="정문"))
    assert Occupancy(tmp_path / "pairs.json").counts() == {("정문", "person"): 0}


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "pairs.json").write_text("{not json")
    assert Occupancy(tmp_path / "pairs.json").counts() == {}


def test_a_memory_that_can_not_be_written_notes_nothing(tmp_path: Path, make_event) -> None:
    who = Occupancy(tmp_path / "missing" / "pairs.json")
    with pytest.raises(OSError, match="pairs"):
        who.take(make_event(1))
    assert who.counts() == {}
