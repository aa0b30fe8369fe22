"""The RTSP server of `watchpost run`: from the configuration to pictures."""

from __future__ import annotations

import base64

import pytest

from filming import FPS, film
from rtsp_client import Client
from watchpost.cli._rtsp import start_rtsp
from watchpost.clock import SystemClock
from watchpost.config import InvalidConfigError, loads
from watchpost.errors import ConfigError
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.box_drawing import BoxDrawing, CameraShapes
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.serving.rtsp_server import RtspServer
from watchpost.web.services import Services

TOKEN = "correct horse battery"
CAMERA = "cameras: {gate: {source: 'synthetic:'}}\n"


def services() -> Services:
    hub = LiveHub(SystemClock())
    hub.add("gate")
    return Services(hub, Taps())


def start(text: str, serving: Services) -> RtspServer | None:
    config = loads(text)
    drawing = BoxDrawing(serving.boxes, CameraShapes(config)).of
    return start_rtsp(config, serving, Annotated(serving.taps, drawing))


def test_there_is_none_unless_it_is_wished() -> None:
    assert start(CAMERA, services()) is None


def test_cameras_as_they_are_and_annotated() -> None:
    config = f"{CAMERA}web: {{token: {TOKEN}}}\nserve: {{rtsp: {{port: 0}}}}\n"
    serving = services()
    rtsp = start(config, serving)
    assert rtsp is not None
    basic = "Basic " + base64.b64encode(f"viewer:{TOKEN}".encode()).decode()
    try:
        packets = film(2 * FPS)
        for packet in packets[:15]:
            serving.taps.offer("gate", packet)
        for path in ("gate", "gate/annotated"):
            with Client(rtsp.port, path) as client:
                assert client.ask("DESCRIBE").status == 401
                assert client.ask("DESCRIBE", Authorization=basic).status == 200
                transport = "RTP/AVP/TCP;interleaved=0-1"
                url = f"{client.url}/trackID=0"
                session = client.ask("SETUP", url, Transport=transport, Authorization=basic).session
                client.ask("PLAY", Session=session)
                assert client.pictures(1)
        with Client(rtsp.port, "yard") as client:
            assert client.ask("DESCRIBE", Authorization=basic).status == 404
    finally:
        rtsp.stop()


def test_beyond_loopback_somebody_has_to_be_known() -> None:
    with pytest.raises(ConfigError, match=r"watchpost users add"):
        start(f"{CAMERA}serve: {{rtsp: {{host: 0.0.0.0}}}}\n", services())


def test_an_odd_port_is_told() -> None:
    with pytest.raises(InvalidConfigError, match="5005"):
        loads(f"{CAMERA}serve: {{rtsp: {{udp_port: 5005}}}}\n")


def test_a_misspelt_setting_is_told() -> None:
    with pytest.raises(InvalidConfigError, match=r"serve\.rtsp\.prot.*did you mean 'port'"):
        loads(f"{CAMERA}serve: {{rtsp: {{prot: 8554}}}}\n")
