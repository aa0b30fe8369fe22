"""The gate alone: how much of a camera is decoded, and what is missed, over clips re-encoded in several ways.

    python bench/gate.py DATA/videos/clip.mp4=7-20,23-45 --variants day night rain clock --gops 2 10 --crf 24
    python bench/gate.py "synthetic:?people=2&activity=0.2&seed=3" --seconds 120

A clip is a video, with the times at which somebody is in view after an equals sign (without them nothing can be
missed), or a synthetic scene, which knows them. Pictures are scaled to `--width`, encoded with x264, and run through
ring, gate and decoder as a camera's would be, twice: with packet sizes and pictures alone, and told by the truth, which
plays the detector, how many are in view in each decoded frame.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qsl

import av
import cv2
import numpy as np

from watchpost.config.gate import GateOptions
from watchpost.options import parse_seconds
from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.types import BGR, Packet, StreamInfo
from watchpost.video.decoder import Decoder
from watchpost.video.gate import Gate
from watchpost.video.gate_explained import State
from watchpost.video.picture_change import COLUMNS, ROWS
from watchpost.video.ring import Ring
from watchpost.video.timestamps import mended

Visits = list[tuple[float, float]]


@dataclass(frozen=True)
class Clip:
    """Pictures to encode, and when somebody is in view."""

    name: str
    pictures: Callable[[], Iterator[BGR]]
    fps: Fraction
    visits: Visits


@dataclass(frozen=True)
class Encoding:
    """How a camera might encode."""

    gop_s: float
    preset: str
    crf: int
    kbit: int | None
    bframes: int
    x264: str

    def __str__(self) -> str:
        rate = f"crf {self.crf}" if self.kbit is None else f"{self.kbit} kbit/s"
        return f"{self.gop_s:g} s, {self.preset}, {rate}, {self.bframes} B" + (f", {self.x264}" if self.x264 else "")


@dataclass(frozen=True)
class Row:
    """What the gate did with one stream. Shares are of 1, times are seconds of camera time."""

    clip: str
    variant: str
    encoding: str
    is_told: bool
    """Whether the truth played the detector."""
    kbit: int
    packets: int
    decoded: float
    """Packets given to the decoder, repeated ones counted twice."""
    wakes: int
    visits: int
    missed: int
    seen: float
    """Share of the frames with somebody in view that were decoded while awake."""
    late_s: float
    """The longest beginning of a visit that was not decoded."""
    empty: float
    """Share of the frames with nobody in view that were decoded while awake: the quiet spells, too."""
    asleep_empty: float
    """Share of the time with nobody in view that the gate was asleep."""
    wakes_empty: int
    """Wakes more than a key frame interval and a second before a visit, or after its end."""
    state: str
    """At the end."""
    gate_us: float
    """Processor time a packet in ring and gate, microseconds."""


def read_clip(text: str, width: int, seconds: float) -> Clip:
    """The clip that an argument describes."""
    if text.startswith("synthetic:"):
        asked = dict(parse_qsl(text.partition("?")[2]))
        options = SceneOptions.model_validate({"width": width, "height": width * 9 // 32 * 2, **asked})
        scene = Scene(options)
        count = round(seconds * options.fps)
        visits = [(visit.enter_s, visit.leave_s) for visit in scene.visits(seconds)]
        return Clip(text, lambda: (scene.frame(index)[0] for index in range(count)), Fraction(options.fps), visits)
    path, _, times = text.partition("=")
    visits = [(float(a), float(b)) for a, _, b in (span.partition("-") for span in times.split(",") if span)]
    with av.open(path) as container:
        fps = Fraction(container.streams.video[0].average_rate or 25)
    return Clip(Path(path).stem, lambda: _pictures(path, width, round(seconds * fps)), fps, visits)


def _pictures(path: str, width: int, count: int) -> Iterator[BGR]:
    with av.open(path) as container:
        for frame in itertools.islice(container.decode(video=0), count):
            height = round(frame.height * width / frame.width / 2) * 2
            yield frame.reformat(width, height, "bgr24").to_ndarray()


def as_seen(clip: Clip, variant: str) -> Iterator[BGR]:
    """The clip's pictures by day, or with simulated night noise, rain or an on-screen clock."""
    random = np.random.default_rng(1)
    for index, picture in enumerate(clip.pictures()):
        height, width = picture.shape[:2]
        if variant == "night":
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) * np.float32(0.6)
            grey += random.standard_normal(grey.shape, np.float32) * 6.5
            yield np.asarray(cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)
        elif variant == "rain":
            wet = picture.copy()
            for x, y, length in random.integers((0, 0, 8), (width, height, 25), (120, 3)).tolist():
                cv2.line(wet, (x, y), (x + length // 5, y + length), (210, 210, 210), 1)
            yield np.asarray(cv2.addWeighted(wet, 0.5, picture, 0.5, 0), np.uint8)
        elif variant == "clock":
            second = int(index / clip.fps)
            text = f"2026-01-05 08:{second // 60:02}:{second % 60:02}"
            marked = picture.copy()
            cv2.putText(marked, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
            yield marked
        else:
            yield picture


def encode(pictures: Iterable[BGR], fps: Fraction, encoding: Encoding) -> bytes:
    """An MP4 file."""
    target = io.BytesIO()
    gop = max(1, round(encoding.gop_s * fps))
    settings = f"scenecut=0:keyint={gop}:min-keyint={gop}:bframes={encoding.bframes}"
    options = {"preset": encoding.preset}
    if encoding.kbit is None:
        options["crf"] = str(encoding.crf)
    else:
        settings += f":vbv-maxrate={encoding.kbit}:vbv-bufsize={encoding.kbit}"
    if encoding.bframes == 0:
        options["tune"] = "zerolatency"
    options["x264-params"] = settings + (f":{encoding.x264}" if encoding.x264 else "")
    with av.open(target, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=fps, options=options)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count, context.gop_size, context.max_b_frames = 1, gop, encoding.bframes
        context.bit_rate = 0 if encoding.kbit is None else encoding.kbit * 1000
        for index, picture in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, 1 / fps
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target.getvalue()


def packets_of(data: bytes) -> Iterator[Packet]:
    """The packets of an MP4 file as a camera's."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        info = StreamInfo(
            codec=context.name,
            width=context.width,
            height=context.height,
            time_base=stream.time_base or Fraction(1),
            average_rate=stream.average_rate,
            extradata=context.extradata,
        )
        for payload in container.demux(stream):
            if payload.size:
                times = payload.pts, payload.dts
                yield Packet("bench", info, *times, payload.is_keyframe, payload.size, 0.0, payload)


@dataclass
class Run:
    """What came out of one stream."""

    gate: Gate
    is_told: bool
    awake_s: list[float]
    """Times of the frames decoded while awake."""
    wakes_s: list[float]
    asleep_s: list[float]
    """Times of the packets that came while asleep."""
    packets: int
    cpu_s: float


def run(data: bytes, visits: Visits, options: GateOptions, *, is_told: bool) -> Run:
    """Packets through timestamp filter, ring, gate and decoder."""
    ring = Ring(max_bytes=16 << 20, max_seconds=12)
    gate, decoder = Gate(options, ring), Decoder("bench")
    result = Run(gate, is_told, [], [], [], 0, 0.0)
    for packet in mended(packets_of(data)):
        started_s = time.process_time()
        ring.add(packet)
        was_asleep = gate.state is State.ASLEEP
        work = gate.admit(packet)
        if was_asleep and gate.state is not State.ASLEEP:
            result.wakes_s.append(packet.camera_time_s or 0.0)
        if gate.state is State.ASLEEP:
            result.asleep_s.append(packet.camera_time_s or 0.0)
        result.cpu_s += time.process_time() - started_s
        result.packets += 1
        for frame in work.frames(decoder):
            time_s = frame.camera_time_s
            if not work.is_alone:
                result.awake_s.append(time_s)
            if gate.wants_picture(time_s):
                gate.see_picture(time_s, frame.picture.grey(COLUMNS, ROWS))
            if is_told:
                gate.see_objects(time_s, sum(enter <= time_s < leave for enter, leave in visits))
    return result


def judged(clip: Clip, variant: str, encoding: Encoding, data: bytes, result: Run) -> Row:
    """The figures of one run."""
    explained = result.gate.explain()
    times = [float(index / clip.fps) for index in range(result.packets)]
    awake = {round(time_s * clip.fps) for time_s in result.awake_s}
    shown = [
        [number in awake for number, time_s in enumerate(times) if enter <= time_s < leave]
        for enter, leave in clip.visits
    ]
    late = [(frames.index(True) if any(frames) else len(frames)) / clip.fps for frames in shown]
    empty = [
        number in awake for number, t in enumerate(times) if not any(enter <= t < leave for enter, leave in clip.visits)
    ]
    busy = list(itertools.chain.from_iterable(shown))
    return Row(
        clip=clip.name,
        variant=variant,
        encoding=str(encoding),
        is_told=result.is_told,
        kbit=round(len(data) * 8 / float(result.packets / clip.fps) / 1000),
        packets=result.packets,
        decoded=explained.decoded / result.packets,
        wakes=sum(explained.wakes.values()),
        visits=len(shown),
        missed=sum(not any(frames) for frames in shown),
        seen=sum(busy) / max(1, len(busy)),
        late_s=float(max(late, default=0)),
        asleep_empty=sum(not any(a <= t < b for a, b in clip.visits) for t in result.asleep_s) / max(1, len(empty)),
        empty=sum(empty) / max(1, len(empty)),
        wakes_empty=sum(
            not any(enter - 1 - encoding.gop_s <= t <= leave for enter, leave in clip.visits) for t in result.wakes_s
        ),
        state=f"{explained.state}: {explained.reason}" if explained.state is State.OPEN else explained.state,
        gate_us=result.cpu_s / result.packets * 1e6,
    )


def printed(row: Row) -> str:
    """A line of the table."""
    return (
        f"{'yes' if row.is_told else 'no':4} {row.packets:7} {row.decoded:7.1%} {row.wakes:5} {row.wakes_empty:11} "
        f"{row.visits:6} {row.missed:6} {row.seen:5.1%} {row.late_s:6.2f} {row.empty:5.1%} {row.asleep_empty:6.1%} "
        f"{row.gate_us:9.1f} {row.kbit:7}  {row.clip}, {row.variant}, {row.encoding} ({row.state})"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", help="VIDEO, VIDEO=7-20,23-45 or synthetic:?...")
    parser.add_argument("--variants", nargs="+", default=["day"], choices=["day", "night", "rain", "clock"])
    parser.add_argument("--gops", nargs="+", type=float, default=[2.0], help="seconds")
    parser.add_argument("--presets", nargs="+", default=["veryfast"])
    parser.add_argument("--crf", nargs="+", type=int, default=[24])
    parser.add_argument("--kbit", nargs="+", type=int, default=[], help="constant bit rates, on top of --crf")
    parser.add_argument("--bframes", nargs="+", type=int, default=[0])
    parser.add_argument("--x264", default="", help="further x264 parameters, as intra-refresh=1 or open-gop=1")
    parser.add_argument("--width", type=int, default=640, help="pixels")
    parser.add_argument("--seconds", type=float, default=600, help="at most so much of each clip")
    parser.add_argument("--longest-gop", type=parse_seconds, default=GateOptions().longest_gop)
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    arguments = parser.parse_args()
    options = GateOptions(longest_gop=arguments.longest_gop)
    rates = [(crf, None) for crf in arguments.crf] + [(0, kbit) for kbit in arguments.kbit]
    columns = "told packets decoded wakes for nothing visits missed  seen late s empty asleep us/packet  kbit/s"
    print(f"{platform.machine()}, {arguments.width} pixels wide\n{columns}")
    rows = []
    for text in arguments.clips:
        clip = read_clip(text, arguments.width, arguments.seconds)
        ways = itertools.product(arguments.gops, arguments.presets, rates, arguments.bframes, arguments.variants)
        for gop_s, preset, (crf, kbit), bframes, variant in ways:
            encoding = Encoding(gop_s, preset, crf, kbit, bframes, arguments.x264)
            data = encode(as_seen(clip, variant), clip.fps, encoding)
            for is_told in (False, True):
                row = judged(clip, variant, encoding, data, run(data, clip.visits, options, is_told=is_told))
                rows.append(row)
                print(printed(row), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
