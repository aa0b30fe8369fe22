"""Cameras that film the clock: the wall time as a bar code along the top, and a square that walks by that time.

    python -m bench.live_view.clock_camera [FPS]

Each is H.264 as cameras send it (no B frames, nothing held back) in MPEG-TS over HTTP, under /0, /1 ... Prints the port
when it listens. Whoever decodes a picture can tell from its pixels when it was taken, and where the square was then.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import av
import numpy as np

WIDTH, HEIGHT = 1280, 720
CELLS: Final = 32
"""28 bits of the wall time in ms, most significant first, and 4 of a check sum."""
CELL: Final = WIDTH // CELLS
BITS: Final = 28
SIDE: Final = 160
TOP: Final = 300
SPEED: Final = 240.0
"""Pixels a second."""
SQUARE: Final = (200, 40, 200)
"""Blue, green, red."""
_WAY: Final = WIDTH - SIDE


def code(wall_time_s: float) -> list[bool]:
    """The cells of a moment."""
    value = round(wall_time_s * 1000) % (1 << BITS)
    check = sum(value >> shift & 15 for shift in range(0, BITS, 4)) & 15
    bits = value << 4 | check
    return [bool(bits >> shift & 1) for shift in range(CELLS - 1, -1, -1)]


def square_left(wall_time_s: float) -> float:
    """Where the square's left edge is at a moment: it walks back and forth, of `WIDTH` pixels."""
    at = wall_time_s * SPEED % (2 * _WAY)
    return at if at <= _WAY else 2 * _WAY - at


def picture(wall_time_s: float, background: np.ndarray) -> np.ndarray:
    """What the camera sees at a moment, (HEIGHT, WIDTH, 3) uint8 BGR."""
    seen = background.copy()
    for number, is_set in enumerate(code(wall_time_s)):
        seen[:CELL, number * CELL : (number + 1) * CELL] = 255 if is_set else 0
    left = round(square_left(wall_time_s))
    seen[TOP : TOP + SIDE, left : left + SIDE] = SQUARE
    return seen


def encoded(fps: int, stop: threading.Event, seed: int = 0) -> Iterator[av.Packet]:
    """The camera's packets, each at its time."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 90_000), Fraction(fps)
    context.gop_size, context.max_b_frames, context.thread_count = 2 * fps, 0, 1
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26", "x264-params": "scenecut=0"}
    noise = np.random.default_rng(seed).integers(70, 110, (HEIGHT // 20, WIDTH // 20, 3), np.uint8)
    background = np.repeat(np.repeat(noise, 20, 0), 20, 1)
    started_s = time.time()
    for number in range(1 << 62):
        stop.wait(max(0.0, started_s + number / fps - time.time()))
        if stop.is_set():
            return
        frame = av.VideoFrame.from_ndarray(picture(time.time(), background), format="bgr24")
        frame.pts, frame.time_base = round(number / fps * 90_000), Fraction(1, 90_000)
        yield from context.encode(frame)


class _Handler(BaseHTTPRequestHandler):
    fps = 15

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        stop = threading.Event()
        muxed = io.BytesIO()
        with av.open(muxed, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream("libx264", rate=self.fps)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for packet in encoded(self.fps, stop, seed=int(self.path.strip("/") or 0)):
                packet.stream = stream
                container.mux(packet)
                data = muxed.getvalue()
                muxed.seek(0)
                muxed.truncate()
                try:
                    self.wfile.write(data)
                except OSError:
                    return

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def main() -> None:
    _Handler.fps = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
