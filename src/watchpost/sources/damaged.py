"""Packets as a bad cable or a failing camera leaves them, for tests and measurements."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator

from watchpost.types import Packet


def damaged(packets: Iterable[Packet], chance: random.Random, share: float = 0.3) -> Iterator[Packet]:
    """`packets` (FFmpeg's), of which a `share` (0-1) is cut short, or has bytes that are not what they were."""
    import av

    for packet in packets:
        payload = packet.payload
        if not isinstance(payload, av.Packet) or chance.random() >= share:
            yield packet
            continue
        data = bytearray(bytes(payload))
        if chance.random() < 0.3:
            del data[chance.randrange(1, len(data)) if len(data) > 1 else 1 :]
        for _ in range(chance.randrange(1, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        rubbish = av.Packet(bytes(data))
        rubbish.pts, rubbish.dts, rubbish.time_base = payload.pts, payload.dts, payload.time_base
        rubbish.is_keyframe = payload.is_keyframe
        yield dataclasses.replace(packet, payload=rubbish, size=len(data))
