"""Cameras that play rendered files round and round over RTSP, at the pace of a camera: for measuring a whole server.

    python -m bench.live_view.file_cameras COUNT CLIP_SECONDS CLIP...

Nothing is encoded while they run. Each camera begins at another place of its clip and at another moment, so that key
frames do not all come at once. Prints the port when it listens (`rtsp://127.0.0.1:PORT/0`, `/1` ...); ends with its
standard input.
"""

from __future__ import annotations

import heapq
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "tests")]

from rtsp_house import House  # noqa: E402 - from the tests' folder
from watchpost.clock import SystemClock  # noqa: E402
from watchpost.config.serve import RtspOptions  # noqa: E402
from watchpost.sources.looped import looped, shape  # noqa: E402

_GOLDEN = 0.618033988749895


def main() -> None:
    count, round_s, clips = int(sys.argv[1]), float(sys.argv[2]), [Path(each) for each in sys.argv[3:]]
    clock = SystemClock()
    gops_s = {clip: shape(clip).gop_s for clip in clips}
    options = RtspOptions(udp=False, connections=1000, connections_per_address=1000)
    with House(options, cameras=[str(number) for number in range(count)]) as house:
        print(house.port, flush=True)
        ended = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        start_s = time.monotonic()
        due = []
        for number in range(count):
            clip = clips[number % len(clips)]
            offset_s = int(number * _GOLDEN % 1 * round_s / gops_s[clip]) * gops_s[clip]
            packets = looped(clip, str(number), offset_s=offset_s, round_s=round_s, clock=clock)
            heapq.heappush(due, (start_s + number * _GOLDEN % 1 * gops_s[clip], number, next(packets), packets))
        begins_s = {number: at_s for at_s, number, _, _ in due}
        while not ended.is_set():
            at_s, number, packet, packets = due[0]
            time.sleep(max(0.0, at_s - time.monotonic()))
            house.feed([packet], str(number))
            packet = next(packets)
            next_s = begins_s[number] + float((packet.dts or 0) * packet.stream.time_base)
            heapq.heapreplace(due, (next_s, number, packet, packets))


if __name__ == "__main__":
    main()
