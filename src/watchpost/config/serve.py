"""What is served to other programs, besides the page."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from watchpost.config.names import Name
from watchpost.options import Settings


class RtspOptions(Settings):
    """The RTSP server: `rtsp://HOST:8554/CAMERA`, and `/CAMERA/annotated` with boxes. `{}` is enough to have it."""

    host: str = "127.0.0.1"
    """Address to listen at; `0.0.0.0` is every network of this machine, and needs users (`watchpost users add`) or
    `web: {token: ...}`."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8554
    """TCP port; 0 takes a free one."""
    udp: bool = True
    """Also send over UDP to those who ask for it; `false`: over the TCP connection alone."""
    udp_port: Annotated[int, Field(ge=0, le=65534)] = 0
    """UDP port of the packets, an even one, and the one above it of the reports; 0 takes two that are free. Name one
    where a firewall has to know it."""
    publish: tuple[Name, ...] = ()
    """Names under which a camera or an encoder may publish: `[yard]` lets one send to `rtsp://HOST:8554/publish/yard`."""
    connections: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Most connections at once."""
    connections_per_address: Annotated[int, Field(ge=1, le=10_000)] = 150
    """Most of them from one address."""

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.udp_port % 2:
            raise PydanticCustomError(
                "udp_port",
                "udp_port is an even number (RFC 3550, section 11), which {port} is not; write the one below it",
                {"port": self.udp_port},
            )
        return self


class ServeOptions(Settings):
    """What is served to other programs."""

    rtsp: RtspOptions | None = None
    """The RTSP server; nothing: there is none."""
