"""What cameras send: no B frames, key frames where the GOP says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from watchpost.clock import SystemClock
from watchpost.sources.looped import looped
from watchpost.video.camera_encoder import encode_as_camera


def test_key_frames_come_with_the_gop_alone_and_nothing_is_reordered(tmp_path: Path) -> None:
    black, white = (np.full((96, 128, 3), value, np.uint8) for value in (0, 255))
    pictures = [white if index in (7, 8) else black for index in range(20)]  # cuts, which x264 would make key frames
    path = tmp_path / "camera.mp4"
    encode_as_camera(path, pictures, size=(128, 96), fps=5, gop=5, crf=24, preset="veryfast")
    played = looped(path, "gate", offset_s=0.0, round_s=4.0, clock=SystemClock())
    packets = [next(played) for _ in range(20)]
    assert [index for index, packet in enumerate(packets) if packet.is_key] == [0, 5, 10, 15]
    assert all(packet.pts == packet.dts for packet in packets)
