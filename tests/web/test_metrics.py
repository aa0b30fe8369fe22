"""The metrics say what was counted, to who may know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from watchpost.clock import ManualClock
from watchpost.config.gate import GateOptions
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.figures import CameraFigures, Figures
from watchpost.runtime.live import LiveHub
from watchpost.video.gate import Gate
from watchpost.video.gate_explained import Reason
from watchpost.video.ring import Ring
from watchpost.web.app import create_app

pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "correct horse battery"


def figures() -> Figures:
    gate = replace(Gate(GateOptions(), Ring(1000, 10)).explain(), wakes={Reason.KEY_FRAMES: 4}, false_wakes=3)
    busy = Batcher({}, ManualClock()).counts() | {"busy_s": 1.5, "level": 2.0}
    return Figures(
        (CameraFigures('a "b"', 100, 20, 10, 2, 8, 3, 1, 5, gate), CameraFigures("c", 7, 7, 7, 0, 0, 0, 0, 1, None)),
        busy,
    )


def test_every_count_is_there_with_its_camera() -> None:
    client = TestClient(create_app(LiveHub(ManualClock()), figures=figures), base_url="http://127.0.0.1:8800")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["watchpost_camera_packets_total", 'a "b"'] == 100
    assert found["watchpost_camera_reconnects_total", 'a "b"'] == 1
    assert found["watchpost_camera_analysed_frames_total", "c"] == 7
    assert found["watchpost_gate_wakes_total", 'a "b"', "key_frames"] == 4
    assert found["watchpost_gate_state", 'a "b"', "awake"] == 1
    assert found["watchpost_gate_state", 'a "b"', "asleep"] == 0
    assert ("watchpost_gate_false_wakes_total", "c") not in found
    assert found["watchpost_detection_busy_seconds_total",] == 1.5
    assert found["watchpost_detection_load_level",] == 2


def test_they_are_guarded_like_the_rest() -> None:
    app = create_app(LiveHub(ManualClock()), token=TOKEN, figures=figures, clock=ManualClock())
    client = TestClient(app, base_url="http://watch.example")
    assert client.get("/metrics").status_code == 401
    assert client.get("/api/cameras/c/explain").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
