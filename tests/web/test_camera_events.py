from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from fakes import event, frame
from watchpost.clock import ManualClock
from watchpost.runtime.live import LiveHub
from watchpost.web.app import create_app
from watchpost.web.services import Services


class Store:
    """Notes what it is asked for."""

    def __init__(self, *events):
        self.events = list(events)
        self.wishes = []

    def search(self, wish):
        self.wishes.append(wish)
        return self.events[: wish.limit]


@pytest.fixture
def hub():
    hub = LiveHub(ManualClock())
    hub.look(frame(0))
    return hub


def test_events_of_one_camera_in_a_span_from_hub_and_store(hub):
    old, new = event(at_s=5), event(at_s=20)
    for each in (new, event(at_s=20, camera="yard"), event(at_s=500)):
        hub.add_event(each)
    store = Store(old, new)
    client = TestClient(create_app(Services(hub, store=lambda: store)), base_url="http://127.0.0.1:8800")
    found = client.get("/api/cameras/gate/events?since=1000&until=1100").json()
    assert [each["id"] for each in found] == [old.id, new.id]
    (wish,) = store.wishes
    assert (wish.cameras, wish.since_wall_time_s, wish.until_wall_time_s) == (frozenset({"gate"}), 1000, 1100)
    assert [each["id"] for each in client.get("/api/cameras/gate/events?since=0&until=9999&limit=1").json()] != [old.id]


@pytest.mark.parametrize(
    "query", ["since=2&until=1", "since=-1&until=1", "since=nan&until=1", "since=0&until=1&limit=501", ""]
)
def test_a_span_that_is_none(hub, query):
    client = TestClient(create_app(Services(hub)), base_url="http://127.0.0.1:8800")
    assert client.get(f"/api/cameras/gate/events?{query}").status_code == 422
