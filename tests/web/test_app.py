from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from dataclasses import replace

import pytest
from anyio import CapacityLimiter
from starlette.testclient import TestClient

from fakes import SIZE, detections, event, frame
from watchpost.clock import ManualClock
from watchpost.errors import WatchpostError
from watchpost.picture import decode_picture
from watchpost.runtime.live import LiveHub
from watchpost.web import streams
from watchpost.web.access import Role, User
from watchpost.web.app import create_app
from watchpost.web.guard import SESSION_COOKIE
from watchpost.web.services import Services

TOKEN = "correct horse battery"
ADMIN = User("admin", Role.ADMIN)
START = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"
JPEG = b"\xff\xd8 a picture \xff\xd9"


@pytest.fixture
def hub():
    hub = LiveHub(ManualClock())
    for index in range(3):
        hub.publish("정문/1", frame(index), detections((1, 2, 30, 40)), {"in": index})
    return hub


@pytest.fixture
def client(hub):
    return TestClient(create_app(Services(hub)), base_url="http://127.0.0.1:8800", follow_redirects=False)


@pytest.fixture
def locked(hub):
    app = create_app(Services(hub, clock=ManualClock()), token=TOKEN)
    return TestClient(app, base_url="http://watch.example", follow_redirects=False)


class Store:
    """A store that holds one old event and its snapshot."""

    old = event(at_s=1.0)

    def search(self, query):
        return [self.old]

    def snapshot(self, event_id):
        return JPEG if event_id == self.old.id else None


def log_in(client):
    answer = client.post("/login", data={"token": TOKEN})
    assert answer.status_code == 303
    return answer


# ---- the API


def test_cameras_and_their_pictures(client):
    (camera,) = client.get("/api/cameras").json()
    assert camera["name"] == "정문/1"
    assert (camera["state"], camera["width"], camera["height"]) == ("live", *SIZE)
    answer = client.get("/api/cameras/정문%2F1/picture.jpg?width=100")
    assert answer.headers["content-type"] == "image/jpeg"
    assert decode_picture(answer.content).shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize(
    "path",
    [
        "/api/cameras/unknown/picture.jpg",
        "/api/cameras/unknown/live.mjpg",
        "/api/cameras/..%2F..%2Fetc%2Fpasswd/picture.jpg",
        "/api/cameras/%2e%2e/%2e%2e/picture.jpg",
        "/api/cameras/%00/picture.jpg",
        "/api/events/unknown/snapshot.jpg",
        "/api/events/..%2f..%2fpage.css/snapshot.jpg",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/locales/..%2f..%2fauth.py",
        "/language/fr",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("width", ["0", "-1", "99999", "x"])
def test_absurd_widths_are_refused(client, width):
    assert client.get(f"/api/cameras/정문%2F1/picture.jpg?width={width}").status_code == 422


def test_events_and_snapshots_of_the_hub_and_the_store(hub):
    new = replace(event(at_s=2.0), snapshot=JPEG + b"new")
    hub.add_event(new)
    client = TestClient(create_app(Services(hub, store=Store)), base_url="http://localhost")
    found = client.get("/api/events").json()
    assert [one["id"] for one in found] == [Store.old.id, new.id]
    assert "snapshot" not in found[0]
    assert client.get(f"/api/events?after={Store.old.id}").json() == found[1:]
    assert client.get("/api/events?limit=1").json() == found[1:]
    assert client.get(f"/api/events/{new.id}/snapshot.jpg").content == JPEG + b"new"
    assert client.get(f"/api/events/{Store.old.id}/snapshot.jpg").content == JPEG


def test_a_store_that_fails_hides_nothing_that_happens_now(hub):
    class Broken:
        def search(self, query):
            raise WatchpostError("the disk is full")

        def snapshot(self, event_id):
            raise WatchpostError("the disk is full")

    new = event(at_s=2.0)
    hub.add_event(new)
    client = TestClient(create_app(Services(hub, store=Broken)), base_url="http://localhost")
    assert [one["id"] for one in client.get("/api/events").json()] == [new.id]
    answer = client.get("/api/events/unknown/snapshot.jpg")
    assert (answer.status_code, answer.json()) == (503, {"detail": "the disk is full"})


# ---- the streams


def collect(stream, count):
    async def first():
        return [await anext(stream) for _ in range(count)]

    return asyncio.run(asyncio.wait_for(first(), 10))


def test_the_moving_picture_is_multipart_jpeg(hub):
    stop = threading.Event()

    async def run():
        stream = streams.mjpeg(hub, "정문/1", 640, CapacityLimiter(1), stop)
        parts = [await anext(stream), await anext(stream)]
        hub.publish("정문/1", frame(3), detections())
        parts.append(await anext(stream))
        hub.remove("정문/1")
        rest = [part async for part in stream]
        return parts, rest

    (start, one, two), rest = asyncio.run(asyncio.wait_for(run(), 10))
    assert start == START
    assert one.endswith(b"\xff\xd9\r\n" + START)
    assert decode_picture(one.removesuffix(START)).shape == (SIZE[1], SIZE[0], 3)
    assert one != two
    assert rest == []


def test_streams_end_when_the_server_stops(hub):
    stop = threading.Event()
    stop.set()

    async def run():
        pictures = [part async for part in streams.mjpeg(hub, "정문/1", 640, CapacityLimiter(1), stop)]
        return pictures, [part async for part in streams.news(hub, None, ADMIN, None, stop)]

    assert asyncio.run(asyncio.wait_for(run(), 10)) == ([START], [])


def test_news_tells_the_past_then_status_then_what_happens(hub):
    first, second = event(at_s=1.0), event(at_s=2.0)
    hub.add_event(first)

    async def run():
        stream = streams.news(hub, None, ADMIN, None, threading.Event())
        told = [await anext(stream), await anext(stream)]
        hub.add_event(second)
        told.append(await anext(stream))
        return told

    past, status, news = (message.decode() for message in asyncio.run(asyncio.wait_for(run(), 10)))
    assert past.startswith(f"id: {first.id}\nevent: event\ndata: ")
    assert past.endswith("\n\n")
    assert json.loads(past.partition("data: ")[2])["kind"] == "appeared"
    assert status.startswith("event: status\n")
    assert json.loads(status.partition("data: ")[2])[0]["name"] == "정문/1"
    assert f"id: {second.id}" in news


def test_a_reader_that_comes_back_is_told_only_what_it_missed(hub):
    events = [event(at_s=float(index)) for index in range(3)]
    for one in events:
        hub.add_event(one)
    (message, status) = collect(streams.news(hub, None, ADMIN, events[1].id, threading.Event()), 2)
    assert events[2].id.encode() in message
    assert b"event: status" in status


def test_of_the_cameras_only_what_changed_is_told_each_second():
    gate = {"name": "gate", "state": "live", "fps": 5.0}
    yard = {"name": "yard", "state": "live", "fps": 2.0}
    before = {"gate": gate, "yard": yard, "shed": {"name": "shed", "state": "live"}}
    now = {"gate": gate, "yard": yard | {"fps": 2.1}, "hall": {"name": "hall", "state": "connecting"}}
    assert streams.changes(before, now) == {
        "changed": [{"name": "yard", "fps": 2.1}, {"name": "hall", "state": "connecting"}],
        "removed": ["shed"],
    }
    assert streams.changes(now, now) == {"changed": [], "removed": []}


def test_a_quiet_second_costs_a_reader_a_few_bytes(hub):
    messages = collect(streams.news(hub, None, ADMIN, None, threading.Event()), 2)
    assert b"event: status" in messages[-2]
    assert messages[-1].startswith(b"event: changes\n")
    assert len(messages[-1]) < 100


# ---- who may look


def test_every_answer_carries_the_headers(client, locked):
    for answer in (client.get("/login"), client.get("/api/nothing"), locked.get("/"), client.get("/static/frame.js")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


def test_on_loopback_a_foreign_host_name_is_refused(client):
    assert client.get("/api/cameras").status_code == 200
    for host in ("evil.example", "evil.example:8800", "127.0.0.1.evil.example"):
        assert client.get("/api/cameras", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "path",
    [
        "/api/cameras",
        "/api/events",
        "/api/events/stream",
        "/api/cameras/정문%2F1/picture.jpg",
        "/api/cameras/정문%2F1/live.mjpg",
        "/language/ko",
        "/nothing",
        "/static",
    ],
)
def test_without_a_token_nothing_is_told(locked, path):
    answer = locked.get(path)
    assert answer.status_code == 401
    assert "정문" not in answer.text


def test_the_page_leads_to_the_login(locked):
    answer = locked.get("/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert locked.get("/login").status_code == 200


def test_a_bearer_token_opens_the_api(locked):
    assert locked.get("/api/cameras", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    for wrong in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", TOKEN):
        assert locked.get("/api/cameras", headers={"Authorization": wrong}).status_code == 401
    assert locked.get(f"/api/cameras?token={TOKEN}").status_code == 401


def test_login_gives_a_cookie_that_scripts_and_other_sites_do_not_get(locked):
    cookie = log_in(locked).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert locked.get("/api/cameras").status_code == 200
    kept = f"{SESSION_COOKIE}={locked.cookies[SESSION_COOKIE]}"
    assert locked.post("/logout").status_code == 303  # a form, without a script
    assert locked.get("/api/cameras").status_code == 401
    assert locked.get("/api/cameras", headers={"Cookie": kept}).status_code == 401


def test_wrong_tokens_are_told_and_slowed_down(locked):
    for _ in range(5):
        answer = locked.post("/login", data={"token": "wrong"})
        assert answer.status_code == 401
        assert 'data-failed="yes"' in answer.text
    answer = locked.post("/login", data={"token": TOKEN})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert locked.get("/api/cameras", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 429


@pytest.mark.parametrize("length", ["5000", "-1", "x", "9" * 40])
def test_large_bodies_are_refused(locked, length):
    assert locked.post("/login", headers={"Content-Length": length}).status_code == 413


def test_a_large_body_of_unknown_length_is_refused(locked):
    assert locked.post("/login", content=iter([b"a" * 3000, b"b" * 3000])).status_code == 413


def test_the_token_is_never_logged(locked, caplog):
    caplog.set_level(logging.DEBUG)
    log_in(locked)
    locked.get("/api/cameras", headers={"Authorization": f"Bearer {TOKEN}"})
    locked.post("/login", data={"token": TOKEN + "x"})
    assert TOKEN not in caplog.text


# ---- the pages


def test_the_login_speaks_the_readers_language_and_loads_nothing_from_elsewhere(locked):
    english, korean = (locked.get("/login", headers={"Accept-Language": wish}) for wish in ("en", "ko-KR,ko;q=0.9"))
    assert '<html lang="en">' in english.text
    assert "Log in" in english.text
    assert '<html lang="ko">' in korean.text
    assert "로그인" in korean.text
    for text in (
        english.text,
        *(locked.get(f"/static/{name}").text for name in ("login.css", "theme.css", "theme.js")),
    ):
        assert not re.search(r"""(?:src=|href=|url\(|import |from |fetch\()["'`]?(?:https?:)?//""", text)
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", english.text)


def test_the_switch_beats_the_browser(locked):
    log_in(locked)
    answer = locked.get("/language/ko")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert '<html lang="ko">' in locked.get("/login", headers={"Accept-Language": "en"}).text


@pytest.fixture
def waking(hub):
    woken = []
    known = {"gate": True, "clip": False}

    def wake(camera, seconds):
        woken.append((camera, seconds))
        return known.get(camera)

    return TestClient(create_app(Services(hub, wake=wake)), base_url="http://127.0.0.1:8800"), woken


def test_a_camera_is_woken(waking):
    client, woken = waking
    assert client.post("/api/cameras/gate/wake").status_code == 204
    assert (
        client.post("/api/cameras/gate/wake?seconds=90", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
    )
    assert woken == [("gate", 30.0), ("gate", 90.0)]
    assert client.post("/api/cameras/clip/wake").status_code == 409
    assert client.post("/api/cameras/yard/wake").status_code == 404
    assert client.get("/api/cameras/gate/wake").status_code == 405


@pytest.mark.parametrize("seconds", ["0", "-1", "3601", "nan", "inf", "x"])
def test_a_camera_is_not_woken_for_ever(waking, seconds):
    client, woken = waking
    assert client.post(f"/api/cameras/gate/wake?seconds={seconds}").status_code == 422
    assert not woken


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_can_not_wake_a_camera(waking, site):
    client, woken = waking
    assert client.post("/api/cameras/gate/wake", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert not woken


def test_who_is_not_logged_in_wakes_nothing(hub):
    woken = []
    app = create_app(Services(hub, wake=lambda *asked: woken.append(asked)), token="correct horse battery")
    assert TestClient(app, base_url="http://watch.example").post("/api/cameras/gate/wake").status_code == 401
    assert not woken
