from __future__ import annotations

import socket
import threading
import time

import httpx2 as httpx
import numpy as np
import pytest

from fakes import detections, frame
from watchpost.clock import SystemClock
from watchpost.errors import WatchpostError
from watchpost.picture import ArrayPicture
from watchpost.runtime.live import LiveHub
from watchpost.types import Detections, Frame
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

TOKEN = "correct horse battery"


@pytest.fixture
def hub():
    hub = LiveHub(SystemClock())
    hub.publish("gate", frame(0), detections())
    return hub


def test_serves_on_a_free_port_and_stops(hub):
    before = threading.active_count()
    server = WebServer(create_app(Services(hub)), port=0)
    url = server.start()
    with httpx.Client(base_url=url) as client:
        assert client.get("/api/cameras").json()[0]["name"] == "gate"
        assert "server" not in client.get("/").headers
    server.stop()
    server.stop()
    assert threading.active_count() <= before + 4  # idle workers of the loop's thread pool may linger
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_stops_within_a_second_although_streams_are_open(hub):
    server = WebServer(create_app(Services(hub)), port=0)
    url = server.start()
    with (
        httpx.Client(base_url=url) as client,
        client.stream("GET", "/api/cameras/gate/live.mjpg") as picture,
        client.stream("GET", "/api/events/stream") as news,
    ):
        assert next(picture.iter_bytes()).startswith(b"--frame")
        assert b"status" in next(news.iter_bytes())
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 1.0


@pytest.mark.slow
def test_stops_soon_although_a_viewer_does_not_read(hub):
    noise = ArrayPicture(np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8))
    server = WebServer(create_app(Services(hub)), port=0)
    port = int(server.start().rsplit(":", 1)[1].strip("/"))
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        stalled.connect(("127.0.0.1", port))
        stalled.sendall(b"GET /api/cameras/gate/live.mjpg?width=1920 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stalled.recv(10) == b"HTTP/1.1 2"
        for index in range(12):  # more than all the buffers on the way hold
            hub.publish("gate", Frame("gate", noise, index / 10, 0.0, index), Detections.empty((1920, 1080)))
            time.sleep(0.15)
        start = time.monotonic()
        server.stop()
        assert 0.5 < time.monotonic() - start < 1.5


def test_a_port_in_use_is_a_clear_error(hub):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = WebServer(create_app(Services(hub)), port=port)
        with pytest.raises(WatchpostError, match=f"port {port} is in use by another program; choose another one"):
            server.start()
        server.stop()


@pytest.mark.parametrize(
    ("host", "port"), [("192.0.2.1", 0), ("no such host", 0), ("a" * 300, 0), ("a\0b", 0), ("127.0.0.1", 70_000)]
)
def test_an_address_that_is_not_ours_is_a_clear_error(hub, host, port):
    with pytest.raises(WatchpostError, match=f"cannot listen on {host} port {port}: .*; give an address"):
        WebServer(create_app(Services(hub), token=TOKEN), host, port).start()


def test_beyond_loopback_nothing_listens_without_a_token(hub):
    with pytest.raises(WatchpostError, match="set a token"):
        WebServer(create_app(Services(hub)), "0.0.0.0", 0).start()


def test_addresses_that_can_be_opened(hub):
    for host, expected in (
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
        ("localhost", "http://localhost:"),
    ):
        server = WebServer(create_app(Services(hub), token=TOKEN), host, 0)
        assert server.start().startswith(expected)
        server.stop()
