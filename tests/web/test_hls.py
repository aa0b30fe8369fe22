"""HLS over HTTP: made while somebody asks, refused to whoever may not see the camera."""

from __future__ import annotations

import dataclasses
import io
import re
import threading
from collections.abc import Iterator

import av
import pytest
from starlette.testclient import TestClient

from fakes import detections, frame
from filming import film
from waiting import until
from watchpost.clock import ManualClock, SystemClock
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.web.api import hls
from watchpost.web.app import create_app
from watchpost.web.services import Services

BASE = "/api/cameras/정문/1/hls"


class Camera:
    """Sends packets to those who watch, a few each time it is asked."""

    def __init__(self, taps: Taps, name: str) -> None:
        self.taps, self.name = taps, name
        self.packets = iter(film(300, gop=20))

    def send(self, count: int) -> None:
        for _ in range(count):
            self.taps.offer(self.name, next(self.packets))


@pytest.fixture
def services() -> Services:
    hub = LiveHub(ManualClock())
    for name in ("정문/1", "silent"):
        hub.publish(name, frame(0), detections((1, 2, 30, 40)), {})
    return Services(hub, clock=SystemClock())


@pytest.fixture
def camera(services: Services) -> Camera:
    return Camera(services.taps, "정문/1")


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services), base_url="http://127.0.0.1:8800") as client:
        yield client


def test_a_player_finds_all_it_needs(client: TestClient, camera: Camera) -> None:
    camera.send(65)  # the group in progress is held; it began 5 pictures ago
    main = client.get(f"{BASE}/index.m3u8")
    assert main.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert 'CODECS="avc1.' in main.text
    camera.send(40)
    playlist = client.get(f"{BASE}/live.m3u8").text
    header = re.search(r'MAP:URI="(.*)"', playlist)
    segment = re.search(r"^\d+\.m4s$", playlist, re.MULTILINE)
    assert header
    assert segment
    data = client.get(f"{BASE}/{header[1]}").content + client.get(f"{BASE}/{segment[0]}").content
    with av.open(io.BytesIO(data)) as file:
        assert len(list(file.decode(video=0))) == 20
    part = re.search(r'PART:.*URI="(\d+\.\d+\.m4s)"', playlist)
    assert part
    assert client.get(f"{BASE}/{part[1]}").headers["content-type"] == "video/mp4"
    assert client.get(f"{BASE}/1.m4s").status_code == 404
    assert client.get(f"{BASE}/init-1.mp4").status_code == 404


def test_a_request_for_what_comes_next_waits_for_it(client: TestClient, camera: Camera) -> None:
    camera.send(45)
    client.get(f"{BASE}/index.m3u8")
    camera.send(40)
    playlist = client.get(f"{BASE}/live.m3u8").text
    number, part = map(int, re.findall(r'HINT:TYPE=PART,URI="(\d+)\.(\d+)\.m4s"', playlist)[0])
    answers: list[str] = []
    asked = threading.Thread(
        target=lambda: answers.append(client.get(f"{BASE}/live.m3u8?_HLS_msn={number}&_HLS_part={part}").text)
    )
    asked.start()
    camera.send(12)
    asked.join(10)
    assert f"{number}.{part}.m4s" in answers[0]
    assert client.get(f"{BASE}/live.m3u8?_HLS_msn={number + 50}").status_code == 400
    assert client.get(f"{BASE}/live.m3u8?_HLS_part=1").status_code == 400
    assert client.get(f"{BASE}/live.m3u8?_HLS_msn=x").status_code == 422


def test_nobody_who_asks_no_more_is_served(
    client: TestClient, camera: Camera, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hls, "_IDLE_S", 0.2)
    monkeypatch.setattr(hls, "_LOOK_S", 0.05)
    camera.send(45)
    assert services.taps.viewers("정문/1") == 0
    assert client.get(f"{BASE}/index.m3u8").status_code == 200
    assert services.taps.viewers("정문/1") == 1
    assert until(lambda: services.taps.viewers("정문/1") == 0)


def test_cameras_that_are_not_there_or_send_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hls, "_PATIENCE_S", 0.1)
    assert client.get("/api/cameras/nobody/hls/index.m3u8").status_code == 404
    answer = client.get("/api/cameras/silent/hls/index.m3u8")
    assert answer.status_code == 503
    assert "sends nothing" in answer.json()["detail"]


def test_a_codec_that_hls_does_not_take_is_told(client: TestClient, services: Services) -> None:
    first = film(1)[0]
    services.taps.offer("silent", dataclasses.replace(first, stream=dataclasses.replace(first.stream, codec="mjpeg")))
    answer = client.get("/api/cameras/silent/hls/index.m3u8")
    assert answer.status_code == 415
    assert "H.264" in answer.json()["detail"]


def test_it_is_for_those_who_are_logged_in() -> None:
    app = create_app(Services(LiveHub(ManualClock())), token="correct horse battery")
    client = TestClient(app, base_url="http://watch.example", follow_redirects=False)
    for path in ("index.m3u8", "live.m3u8", "init-1.mp4", "1.m4s", "1.0.m4s"):
        assert client.get(f"{BASE}/{path}").status_code == 401
