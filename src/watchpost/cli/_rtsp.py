"""The RTSP server of `watchpost run`, where the configuration wants one."""

from __future__ import annotations

import logging
from typing import Final

from watchpost.config import Configuration
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.rtsp_streams import ServedStreams
from watchpost.serving.access import Credentials, TokenCredentials
from watchpost.serving.rtsp_server import RtspServer
from watchpost.web.services import Services
from watchpost.web.stream_credentials import StreamCredentials

_LOG: Final = logging.getLogger(__name__)


def start_rtsp(config: Configuration, services: Services, annotated: Annotated) -> RtspServer | None:
    """Serve the cameras over RTSP; `None` where that is not wished. Raises `WatchpostError` for a port in use."""
    options = config.serve.rtsp
    if options is None:
        return None
    token = config.web.token
    streams = ServedStreams(services.taps, annotated, lambda: {each.name for each in services.hub.cameras()})
    secret = None if token is None else token.get_secret_value()
    credentials: Credentials | None = None if secret is None else TokenCredentials(secret)
    if services.accounts is not None:
        credentials = StreamCredentials(secret, services.accounts)
    server = RtspServer(streams, options, credentials, services.clock)
    _LOG.info("RTSP: %sCAMERA", server.start())
    return server
