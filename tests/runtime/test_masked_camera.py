"""A camera with masks: recordings, snapshots, the page, and those who watch its packets see masked pictures alone."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from clips import encode_clip, solid
from waiting import until
from watchpost.clock import SystemClock
from watchpost.config import loads
from watchpost.picture import decode_picture
from watchpost.runtime.live import LiveHub
from watchpost.runtime.supervisor import Supervisor
from watchpost.types import Packet
from watchpost.video.decoder import Decoder

DARK = 40


def is_masked(picture: np.ndarray) -> bool:
    """Black on the left, white on the right."""
    middle = picture.shape[1] // 2
    return bool(picture[:, : middle - 4].max() < DARK and picture[:, middle + 8 :].min() > 180)


@pytest.fixture
def supervisor(tmp_path: Path):
    encode_clip(tmp_path / "clip.mp4", solid(20, (230, 230, 230), 160, 128), fps=10, gop=10)
    config = loads(
        f"""
data: {tmp_path / "data"}
models: {{always: {{model: fake_rooms.always}}}}
cameras:
  gate:
    source: {tmp_path / "clip.mp4"}
    options: {{realtime: true, loop: true}}
    recording: {{mode: continuous, fragment: 0.5}}
    tracker: sort
    masks: {{window: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}}
""",
        folder=tmp_path,
    )
    made = Supervisor(LiveHub(SystemClock()), SystemClock())
    made.apply(config)
    yield made
    made.close()


def test_nobody_sees_what_is_masked(supervisor: Supervisor, tmp_path: Path) -> None:
    hub = supervisor._hub
    packets: list[Packet] = []
    with supervisor.taps.open("gate") as tap:
        assert until(lambda: not packets.extend(tap.take()) and len(packets) > 15)
    decoder = Decoder("gate")
    seen = [frame.picture.bgr() for packet in packets for frame in decoder.decode(packet)]
    assert seen
    assert all(is_masked(picture) for picture in seen), "what viewers and servers get"

    assert until(lambda: any(event.snapshot for event in hub.events()))
    for event in hub.events():
        assert event.snapshot is None or is_masked(decode_picture(event.snapshot)), "snapshots"
    shown = hub._cameras["gate"].newest
    assert shown is not None
    assert is_masked(shown.frame.picture.bgr()), "the page, before anything is drawn"

    supervisor.close()
    files = list((tmp_path / "data").rglob("*.mp4"))
    assert files
    for file in files:
        with av.open(str(file)) as recording:
            for frame in recording.decode(video=0):
                assert is_masked(frame.to_ndarray(format="bgr24")), "recordings"
