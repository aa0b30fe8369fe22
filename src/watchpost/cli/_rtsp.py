"""The RTSP server of `watchpost run`, where the configuration wants one."""

from __future__ import annotations

import logging
from typing import Final

from watchpost.config import Configuration
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.box_drawing import BoxDrawing, Shapes
from watchpost.runtime.rtsp_streams import ServedStreams
from watchpost.serving.access import Credentials, TokenCredentials
from watchpost.serving.rtsp_server import RtspFigures, RtspServer
from watchpost.web.services import Services
from watchpost.web.stream_credentials import StreamCredentials

_LOG: Final = logging.getLogger(__name__)


class CameraShapes:
    """The zones and lines of the cameras as they are configured now."""

    def __init__(self, config: Configuration) -> None:
        self.config = config

    def __call__(self, camera: str) -> Shapes:
        """Those of a camera; none of one that is not configured."""
        found = self.config.cameras.get(camera)
        return ({}, {}) if found is None else (found.zone_arrays(), found.line_arrays())


class Rtsp:
    """The server and what it draws."""

    def __init__(self, server: RtspServer, annotated: Annotated, shapes: CameraShapes) -> None:
        self._server = server
        self._annotated = annotated
        self._shapes = shapes

    def apply(self, config: Configuration) -> None:
        """Draw the zones and lines of this configuration from the next viewer on."""
        self._shapes.config = config

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    def figures(self) -> RtspFigures:
        """What has been counted."""
        return self._server.figures()

    def stop(self) -> None:
        """End all streams."""
        self._server.stop()
        self._annotated.close()


def start_rtsp(config: Configuration, services: Services) -> Rtsp | None:
    """Serve the cameras over RTSP; `None` where that is not wished. Raises `WatchpostError` for a port in use."""
    options = config.serve.rtsp
    if options is None:
        return None
    token = config.web.token
    shapes = CameraShapes(config)
    annotated = Annotated(services.taps, BoxDrawing(services.boxes, shapes).of)
    streams = ServedStreams(services.taps, annotated, lambda: {each.name for each in services.hub.cameras()})
    secret = None if token is None else token.get_secret_value()
    credentials: Credentials | None = None if secret is None else TokenCredentials(secret)
    if services.accounts is not None:
        credentials = StreamCredentials(secret, services.accounts)
    server = RtspServer(streams, options, credentials, services.clock)
    _LOG.info("RTSP: %sCAMERA", server.start())
    return Rtsp(server, annotated, shapes)
