"""What cameras and networks do to RTP: clocks that stand or leap, other pictures in mid-stream, lost packets."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from scripted_rtsp import TICKS_A_PICTURE, Link, ScriptedCamera

from filming import FPS, coded
from waiting import until
from watchpost.clock import SystemClock
from watchpost.config import loads
from watchpost.config.gate import GateOptions
from watchpost.recordings.archive import Archive
from watchpost.recordings.writer import CameraWriter
from watchpost.runtime.intake import Intake
from watchpost.runtime.live import LiveHub
from watchpost.runtime.reconnect import Policy, packets
from watchpost.runtime.supervisor import Supervisor
from watchpost.sources import open_source
from watchpost.types import Packet
from watchpost.video.decoder import Decoder

pytestmark = pytest.mark.slow

HASTY = Policy(first_delay_s=0.05, growth=1.0, jitter=0.0)
FILM = [data for data, *_ in coded(40)]


def stream(camera: ScriptedCamera, **options: object) -> Iterator[Packet]:
    def opened() -> object:
        return open_source(camera.address(), "yard", {"timeout": 2, **options}, SystemClock())

    return packets(opened, SystemClock(), threading.Event(), HASTY)  # type: ignore[arg-type]


def times_s(taken: list[Packet]) -> list[float]:
    found = [packet.camera_time_s for packet in taken]
    assert None not in found
    return found  # type: ignore[return-value]


CLOCKS: dict[str, tuple[Callable[[int], int], int, float]] = {
    # times, discontinuities in 60 pictures, seconds that a picture should take at the end (0: by the wall clock)
    "even": (lambda number: number * TICKS_A_PICTURE, 0, 1 / FPS),
    "twice the same": (lambda number: number // 2 * 2 * TICKS_A_PICTURE, 0, 1 / FPS),
    "a step back of half a second": (lambda number: (number - 5 * (number >= 30)) * TICKS_A_PICTURE, 0, 1 / FPS),
    "set back by an hour": (lambda number: (number - 36_000 * (number >= 30)) * TICKS_A_PICTURE, 1, 1 / FPS),
    "set ahead by an hour": (lambda number: (number + 36_000 * (number >= 30)) * TICKS_A_PICTURE, 1, 1 / FPS),
    "random": (lambda number: random.Random(number).randrange(1 << 32), -1, -1),
    "standing still": (lambda _: 0, 0, 0),
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_a_camera_clock(kind: str) -> None:
    clock, restarts, interval_s = CLOCKS[kind]
    is_still = kind == "standing still"
    with ScriptedCamera(FILM, times=clock, pace=20 if is_still else 100) as camera:
        taken = list(itertools.islice(stream(camera), 60))
    times = times_s(taken)
    assert all(before < after for before, after in itertools.pairwise(times)), "whatever comes, time goes on"
    decoder = Decoder("yard")
    frames = [frame for packet in taken for frame in decoder.decode(packet)]
    assert decoder.counters["corrupt"] == 0
    if restarts >= 0:
        assert [packet.is_discontinuous for packet in taken].count(True) == restarts
        assert len(frames) >= 58
    if interval_s > 0:
        assert times[-1] - times[0] == pytest.approx(59 * interval_s, rel=0.15)
    if is_still:
        passed_s = taken[-1].wall_time_s - taken[-21].wall_time_s
        assert times[-1] - times[-21] == pytest.approx(passed_s, rel=0.05)


def test_other_parameter_sets_in_mid_stream() -> None:
    """The picture stays, its coding changes: B frames come and go."""
    with_b = coded(20, bframes=2)
    film = FILM[:20] + [data for data, *_ in with_b]
    shown_at = [*range(20), *(20 + pts for _, pts, *_ in with_b)]

    def times(number: int) -> int:
        return (number // 40 * 40 + shown_at[number % 40]) * TICKS_A_PICTURE

    with ScriptedCamera(film, times=times) as camera:
        taken = list(itertools.islice(stream(camera), 100))
    decoder = Decoder("yard")
    frames = [frame for packet in taken for frame in decoder.decode(packet)]
    assert len(frames) >= 96
    assert decoder.counters["corrupt"] == decoder.counters["damaged"] == 0
    streams = list(dict.fromkeys(id(packet.stream) for packet in taken))
    assert len(streams) >= 5
    assert all(
        packet.is_key for packet, before in zip(taken[1:], taken, strict=False) if packet.stream is not before.stream
    )


SIZES = ((160, 120), (320, 240))
RULES = """
models: {always: {model: fake_rooms.always}}
cameras:
  yard:
    source: ADDRESS
    options: {timeout: 2}
    gate: {enabled: false}
    recording: {mode: continuous, segment: 5s, fragment: 0.5s}
    zones: {left: [[0, 0], [0.6, 0], [0.6, 1], [0, 1]]}
    rules: [{kind: zone, zone: left}]
"""


def test_another_picture_size_in_mid_stream_and_all_go_on(tmp_path: Path) -> None:
    """Decoder, zones, recorder and viewers follow a camera whose size is changed, without a new connection."""
    film = [data for size in SIZES for data, *_ in coded(40, size=size)]
    hub = LiveHub(SystemClock())
    supervisor = Supervisor(hub, SystemClock())
    watched: list[Packet] = []
    with ScriptedCamera(film, pace=40) as camera, supervisor.taps.open("yard") as viewer:
        text = f"data: {tmp_path / 'data'}\n{RULES.replace('ADDRESS', camera.address())}"
        supervisor.apply(loads(text, name="test.yaml", folder=tmp_path))

        def has_seen_enough() -> bool:
            watched.extend(viewer.take())
            return len(watched) > 130

        try:
            assert until(has_seen_enough)
            assert len(camera.links) == 1
            figures = supervisor.figures().cameras[0]
            assert figures.recording is not None
            assert (figures.losses, figures.starts, figures.recording.problem) == (0, 1, "")
            assert figures.damaged == 0
            assert figures.analysed > 20
        finally:
            supervisor.close()
    assert [size for size, _ in itertools.groupby(sizes_of(watched))][:3] == [SIZES[0], SIZES[1], SIZES[0]]
    assert "entered" in [event.kind for event in hub.events()]
    recorded = [recorded_size(path) for path in sorted((tmp_path / "data").rglob("*.mp4"))]
    assert [size for size, _ in itertools.groupby(recorded)][:3] == [SIZES[0], SIZES[1], SIZES[0]]


def sizes_of(taken: list[Packet]) -> list[tuple[int, int]]:
    return [(packet.stream.width, packet.stream.height) for packet in taken]


def recorded_size(path: Path) -> tuple[int, int]:
    """Of a recording in which every picture can be decoded."""
    with av.open(path) as film:
        sizes = {(frame.width, frame.height) for frame in film.decode(video=0)}
    (size,) = sizes
    return size


class Lossy:
    """A network that loses packets, or mixes up their order; and what came through whole."""

    def __init__(self, lost: float = 0.0, late: float = 0.0) -> None:
        self.whole: list[bool] = []
        """By picture: all of its packets were sent."""
        self._chance = random.Random(1)
        self._lost, self._late = lost, late
        self._held: list[bytes] = []

    def __call__(self, _number: int, sent: list[bytes], _link: Link) -> list[bytes]:
        kept = [packet for packet in sent if self._chance.random() >= self._lost]
        self.whole.append(len(kept) == len(sent))
        going, self._held = self._held + kept, []
        for at in range(len(going) - 1):
            if self._chance.random() < self._late:
                going[at], going[at + 1] = going[at + 1], going[at]
        if going and self._chance.random() < self._late:
            self._held = [going.pop()]
        return going

    def decodable(self, number: int, gop: int) -> bool:
        """Whether a picture, and all that it refers to, came whole."""
        return all(self.whole[number - number % gop : number + 1])


GOP, COUNT = 20, 240
NOISY = coded(60, gop=GOP, size=(160, 120), noise=40)


def reference() -> list[np.ndarray]:
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for data, *_ in NOISY for frame in decoder.decode(av.Packet(data))] + decoder.decode(None)
    return [frame.to_ndarray(format="gray") for frame in frames]


@pytest.mark.parametrize(
    ("lost", "late"), [(0.0, 0.0), (0.0, 0.2), (0.01, 0.0), (0.03, 0.05), (0.1, 0.0)], ids=lambda share: f"{share:.0%}"
)
def test_packets_that_are_lost_or_late(lost: float, late: float, tmp_path: Path) -> None:
    """What is shown unmarked is what the camera saw, gate and recorder go on, and nobody has to connect again.

    Not quite: a decoder may read over a hole in the midst of a picture without a sign of it.
    """
    network = Lossy(lost, late)
    with ScriptedCamera([data for data, *_ in NOISY], wire=network, pace=150, most_bytes=700) as camera:
        taken = []
        for packet in stream(camera, transport="udp"):
            taken.append(packet)
            if len(network.whole) >= COUNT:
                break
        assert len(camera.links) == 1
    numbers = picture_numbers(taken)
    decoder, originals = Decoder("yard"), reference()
    frames = [frame for packet in taken for frame in decoder.decode(packet)]
    right, wrong = [], []
    for frame in frames:
        if not frame.is_damaged:
            number = numbers[frame.camera_time_s]
            same = np.abs(frame.picture.grey(160, 120).astype(int) - originals[number % len(originals)]).max() <= 1
            (right if same else wrong).append(number)
    possible = [number for number in range(len(network.whole)) if network.decodable(number, GOP)]
    damaged = decoder.counters["damaged"]
    print(
        f"lost {lost:.0%}, late {late:.0%}: {len(network.whole)} sent, {len(frames)} shown, {damaged} marked;"
        f" of the others {len(right)} right, {len(wrong)} wrong; {len(possible)} came whole with all they refer to"
    )
    assert len(wrong) <= 0.2 * damaged
    assert len(right) >= 0.9 * len(possible) - GOP
    if not lost:
        assert damaged == 0
    assert_gate_and_recorder_go_on(taken, tmp_path)


def picture_numbers(taken: list[Packet]) -> dict[float | None, int]:
    """Which picture of the camera each packet has, by its camera time; FFmpeg tells no time of the first."""
    second = taken[1].payload
    assert isinstance(second, av.Packet)
    assert second.pts is not None
    first = round(float(second.pts * taken[1].stream.time_base - Fraction(times_s(taken)[1])) * FPS)
    return {packet.camera_time_s: first + round((packet.camera_time_s or 0.0) * FPS) for packet in taken}


def assert_gate_and_recorder_go_on(taken: list[Packet], folder: Path) -> None:
    intake = Intake(Decoder("yard"), SystemClock(), GateOptions())
    looked = sum(1 for packet in taken for _ in intake.frames(packet))
    assert looked >= 3
    archive = Archive(folder / "data")
    writer = CameraWriter("yard", archive, SystemClock())
    for packet in taken:
        writer.add(packet)
    writer.finish()
    archive.close()
    pictures = 0
    for path in (folder / "data").rglob("*.mp4"):
        with av.open(path) as film:
            pictures += sum(1 for packet in film.demux(video=0) if packet.size)
    first = next(index for index, packet in enumerate(taken) if packet.is_key)
    assert pictures == len(taken) - first
