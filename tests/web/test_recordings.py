"""Recordings over HTTP."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from starlette.testclient import TestClient

from fakes import event
from filming import MIDNIGHT, film
from watchpost.clock import ManualClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.runtime.live import LiveHub
from watchpost.stores import sqlite
from watchpost.types import Moment
from watchpost.web.app import create_app
from watchpost.web.services import Services

TOKEN = "a long enough token"
WHOLE = f"/api/cameras/gate/recording.mp4?since={MIDNIGHT}&until={MIDNIGHT + 10}"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path)
    writer = CameraWriter("gate", opened, ManualClock(), Lengths(segment_s=3.0, fragment_s=1.0))
    for packet in film(100):
        writer.add(packet)
    writer.finish()
    yield opened
    opened.close()


@pytest.fixture
def client(archive: Archive, tmp_path: Path) -> Iterator[TestClient]:
    store = sqlite.create(sqlite.Options(path=tmp_path / "events.db"))
    moments = {"start": Moment(6.0, MIDNIGHT + 6), "end": Moment(7.0, MIDNIGHT + 7)}
    store.add([dataclasses.replace(event(), id="e" * 32, **moments)])
    app = create_app(Services(LiveHub(ManualClock()), store=lambda: store, recordings=lambda: archive))
    yield TestClient(app, base_url="http://localhost")
    store.close()


def pictures(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_a_stretch_plays(client: TestClient) -> None:
    answer = client.get(f"/api/cameras/gate/recording.mp4?since={MIDNIGHT + 2.5}&until={MIDNIGHT + 5}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert float(answer.headers["x-watchpost-start"]) == MIDNIGHT + 2
    assert pictures(answer.content) == 30


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=5-999999999", 5, None)],
)
def test_ranges_of_bytes_are_what_a_player_asks_for(
    client: TestClient, wanted: str, start: int, stop: int | None
) -> None:
    whole = client.get(WHOLE).content
    answer = client.get(WHOLE, headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == whole[start:stop]
    first = start % len(whole)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"


@pytest.mark.parametrize("wanted", ["bytes=999999999-", "bytes=5-4", "bytes=-0"])
def test_a_range_that_is_none_is_refused(client: TestClient, wanted: str) -> None:
    answer = client.get(WHOLE, headers={"Range": wanted})
    assert answer.status_code == 416
    assert answer.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=1-2,5-6", "bytes=-", "bytes=x-y"])
def test_a_range_that_is_not_understood_is_passed_over(client: TestClient, wanted: str) -> None:
    assert client.get(WHOLE, headers={"Range": wanted}).status_code == 200


def test_every_event_has_its_clip(client: TestClient) -> None:
    answer = client.get(f"/api/events/{'e' * 32}/clip.mp4")
    assert answer.status_code == 200
    assert float(answer.headers["x-watchpost-start"]) == MIDNIGHT + 1
    assert pictures(answer.content) == 90
    assert client.get("/api/events/nobody/clip.mp4").status_code == 404


def test_what_there_is_is_told(client: TestClient) -> None:
    answer = client.get(f"/api/cameras/gate/recordings?since=0&until={MIDNIGHT * 2}").json()
    assert answer == {"camera": "gate", "spans": [{"start": MIDNIGHT, "end": pytest.approx(MIDNIGHT + 9.9)}]}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"since={MIDNIGHT + 500}&until={MIDNIGHT + 600}", 404),
        ("since=5&until=4", 422),
        ("since=0&until=1e9", 422),
        ("since=nan&until=inf", 422),
        ("since=1", 422),
    ],
)
def test_what_is_not_there_or_can_not_be_meant_is_told(client: TestClient, query: str, status: int) -> None:
    assert client.get(f"/api/cameras/gate/recording.mp4?{query}").status_code == status


def test_nothing_is_shown_without_a_login(archive: Archive) -> None:
    app = create_app(Services(LiveHub(ManualClock()), recordings=lambda: archive), token=TOKEN)
    client = TestClient(app)
    for path in (WHOLE, f"/api/events/{'e' * 32}/clip.mp4", "/api/cameras/gate/recordings?since=0&until=1"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code != 401
