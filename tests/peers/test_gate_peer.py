"""The gate over a real RTSP server: it sleeps, wakes, tells why, and comes back with the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from real_servers import RtspServer, needs_gst

from clips import encode_clip, loop_clip
from watchpost.clock import SystemClock
from watchpost.config.gate import GateOptions
from watchpost.runtime.intake import Intake, Taken
from watchpost.runtime.reconnect import Policy, packets
from watchpost.sources import open_source
from watchpost.video.decoder import Decoder
from watchpost.video.gate_explained import Explanation, Reason, State

pytestmark = pytest.mark.peer

FPS = 25
QUIET_S, BUSY_S = 8, 4
GOP = FPS
HASTY = Policy(first_delay_s=0.2, growth=1.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty room for 8 s, then somebody dark walks through it for 4 s, over and over."""
    needs_gst()
    folder = tmp_path_factory.mktemp("gate")
    chance = np.random.default_rng(0)
    room = cv2.resize(chance.integers(90, 150, (9, 16, 3), np.uint8), (320, 180), interpolation=cv2.INTER_NEAREST)
    pictures = []
    for index in range((QUIET_S + BUSY_S) * FPS):
        picture = np.clip(room + chance.integers(-2, 3, room.shape), 0, 255).astype(np.uint8)
        if index >= QUIET_S * FPS:
            left = (index - QUIET_S * FPS) * 2
            picture[60:160, left : left + 60] = 20
        pictures.append(picture)
    encode_clip(folder / "short.mp4", pictures, gop=GOP)
    loop_clip(folder / "short.mp4", folder / "long.mp4", 120)
    return folder / "long.mp4"


class Watched:
    """What comes of a camera's packets, and what the gate said at each."""

    def __init__(self, server: RtspServer, seconds: float) -> None:
        clock = SystemClock()
        self.intake = Intake(Decoder("room"), clock, GateOptions(quiet=1.0))
        self.states: list[State] = []
        self.reasons: list[Reason] = []
        self._server = server
        self._stop = threading.Event()
        self._end_s = time.monotonic() + seconds
        self._clock = clock

    def frames(self) -> Iterator[Taken]:
        """Until the time is over; nobody analyses, so that the pictures alone wake it."""
        source = lambda: open_source(self._server.address(), "room", {"timeout": 3}, self._clock)  # noqa: E731
        for packet in packets(source, self._clock, self._stop, HASTY):
            yield from self.intake.frames(packet)
            assert self.intake.gate is not None
            if not self.states or self.states[-1] is not self.intake.gate.state:
                self.states.append(self.intake.gate.state)
            if not self.reasons or self.reasons[-1] is not self.intake.gate.reason:
                self.reasons.append(self.intake.gate.reason)
            if time.monotonic() >= self._end_s:
                return

    @property
    def told(self) -> Explanation:
        assert self.intake.gate is not None
        return self.intake.gate.explain()


def test_it_sleeps_and_wakes_with_what_was_before(clip: Path) -> None:
    with RtspServer(clip) as server:
        room = Watched(server, QUIET_S + BUSY_S)
        times = [taken.frame.camera_time_s for taken in room.frames() if not taken.is_look]
    assert room.states[:2] == [State.ASLEEP, State.AWAKE]
    assert room.told.wakes == {Reason.PICTURE: 1}
    assert 0.1 < room.told.decoded / room.told.packets < 0.9
    seen = [time_s for time_s in times if time_s >= QUIET_S]
    assert seen[0] == pytest.approx(QUIET_S, abs=1 / FPS)  # the first frame with somebody, though it slept
    assert np.diff(seen).max() == pytest.approx(1 / FPS, abs=0.01)


def test_it_begins_anew_when_the_server_comes_back(clip: Path) -> None:
    with RtspServer(clip) as server:
        room = Watched(server, QUIET_S + 2)
        has_restarted = False
        for _ in room.frames():
            if room.told.reason is Reason.QUIET and not has_restarted:
                has_restarted = True
                server.kill()
                threading.Timer(0.7, server.start).start()
        assert has_restarted
    assert room.states == [State.ASLEEP]
    assert room.reasons == [Reason.START, Reason.QUIET] * 2
    assert not room.told.wakes
