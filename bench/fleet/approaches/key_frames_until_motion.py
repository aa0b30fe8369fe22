"""The adaptive way: key frames alone while the scene is quiet, all frames from a key frame that shows a change.

Without a ring and without packet sizes: what came between two key frames before the change is not seen. At its best:
the key frame that wakes is analysed itself and decoding goes on from it, and all else is as in `decode_all_motion`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.fleet.approaches.decode_all_motion import DecodeAllMotion
from bench.fleet.motion import Attention
from watchpost.fleet.stage import Stage
from watchpost.types import Packet


def create(stage: Stage) -> KeyFramesUntilMotion:
    """Ready to run."""
    return KeyFramesUntilMotion(stage)


class KeyFramesUntilMotion(DecodeAllMotion):
    """A thread a camera that decodes key frames, or all while something moves."""

    def _chosen(self, packets: Iterable[Packet], attention: Attention) -> Iterator[Packet]:
        """Key frames, and what follows them while something moves."""
        is_decoding = False
        for packet in packets:
            is_decoding = packet.is_key or (is_decoding and attention.is_awake(packet.camera_time_s or 0.0))
            if is_decoding:
                yield packet
