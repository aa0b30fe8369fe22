from __future__ import annotations

import itertools
import random
from pathlib import Path

from clips import encode_clip, moving_square
from watchpost.clock import SystemClock
from watchpost.sources.damaged import damaged
from watchpost.sources.looped import looped
from watchpost.video.decoder import Decoder


def test_a_share_is_rubbish_and_nothing_that_comes_of_it_is_raised(tmp_path: Path) -> None:
    encode_clip(tmp_path / "clip.mp4", moving_square(20), gop=5)
    whole = looped(tmp_path / "clip.mp4", "gate", offset_s=0.0, round_s=20 / 25, clock=SystemClock())
    originals = list(itertools.islice(whole, 300))
    packets = list(damaged(originals, random.Random(1)))

    hurt = [bytes(new.payload) != bytes(old.payload) for new, old in zip(packets, originals, strict=True)]
    assert 60 <= sum(hurt) <= 120
    assert any(new.size < old.size for new, old in zip(packets, originals, strict=True))
    assert [(each.pts, each.dts, each.is_key) for each in packets] == [
        (each.pts, each.dts, each.is_key) for each in originals
    ]
    decoder = Decoder("gate")
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    assert decoder.counters["corrupt"] > 0
    assert 0 < len(frames) <= 300
    times = [frame.camera_time_s for frame in frames]
    assert times == sorted(set(times))
