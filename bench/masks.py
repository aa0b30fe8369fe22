"""What a privacy mask costs: processor time to decode, blacken and encode a picture.

    python bench/masks.py

The synthetic scene (720p, 15 frames/s, a key frame every 2 s), by day and by night, with one mask of a tenth of the
picture. Beside it, what decoding alone takes.
"""

from __future__ import annotations

import platform
import time
from itertools import islice

import numpy as np

from watchpost.clock import SystemClock
from watchpost.sources import open_source
from watchpost.types import Packet
from watchpost.video.decoder import Decoder
from watchpost.video.mask import masked
from watchpost.video.timestamps import mended

FPS, SECONDS = 15, 20
MASK = {"window": np.array([[0.60, 0.10], [0.90, 0.10], [0.90, 0.43], [0.60, 0.43]])}


def packets(options: str) -> list[Packet]:
    """`SECONDS` of the scene."""
    address = f"synthetic:?width=1280&height=720&fps={FPS}&gop={2 * FPS}&realtime=false&{options}"
    source = open_source(address, "cam", None, SystemClock())
    found = list(islice(mended(source.packets()), FPS * SECONDS))
    source.close()
    return found


def measure(name: str, film: list[Packet]) -> None:
    decoder = Decoder("cam")
    started_s = time.process_time()
    for packet in film:
        decoder.decode(packet)
    decoded_s = time.process_time() - started_s
    started_s = time.process_time()
    made = list(masked("cam", film, MASK))
    masked_s = time.process_time() - started_s
    before, after = (sum(each.size for each in one) * 8 / SECONDS / 1e6 for one in (film, made))
    count = len(film)
    print(
        f"| {name} | {decoded_s / count * 1e3:.1f} | {masked_s / count * 1e3:.1f} | "
        f"{masked_s / SECONDS * 100:.0f} | {before:.2f} | {after:.2f} |"
    )


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print("| scene | decoding alone, ms a picture | masked, ms a picture | of a core, % | Mbit/s before | after |")
    print("| --- | --- | --- | --- | --- | --- |")
    measure("day", packets("people=2"))
    measure("night", packets("people=2&night=true"))


if __name__ == "__main__":
    main()
