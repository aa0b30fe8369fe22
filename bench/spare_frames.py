"""What leaving out pictures that no other refers to saves a camera that is awake: processor time of decoding alone.

python bench/spare_frames.py --seconds 12 --fps 5
"""

from __future__ import annotations

import argparse
import io
import platform
import time
from dataclasses import dataclass

import av
import numpy as np

from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.types import BGR, Packet, StreamInfo
from watchpost.video.decoder import Decoder
from watchpost.video.spare import SparePictures

FPS = 15
KINDS = {
    "no B frames": "bframes=0",
    "2 B frames": "bframes=2:b-pyramid=none:b-adapt=0",
    "2 B frames, as x264 chooses": "bframes=2:b-pyramid=normal",
    "3 B frames in a pyramid": "bframes=3:b-pyramid=normal:b-adapt=0",
}


def pictures(seconds: int, *, night: bool) -> list[BGR]:
    """Two people in the synthetic scene, 1280 x 720."""
    scene = Scene(SceneOptions(width=1280, height=720, fps=FPS, people=2, activity=1.0, night=night))
    return [scene.frame(index)[0] for index in range(seconds * FPS)]


def encoded(shown: list[BGR], x264: str) -> list[Packet]:
    """As a camera would encode them: groups of 2 s."""
    target = io.BytesIO()
    with av.open(target, "w", format="mpegts") as output:
        stream = output.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.thread_count = 2 * FPS, 1
        params = f"{x264}:keyint={2 * FPS}:min-keyint={2 * FPS}:scenecut=0"
        stream.codec_context.options = {"preset": "veryfast", "crf": "24", "x264-params": params}
        for index, picture in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    target.seek(0)
    with av.open(target) as container:
        video = container.streams.video[0]
        info = StreamInfo("h264", 1280, 720, video.time_base, video.average_rate, is_live=True)  # type: ignore[arg-type]
        return [
            Packet("bench", info, packet.pts, packet.dts, packet.is_keyframe, packet.size, 0.0, packet)
            for packet in container.demux(video)
            if packet.size
        ]


@dataclass
class Cost:
    """Of one run over a clip."""

    packets: int
    cpu_s: float


def decode(packets: list[Packet], fps: float) -> Cost:
    """Decode what is wanted at a rate; the choosing is in the time."""
    decoder, spare = Decoder("bench"), SparePictures()
    begun_s = time.process_time()
    count = 0
    for packet in packets:
        if not spare.is_spare(packet, fps):
            decoder.decode(packet)
            count += 1
    decoder.flush()
    return Cost(count, time.process_time() - begun_s)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--fps", type=float, default=5.0, help="wished rate of analysis")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{platform.machine()}; ms of processor a camera-second, median of {arguments.rounds}\n")
    print("| picture | encoding | kbit/s | all | left out | without them | saved |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, night in (("day", False), ("night", True)):
        shown = pictures(arguments.seconds, night=night)
        for kind, x264 in KINDS.items():
            packets = encoded(shown, x264)
            runs = [
                (decode(packets, float("inf")), decode(packets, arguments.fps)) for _ in range(arguments.rounds)
            ]  # in turn: the machine may be busy with other things
            whole = float(np.median([run.cpu_s for run, _ in runs])) * 1000 / arguments.seconds
            part = float(np.median([run.cpu_s for _, run in runs])) * 1000 / arguments.seconds
            left_out = 1 - runs[0][1].packets / len(packets)
            kbit = sum(packet.size for packet in packets) * 8 / 1000 / arguments.seconds
            print(
                f"| {name} | {kind} | {kbit:.0f} | {whole:.1f} | {left_out:.0%} | {part:.1f} | {1 - part / whole:.0%} |"
            )


if __name__ == "__main__":
    main()
