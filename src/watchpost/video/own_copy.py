"""A second decoder of the same packets: it must not touch those of the first, as decoding notes times in a payload."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from watchpost.types import Packet


def own_copy(packet: Packet) -> Packet:
    """The packet with a payload of its own: the same bytes, times and key flag."""
    import av

    shared: Any = packet.payload
    payload: av.Packet[Any] = av.Packet(bytes(shared))
    payload.pts, payload.dts, payload.is_keyframe = shared.pts, shared.dts, packet.is_key
    if shared.time_base is not None:
        payload.time_base = shared.time_base
    return replace(packet, payload=payload)
