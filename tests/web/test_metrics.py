"""The metrics say what was counted, to who may know."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from watchpost.clock import ManualClock
from watchpost.config.gate import GateOptions
from watchpost.recordings.recorder import RecorderFigures
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.delays import DelayCounter
from watchpost.runtime.figures import CameraFigures, Figures, ModelFigures, total
from watchpost.runtime.live import LiveHub
from watchpost.runtime.outputs import OutputFigures
from watchpost.runtime.taps import Taps
from watchpost.serving.rtsp_server import RtspFigures
from watchpost.video.gate import Gate
from watchpost.video.gate_explained import Reason, State
from watchpost.video.ring import Ring
from watchpost.web.app import create_app
from watchpost.web.metrics import exposition
from watchpost.web.services import Services

pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "correct horse battery"
RTSP = RtspFigures(connections=4, refused=3, lost=200, missed=0, readers={"gate": 2, "gate/annotated": 1})


def figures() -> Figures:
    delays = DelayCounter()
    for seconds in (0.2, 0.3, 30.0):
        delays.add(seconds)
    gate = replace(Gate(GateOptions(), Ring(1000, 10)).explain(), wakes={Reason.KEY_FRAMES: 4}, false_wakes=3)
    busy = Batcher({}, ManualClock()).counts() | {"busy_s": 1.5, "level": 2.0, "steps_down": 3.0}
    gate = replace(gate, seconds={State.AWAKE: 12.5, State.ASLEEP: 100.0})
    a = CameraFigures(
        'a "b"', 100, 20, 10, 2, 8, 3, 1, 5, gate,
        failed=4, wished_fps=5.0, granted_fps=2.0, analysed_fps=1.9, ring_bytes=12_345, delays=delays.delays(),
        recording=RecorderFigures("a", "continuous", "the disk is full", True, 99, 3, 7, 11, 1000.0, "", 2, 7.5),
        damaged=6, unread=8, spared=9, viewers=3, viewer_lost=17,
        outputs=(OutputFigures("a", "rtmp://h/live/***", "lost", "gone.", 50, 5000, 2, 13),),
    )  # fmt: skip
    model = ModelFigures("people from 0.1", 6, 24, 1, 2, 3.5, 1, 8, is_out=True)
    return Figures(
        (a, CameraFigures("c", 7, 7, 7, 0, 0, 0, 0, 1, None)),
        busy,
        models=(model,),
    )


def test_every_count_is_there_with_its_camera() -> None:
    taps = Taps()
    services = Services(LiveHub(ManualClock()), taps, figures=figures)
    client = TestClient(create_app(services), base_url="http://127.0.0.1:8800")
    with taps.open("c"):
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
    assert found["watchpost_recording_up", 'a "b"'] == 0
    assert found["watchpost_recording_bytes_total", 'a "b"'] == 99
    assert found["watchpost_recording_lost_packets_total", 'a "b"'] == 7
    assert found["watchpost_recording_queued_bytes", 'a "b"'] == 11
    assert found["watchpost_recording_gaps_total", 'a "b"'] == 2
    assert found["watchpost_recording_gap_seconds_total", 'a "b"'] == 7.5
    assert found["watchpost_recording_active", 'a "b"'] == 1
    assert found["watchpost_recording_kept_until_seconds", 'a "b"'] == 1000
    assert found["watchpost_camera_damaged_frames_total", 'a "b"'] == 6
    assert (found["watchpost_viewers", "c"], found["watchpost_viewer_lost_packets_total", "c"]) == (1, 0)
    assert (found["watchpost_viewers", 'a "b"'], found["watchpost_viewer_lost_packets_total", 'a "b"']) == (3, 17)
    assert found["watchpost_camera_spared_packets_total", 'a "b"'] == 9
    assert found["watchpost_camera_unread_packets_total", 'a "b"'] == 8
    assert ("watchpost_recording_up", "c") not in found
    output = 'a "b"', "rtmp://h/live/***"
    assert found["watchpost_output_up", *output] == 0
    assert found["watchpost_output_frames_total", *output] == 50
    assert found["watchpost_output_bytes_total", *output] == 5000
    assert found["watchpost_output_losses_total", *output] == 2
    assert found["watchpost_output_lost_packets_total", *output] == 13
    assert found["watchpost_gate_wakes_total", 'a "b"', "key_frames"] == 4
    assert found["watchpost_gate_state", 'a "b"', "asleep"] == 1
    assert found["watchpost_gate_state", 'a "b"', "awake"] == 0
    assert ("watchpost_gate_false_wakes_total", "c") not in found
    assert found["watchpost_detection_busy_seconds_total",] == 1.5
    assert found["watchpost_detection_load_level",] == 2
    assert found["watchpost_detection_load_steps_down_total",] == 3
    assert found["watchpost_detection_workers",] == 1
    assert found["watchpost_gate_seconds_total", 'a "b"', "asleep"] == 100
    assert found["watchpost_camera_failed_frames_total", 'a "b"'] == 4
    assert (found["watchpost_camera_wished_fps", 'a "b"'], found["watchpost_camera_granted_fps", 'a "b"']) == (5, 2)
    assert ("watchpost_camera_wished_fps", "c") not in found  # it wants every frame
    assert found["watchpost_camera_analysed_fps", 'a "b"'] == 1.9
    assert found["watchpost_camera_ring_bytes", 'a "b"'] == 12_345
    assert [found["watchpost_camera_delay_seconds_bucket", 'a "b"', end] for end in ("0.1", "0.25", "0.5", "+Inf")] == [
        0, 1, 2, 3
    ]  # fmt: skip
    assert found["watchpost_camera_delay_seconds_count", 'a "b"'] == 3
    assert found["watchpost_camera_delay_seconds_sum", 'a "b"'] == 30.5
    for name, value in {"calls_total": 6, "frames_total": 24, "busy_seconds_total": 3.5, "hung_calls_total": 2}.items():
        assert found[f"watchpost_model_{name}", "people from 0.1"] == value
    assert found["watchpost_model_restarts_total", "people from 0.1"] == 1
    assert found["watchpost_model_largest_batch", "people from 0.1"] == 8
    assert found["watchpost_model_up", "people from 0.1"] == 0


def test_they_are_guarded_like_the_rest() -> None:
    app = create_app(Services(LiveHub(ManualClock()), figures=figures, clock=ManualClock()), token=TOKEN)
    client = TestClient(app, base_url="http://watch.example")
    assert client.get("/metrics").status_code == 401
    assert client.get("/api/cameras/c/explain").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_models_of_several_processes_are_added_up() -> None:
    first = ModelFigures("people", 6, 24, 1, 2, 3.5, 1, 8, is_out=False)
    second = ModelFigures("people", 4, 6, 0, 0, 1.5, 0, 4, is_out=True)
    cars = ModelFigures("cars", 1, 1, 0, 0, 0.1, 0, 1, is_out=False)
    assert total([first, cars, second]) == (ModelFigures("people", 10, 30, 1, 2, 5.0, 1, 8, is_out=True), cars)


def test_every_metric_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    families = list(text_string_to_metric_families(exposition(figures(), RTSP).decode()))
    # a counter is written with its ending
    names = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    written = set(re.findall(r"`(watchpost_\w+)`", page))
    assert names == written


def test_the_rtsp_server_is_counted_where_there_is_one() -> None:
    assert b"watchpost_rtsp" not in exposition(figures())
    text = exposition(figures(), RTSP).decode()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["watchpost_rtsp_connections",] == 4
    assert found["watchpost_rtsp_refused_connections_total",] == 3
    assert found["watchpost_rtsp_lost_packets_total",] == 200
    assert found["watchpost_rtsp_readers", "gate"] == 2
    assert found["watchpost_rtsp_readers", "gate/annotated"] == 1
