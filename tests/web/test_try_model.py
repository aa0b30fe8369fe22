from __future__ import annotations

import base64
import threading
from typing import ClassVar

import numpy as np
import pytest
from starlette.testclient import TestClient

from fakes import SIZE, detections, frame
from filming import film
from watchpost.clock import ManualClock
from watchpost.picture import decode_picture
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.web.api import try_model
from watchpost.web.app import create_app
from watchpost.web.services import Services


class Finder:
    """Finds two people, one of them faint."""

    name = "watchpost-person"
    opened: ClassVar[list[Finder]] = []
    wait = threading.Event()
    began = threading.Event()

    def __init__(self):
        self.seen = []
        self.is_closed = False
        self.opened.append(self)

    def detect(self, frames):
        self.seen += frames
        self.began.set()
        assert self.wait.wait(10)
        (each,) = frames
        found = detections((0, 0, each.size[0] / 2, each.size[1]), (1, 1, 2, 2))
        return [type(found)(found.xyxy, np.array([0.1, 0.8]), found.class_id, each.size, found.class_names)]

    def close(self):
        self.is_closed = True


@pytest.fixture
def finder(monkeypatch):
    monkeypatch.setattr(Finder, "opened", [])
    monkeypatch.setattr(Finder, "wait", threading.Event())
    monkeypatch.setattr(Finder, "began", threading.Event())
    Finder.wait.set()
    asked = []
    monkeypatch.setattr(
        try_model, "open_detector", lambda model, confidence: asked.append((model, confidence)) or Finder()
    )
    return asked


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def hub(clock):
    hub = LiveHub(clock)
    hub.publish("gate", frame(7), detections())
    return hub


@pytest.fixture
def client(hub, clock):
    return TestClient(create_app(Services(hub, clock=clock)), base_url="http://127.0.0.1:8800")


def test_all_that_a_model_finds_comes_with_its_confidence_and_the_picture(client, finder):
    answer = client.post("/api/cameras/gate/try", json={"model": "watchpost-person"}).json()
    assert finder == [("watchpost-person", try_model.LEAST_CONFIDENCE)]
    assert [each["confidence"] for each in answer["detections"]] == [0.8, 0.1]
    assert answer["detections"][1]["box"] == [0, 0, 0.5, 1]
    assert (answer["width"], answer["height"]) == SIZE
    picture = decode_picture(base64.b64decode(answer["jpeg"]))
    assert abs(int(picture.mean()) - 7) < 4
    assert Finder.opened[0].is_closed


def test_models_are_named_and_no_file_is_opened_by_request(client, finder):
    names = client.get("/api/cameras/gate/models").json()
    assert names[0] == "watchpost-person"
    for model in ("/etc/passwd", "../model.onnx", "hog", "os.path", "yolox_nano.onnx"):
        assert client.post("/api/cameras/gate/try", json={"model": model}).status_code == 404
    assert finder == []


def test_one_at_a_time_and_not_too_often(client, clock, finder):
    Finder.wait.clear()
    answers = []
    first = threading.Thread(target=lambda: answers.append(client.post("/api/cameras/gate/try", json={})))
    first.start()
    assert Finder.began.wait(10)
    busy = client.post("/api/cameras/gate/try", json={})
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    Finder.wait.set()
    first.join()
    assert answers[0].status_code == 200
    assert client.post("/api/cameras/gate/try", json={}).status_code == 429
    clock.advance(0.6)
    assert client.post("/api/cameras/gate/try", json={}).status_code == 200


def test_a_camera_of_another_process_gives_its_last_key_frame(clock, finder):
    class Elsewhere(LiveHub):
        def sequence(self, camera):
            return 5 if camera == "gate" else None

    taps = Taps()
    for packet in film(12):
        taps.offer("gate", packet)
    client = TestClient(
        create_app(Services(Elsewhere(clock), taps=taps, clock=clock)), base_url="http://127.0.0.1:8800"
    )
    assert client.post("/api/cameras/gate/try", json={}).status_code == 200
    assert Finder.opened[0].seen[0].size == (64, 48)
    assert client.post("/api/cameras/attic/try", json={}).status_code == 404


def test_a_camera_without_a_picture(clock, finder, monkeypatch):
    monkeypatch.setattr(try_model, "_PICTURE_S", 0.01)
    hub = LiveHub(clock)
    hub.add("gate")
    client = TestClient(create_app(Services(hub, clock=clock)), base_url="http://127.0.0.1:8800")
    assert client.post("/api/cameras/gate/try", json={}).status_code == 409
    assert Finder.opened == []
