"""Viewers see cameras of other processes as they see those of their own."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from waiting import until
from watchpost.clock import ManualClock
from watchpost.runtime import relay
from watchpost.runtime.live import CameraStatus
from watchpost.runtime.relay import WATCHED_FOR_S, RelayedHub

LIVE = CameraStatus("gate", "live", "", 5.0, 640, 480, 0, 1, 0.25, "awake", "picture")


class Watched:
    """A hub, and what it asked its workers for."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.hub = RelayedHub(self.clock)
        self.asked: list[tuple[str, int]] = []
        self.hub.on_watch = lambda camera, width: self.asked.append((camera, width))
        self.hub.expect(["gate", "door"])


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(relay, "_FIRST_PICTURE_S", 0.02)
    monkeypatch.setattr(relay, "_NEXT_PICTURE_S", 0.01)
    return Watched()


def test_cameras_are_shown_in_the_order_of_the_file_and_as_their_workers_say(watched: Watched) -> None:
    watched.hub.report(LIVE, 7)
    watched.hub.report(replace(LIVE, name="unknown"), 1)
    assert [(each.name, each.state) for each in watched.hub.cameras()] == [("gate", "live"), ("door", "connecting")]
    assert (watched.hub.sequence("gate"), watched.hub.sequence("door"), watched.hub.sequence("roof")) == (7, 0, None)
    watched.hub.expect(["door"])
    assert [each.name for each in watched.hub.cameras()] == ["door"]


def test_a_reload_keeps_what_is_known(watched: Watched) -> None:
    watched.hub.report(LIVE, 7)
    watched.hub.expect(["new", "gate"])
    assert watched.hub.cameras()[1] == LIVE


def test_a_worker_that_reports_late_makes_its_pictures_late(watched: Watched) -> None:
    watched.hub.report(LIVE, 7)
    watched.clock.advance(1.0)
    assert watched.hub.cameras()[0].delay_s == 0.25
    watched.clock.advance(4.5)
    assert watched.hub.cameras()[0].delay_s == pytest.approx(4.25)


def test_a_picture_is_asked_for_only_while_somebody_looks(watched: Watched) -> None:
    watched.hub.report(LIVE, 7)
    assert watched.asked == []
    assert watched.hub.jpeg("gate", 640) is None  # nothing came in time
    watched.hub.picture("gate", 640, 8, b"eight")
    assert watched.hub.jpeg("gate", 640) == (8, b"eight")
    assert watched.hub.sequence("gate") == 8
    assert watched.asked == [("gate", 640)]
    watched.clock.advance(1.5)
    watched.hub.jpeg("gate", 640)
    assert watched.asked == [("gate", 640)] * 2


def test_an_old_picture_is_not_shown_as_if_it_were_new(watched: Watched) -> None:
    watched.hub.report(LIVE, 7)
    watched.hub.jpeg("gate", 640)
    watched.hub.picture("gate", 640, 8, b"old")
    watched.clock.advance(WATCHED_FOR_S + 1)
    assert watched.hub.jpeg("gate", 640) is None
    assert watched.hub.sequence("gate") == 7


def test_a_picture_nobody_asked_for_is_not_kept(watched: Watched) -> None:
    watched.hub.report(LIVE, 7)
    watched.hub.picture("gate", 640, 8, b"?")
    watched.hub.picture("roof", 640, 8, b"?")
    assert watched.hub.sequence("gate") == 7


def test_who_asks_first_waits_for_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_FIRST_PICTURE_S", 20.0)
    watched = Watched()
    watched.hub.report(LIVE, 7)
    got: list[object] = []
    viewer = threading.Thread(target=lambda: got.append(watched.hub.jpeg("gate", 640)))
    viewer.start()
    assert until(lambda: bool(watched.asked))
    watched.hub.picture("gate", 640, 8, b"eight")
    viewer.join(20)
    assert got == [(8, b"eight")]


def test_nobody_waits_for_a_worker_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_FIRST_PICTURE_S", 20.0)
    watched = Watched()
    watched.hub.report(LIVE, 7)
    got: list[object] = []
    viewer = threading.Thread(target=lambda: got.append(watched.hub.jpeg("gate", 640)))
    viewer.start()
    assert until(lambda: bool(watched.asked))
    watched.hub.restart("gate", "failed", "died at rtsp://me:secret@10.0.0.5/")
    viewer.join(20)
    assert got == [None]
    assert watched.hub.jpeg("gate", 640) is None
    (status, _) = watched.hub.cameras()
    assert (status.state, status.detail, status.delay_s) == ("failed", "died at rtsp://***@10.0.0.5/", None)
