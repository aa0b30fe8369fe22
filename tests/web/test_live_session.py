"""The live WebSocket: header, fragments, boxes and state; who may see, who is slow, and when it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from fakes import detections, frame
from filming import film
from waiting import until
from watchpost.clock import ManualClock
from watchpost.mp4.boxes import boxes
from watchpost.pipeline import Analysed
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.web.access import Role, User
from watchpost.web.api import live
from watchpost.web.app import create_app
from watchpost.web.guard import LOOK_S
from watchpost.web.services import Services


class Door:
    """Plays the guard: says who asks."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.user = User("ann", Role.VIEWER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {}).update(user=self.user)
        await self.app(scope, receive, send)


class Room:
    """A server with one camera."""

    def __init__(self) -> None:
        self.hub, self.taps, self.boxes = LiveHub(ManualClock()), Taps(), BoxFeed()
        self.hub.add("정문")
        self.stop = threading.Event()
        app = FastAPI()
        services = Services(self.hub, taps=self.taps, boxes=self.boxes, clock=ManualClock(), stop=self.stop)
        app.include_router(live.router(services))
        self.door = Door(app)
        self.client = TestClient(self.door)

    def offer(self, packets: list[Any]) -> None:
        for packet in packets:
            self.taps.offer("정문", packet)


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    with made.client:
        yield made


PATH = "/api/live/%EC%A0%95%EB%AC%B8"


def texts(socket: WebSocketTestSession, kind: str) -> dict[str, Any]:
    """The next message of that kind."""
    while True:
        message = socket.receive()
        if message.get("text") and (said := json.loads(message["text"]))["kind"] == kind:
            return dict(said)


def code_of(socket: WebSocketTestSession) -> int:
    while (message := socket.receive())["type"] != "websocket.close":
        pass
    return int(message["code"])


def test_a_viewer_gets_state_header_fragments_and_the_boxes_of_their_pictures(room: Room) -> None:
    packets = film(20, start_s=50.0)
    room.offer(packets[:15])
    with room.client.websocket_connect(PATH) as socket:
        assert texts(socket, "state")["name"] == "정문"
        header = texts(socket, "header")
        assert (header["mime"][:22], header["camera_time_s"]) == ('video/mp4; codecs="avc', 51.0)
        assert [each.kind for each in boxes(socket.receive_bytes())] == [b"ftyp", b"uuid", b"moov"]
        for _ in range(5):
            assert [each.kind for each in boxes(socket.receive_bytes())] == [b"moof", b"mdat"]
        room.boxes.see(Analysed(frame(515, camera="정문"), detections((16, 12, 32, 24), track_ids=[4])))
        said = texts(socket, "boxes")
        assert said["media_time_s"] == pytest.approx(0.5)
        assert said["objects"][0]["track"] == 4
        room.offer(packets[15:])
        assert socket.receive_bytes()[4:8] == b"moof"
    assert until(lambda: room.taps.viewers("정문") == 0)
    assert room.boxes.watched() == frozenset()


def test_what_browsers_do_not_take_is_told_so_that_they_ask_for_pictures(room: Room) -> None:
    packet = film(1)[0]
    with room.client.websocket_connect(PATH) as socket:
        room.offer([replace(packet, stream=replace(packet.stream, codec="mjpeg"))])
        assert "mjpeg" in texts(socket, "unsupported")["detail"]


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda room: room.stop.set(), 1001),
        (lambda room: room.taps.remove("정문"), 4404),
    ],
)
def test_it_ends_with_the_server_and_with_the_camera(room: Room, happens: Callable[[Room], object], code: int) -> None:
    with room.client.websocket_connect(PATH) as socket:
        texts(socket, "state")
        happens(room)
        assert code_of(socket) == code


def test_a_camera_that_is_not_there_and_one_that_may_not_be_seen_look_the_same(room: Room) -> None:
    with room.client.websocket_connect("/api/live/elsewhere") as socket:
        assert code_of(socket) == 4404
    room.door.user = User("bob", Role.VIEWER, frozenset({"elsewhere"}))
    with room.client.websocket_connect(PATH) as socket:
        assert code_of(socket) == 4404
    assert room.taps.watched() == frozenset()


def test_the_number_of_viewers_is_bounded_and_places_are_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "MOST_VIEWERS", 1)
    room = Room()
    with room.client:
        with room.client.websocket_connect(PATH) as first:
            texts(first, "state")
            with room.client.websocket_connect(PATH) as second:
                assert code_of(second) == 1013
        assert until(lambda: room.taps.viewers("정문") == 0)
        with room.client.websocket_connect(PATH) as third:
            assert texts(third, "state")["state"] == "connecting"


def test_a_viewer_that_is_behind_goes_on_with_the_last_key_frame(room: Room) -> None:
    with room.client.websocket_connect(PATH) as socket:
        texts(socket, "state")
        (tap,) = room.taps._cameras["정문"].taps
        tap._offer(film(60))  # all at once, as after a pause of the connection
        header = texts(socket, "header")
        assert header["camera_time_s"] == 5.0
        assert texts(socket, "state")["lost"] == 50


def test_what_a_viewer_says_is_not_listened_to(room: Room) -> None:
    with room.client.websocket_connect(PATH) as socket:
        texts(socket, "state")
        socket.send_text("hello")
        socket.send_bytes(b"\x00" * 1000)
        room.offer(film(1))
        assert texts(socket, "header")


# ---- behind the guard

TOKEN = "correct horse battery"
ORIGIN = "http://watch.example"
ADDRESS = "ws://watch.example" + PATH


@pytest.fixture
def guarded() -> Iterator[tuple[TestClient, ManualClock, LiveHub]]:
    clock = ManualClock()
    hub = LiveHub(clock)
    hub.add("정문")
    stop = threading.Event()
    with TestClient(create_app(Services(hub, clock=clock, stop=stop), token=TOKEN), base_url=ORIGIN) as client:
        yield client, clock, hub
        stop.set()


def test_who_has_not_logged_in_and_pages_of_other_sites_are_refused(
    guarded: tuple[TestClient, ManualClock, LiveHub],
) -> None:
    client, _, _ = guarded
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(ADDRESS):
        pass
    client.post("/login", data={"token": TOKEN}, headers={"Origin": ORIGIN})
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(ADDRESS, headers={"Origin": "http://evil.example"}),
    ):
        pass
    with client.websocket_connect(ADDRESS, headers={"Origin": ORIGIN}) as socket:
        assert texts(socket, "state")["name"] == "정문"


def test_logging_out_ends_it(guarded: tuple[TestClient, ManualClock, LiveHub]) -> None:
    client, clock, _ = guarded
    client.post("/login", data={"token": TOKEN}, headers={"Origin": ORIGIN})
    with client.websocket_connect(ADDRESS, headers={"Origin": ORIGIN}) as socket:
        texts(socket, "state")
        client.post("/logout", headers={"Origin": ORIGIN})
        clock.advance(LOOK_S + 1)
        assert code_of(socket) == 1008
