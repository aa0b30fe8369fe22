"""The `Transport` header (RFC 2326, section 12.39): what a client offers, the first that we can do, and our answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MOST_OFFERS: Final = 16
_LOWEST_PORT: Final = 1024
"""Nothing is sent to the ports of well-known services."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How the packets of one stream travel."""

    is_tcp: bool
    """Between the messages (section 10.12), or else over UDP."""
    first: int | None
    """Channel, or UDP port of the client, of the packets; `None` where the client leaves the channel to us."""
    second: int | None
    """The same of the reports."""
    is_record: bool = False
    """The client sends."""


def choose(header: str, *, with_udp: bool) -> Transport | None:
    """The first transport in a header that is possible; `None` where there is none.

    A `destination` is passed over: packets go to whoever asks, and to nobody else.
    """
    for offer in header.split(",")[:_MOST_OFFERS]:
        name, *parameters = (part.strip() for part in offer.split(";"))
        fields = dict(part.lower().partition("=")[::2] for part in parameters)
        if "multicast" in fields:
            continue
        is_record = fields.get("mode", "").strip('"') in ("record", "receive")
        kind = name.upper()
        if kind == "RTP/AVP/TCP":
            chosen = _pair(fields.get("interleaved"), 255)
            if chosen is not None or "interleaved" not in fields:
                first, second = chosen or (None, None)
                return Transport(True, first, second, is_record)
        elif kind in ("RTP/AVP", "RTP/AVP/UDP") and with_udp:
            ports = _pair(fields.get("client_port"), 65_535)
            if ports is not None and min(ports) >= _LOWEST_PORT:
                return Transport(False, *ports, is_record)
    return None


def _pair(text: str | None, largest: int) -> tuple[int, int] | None:
    found = _RANGE.fullmatch((text or "").strip())
    if found is None:
        return None
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    return (first, second) if first != second and max(first, second) <= largest else None


def answer(transport: Transport, *, server_ports: tuple[int, int] | None, ssrc: int | None) -> str:
    """The header that confirms a transport whose channels are settled."""
    if transport.is_tcp:
        text = f"RTP/AVP/TCP;unicast;interleaved={transport.first}-{transport.second}"
    else:
        text = f"RTP/AVP;unicast;client_port={transport.first}-{transport.second}"
        if server_ports is not None:
            text += f";server_port={server_ports[0]}-{server_ports[1]}"
    if ssrc is not None:
        text += f";ssrc={ssrc:08X}"
    return f"{text};mode=record" if transport.is_record else text
