from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from fakes import SIZE, detections, event, frame
from watchpost.clock import ManualClock, SystemClock
from watchpost.picture import decode_picture
from watchpost.runtime import live
from watchpost.runtime.live import LiveHub
from watchpost.types import Detections


@pytest.fixture
def clock():
    return ManualClock(wall_time_s=1000.0)


@pytest.fixture
def hub(clock):
    return LiveHub(clock, max_events=5)


def test_cameras_show_state_rate_size_and_delay(hub, clock):
    hub.add("gate")
    (status,) = hub.cameras()
    assert (status.name, status.state, status.fps, status.width, status.delay_s) == ("gate", "connecting", 0, 0, None)
    for index in range(40):
        hub.publish("gate", frame(index), detections((1, 2, 3, 4)), dropped=index // 10)
        clock.advance(0.1)
    (status,) = hub.cameras()
    assert status.state == "live"
    assert status.fps == pytest.approx(10, rel=0.05)
    assert (status.width, status.height) == SIZE
    assert (status.detections, status.dropped) == (1, 3)
    assert status.delay_s == pytest.approx(0.1)
    clock.advance(60)
    assert hub.cameras()[0].fps == 0
    assert hub.cameras()[0].delay_s == pytest.approx(60.1)


def test_states_and_details_hide_credentials(hub):
    hub.set_state("gate", "reconnecting", "cannot open rtsp://admin:secret@10.0.0.5/live")
    (status,) = hub.cameras()
    assert status.state == "reconnecting"
    assert status.detail == "cannot open rtsp://***@10.0.0.5/live"
    hub.publish("gate", frame(0), detections())
    assert (hub.cameras()[0].state, hub.cameras()[0].detail) == ("live", "")
    hub.remove("gate")
    hub.remove("gate")
    assert hub.cameras() == []


def test_nothing_is_encoded_until_a_viewer_asks_and_then_once(hub, monkeypatch):
    calls = []
    render = live._render
    monkeypatch.setattr(live, "_render", lambda *args: calls.append(args) or render(*args))
    for index in range(10):
        hub.publish("gate", frame(index), detections((1, 2, 30, 40)))
    assert calls == []
    sequence, jpeg = hub.jpeg("gate")
    assert sequence == hub.sequence("gate") == 10
    assert decode_picture(jpeg).shape == (SIZE[1], SIZE[0], 3)
    assert hub.jpeg("gate") == (10, jpeg)
    threads = [threading.Thread(target=hub.jpeg, args=("gate",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    hub.publish("gate", frame(10), detections())
    assert hub.jpeg("gate")[0] == 11
    assert len(calls) == 2


def test_pictures_are_scaled_down_but_not_up_and_few_sizes_are_kept(hub):
    hub.publish("gate", frame(0), detections())
    assert decode_picture(hub.jpeg("gate", max_width=32)[1]).shape == (24, 32, 3)
    assert decode_picture(hub.jpeg("gate", max_width=640)[1]).shape == (48, 64, 3)
    for width in range(10, 40):
        hub.jpeg("gate", max_width=width)
    assert len(hub._cameras["gate"].jpegs) <= 4


def test_unknown_cameras_and_cameras_without_a_frame_have_no_picture(hub):
    hub.add("gate")
    assert hub.jpeg("gate") is None
    assert hub.sequence("gate") == 0
    assert hub.jpeg("../gate") is None
    assert hub.sequence("../gate") is None


def test_zones_of_a_camera_are_drawn(hub):
    hub.add("gate", zones={"door": np.array([[0, 0], [1, 0], [1, 1], [0, 1]])})
    hub.publish("gate", frame(90), Detections.empty(SIZE))
    assert decode_picture(hub.jpeg("gate")[1])[30, 32, 1] > 95


def test_the_last_events_are_kept_and_come_in_order(hub):
    events = [event(at_s=float(index)) for index in range(8)]
    for one in events:
        hub.add_event(one)
    assert hub.events() == events[3:]
    assert hub.events(after_id=events[5].id) == events[6:]
    assert hub.events(after_id=events[7].id) == []
    assert hub.events(after_id="unknown") == events[3:]
    assert hub.event(events[4].id) is events[4]
    assert hub.event(events[0].id) is None


def test_publishing_does_not_wait_for_a_viewer_that_is_being_served(hub, monkeypatch):
    drawing, done = threading.Event(), threading.Event()

    def slow(*args):
        drawing.set()
        assert done.wait(10)
        return b"jpeg"

    monkeypatch.setattr(live, "_render", slow)
    hub.publish("gate", frame(0), detections())
    viewer = threading.Thread(target=hub.jpeg, args=("gate",))
    viewer.start()
    assert drawing.wait(10)
    hub.publish("gate", frame(1), detections())  # would hang here if it waited
    assert hub.sequence("gate") == 2
    assert hub.cameras()[0].state == "live"
    done.set()
    viewer.join()


def test_publishing_costs_little():
    hub = LiveHub(SystemClock())
    found = replace(detections(*[(i, 2, i + 9, 40) for i in range(10)]), track_id=np.arange(10))
    shown = [frame(index) for index in range(200)]
    costs_s = []
    for one in shown:
        start = time.perf_counter()
        hub.publish("gate", one, found, {"in": 1})
        costs_s.append(time.perf_counter() - start)
    assert np.median(costs_s) < 0.001  # measured at about 20 µs; the rest is room for a busy machine


def test_a_camera_that_sends_and_shows_nothing_is_blind(hub):
    blindness = ["dark"]
    hub.add("gate", sight=lambda: blindness[0])
    assert hub.cameras()[0].state == "connecting"
    hub.publish("gate", frame(0), detections())
    (status,) = hub.cameras()
    assert (status.state, status.blindness, status.detail) == ("blind", "dark", "The picture is dark all over.")
    blindness[0] = None
    (status,) = hub.cameras()
    assert (status.state, status.blindness, status.detail) == ("live", None, "")
