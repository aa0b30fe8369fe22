"""The gate with a real decoder behind it, on tiny encoded clips."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import pytest

from clips import encode_clip
from watchpost.config.gate import GateOptions
from watchpost.types import BGR, Frame, Packet, StreamInfo
from watchpost.video.decoder import Decoder
from watchpost.video.gate import Gate
from watchpost.video.gate_explained import Reason, State
from watchpost.video.picture_change import COLUMNS, ROWS
from watchpost.video.ring import Ring
from watchpost.video.timestamps import mended

FPS = 10
ENTERS, LEAVES, END = 185, 225, 300


def pictures() -> Iterator[BGR]:
    """A still room in which a dark square walks about from frame `ENTERS` to `LEAVES`."""
    random = np.random.default_rng(0)
    room = np.repeat(random.integers(90, 150, (12, 16, 1)), 3, 2).repeat(10, 0).repeat(10, 1)
    for index in range(END):
        picture = room + random.integers(-2, 3, room.shape)
        if ENTERS <= index < LEAVES:
            left = (index - ENTERS) * 3
            picture[40:90, left : left + 25] = 20
        yield picture.astype(np.uint8)


def packets(gop: int, bframes: int, options: dict[str, str]) -> list[Packet]:
    buffer = io.BytesIO()
    encode_clip(buffer, pictures(), fps=FPS, gop=gop, bframes=bframes, container="mp4", options=options)
    buffer.seek(0)
    with av.open(buffer) as container:
        stream = container.streams.video[0]
        info = StreamInfo(
            "h264", 160, 120, stream.time_base or Fraction(1), Fraction(FPS), extradata=stream.codec_context.extradata
        )
        return list(
            mended(
                Packet("door", info, payload.pts, payload.dts, payload.is_keyframe, payload.size, 0.0, payload)
                for payload in container.demux(stream)
                if payload.size
            )
        )


def gated(stream: list[Packet]) -> tuple[Gate, list[Frame], list[Frame]]:
    """The gate, the frames that came out while awake, and those of key frames alone."""
    ring = Ring(1 << 24, 10)
    gate, decoder = Gate(GateOptions(), ring), Decoder("door")
    awake: list[Frame] = []
    alone: list[Frame] = []
    for packet in stream:
        ring.add(packet)
        work = gate.admit(packet)
        for frame in work.frames(decoder):
            (alone if work.is_alone and frame.camera_time_s == packet.camera_time_s else awake).append(frame)
            if gate.wants_picture(frame.camera_time_s):
                gate.see_picture(frame.camera_time_s, frame.picture.grey(COLUMNS, ROWS))
            number = round(frame.camera_time_s * FPS)
            gate.see_objects(frame.camera_time_s, int(ENTERS <= number < LEAVES))
    return gate, awake, alone


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("gop", [10, 20])
def test_all_that_happens_is_decoded_in_order_and_once(gop: int, bframes: int) -> None:
    stream = packets(gop, bframes, {"tune": "zerolatency"} if bframes == 0 else {})
    gate, awake, alone = gated(stream)

    numbers = [round(frame.camera_time_s * FPS) for frame in awake]
    assert numbers == sorted(set(numbers))
    assert set(range(ENTERS, LEAVES)) <= set(numbers)
    explained = gate.explain()
    assert sum(explained.wakes.values()) == 1
    assert explained.state is State.ASLEEP
    assert explained.decoded < 0.5 * len(stream)
    assert all(round(frame.camera_time_s * FPS) % gop == 0 for frame in alone[1:])

    whole = Decoder("door")
    full = {frame.camera_time_s: frame for packet in stream for frame in whole.decode(packet)}
    for frame in awake[-40:-10:5] + alone[-3:]:
        assert np.array_equal(frame.picture.bgr(), full[frame.camera_time_s].picture.bgr())


def test_an_open_group_loses_nothing() -> None:
    stream = packets(20, 2, {"x264-params": "open-gop=1:bframes=2:b-adapt=0:keyint=20:min-keyint=20:scenecut=0"})
    times = [packet.camera_time_s for packet in stream]
    assert any(packet.is_key and times[index + 1] < times[index] for index, packet in enumerate(stream[:-1]))

    gate, awake, _ = gated(stream)

    numbers = [round(frame.camera_time_s * FPS) for frame in awake]
    assert numbers == sorted(set(numbers))
    assert set(range(ENTERS, LEAVES)) <= set(numbers)
    assert gate.explain().decoded < 0.5 * len(stream)


def test_intra_refresh_is_decoded_whole_and_said_so() -> None:
    stream = packets(10, 0, {"tune": "zerolatency", "x264-params": "intra-refresh=1:keyint=10"})
    gate, awake, _ = gated(stream)
    assert (gate.state, gate.reason) == (State.OPEN, Reason.NO_PICTURE)
    assert {round(frame.camera_time_s * FPS) for frame in awake} >= set(range(50, END))
