"""Records two cameras and deletes what is old until it is killed; says on stdout what it promises to have kept."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
from pathlib import Path

from watchpost.clock import ManualClock
from watchpost.mp4.fragments import Seal
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import recover
from watchpost.recordings.index import Segment
from watchpost.recordings.retention import CameraLimits, Limits, Retention
from watchpost.recordings.writer import CameraWriter, Lengths

KEPT_BYTES = 60_000


def main(folder: Path, start_s: float, cameras: list[str]) -> None:
    from filming import MIDNIGHT, film

    archive = Archive(folder)
    limits = Limits(others=CameraLimits(age_s=None, bytes=KEPT_BYTES), free_bytes=0)
    retention = Retention(archive, ManualClock(), limits)

    def tell(row: Segment, seal: Seal) -> None:
        os.write(1, f"{row.camera} {seal.first_camera_time_s!r} {seal.checksum}\n".encode())

    def record(camera: str) -> None:
        with archive.writing(camera):
            recover(archive, camera)
            writer = CameraWriter(camera, archive, ManualClock(), Lengths(segment_s=2.0, fragment_s=1.0), on_kept=tell)
            packets = film(50, camera=camera)
            for turn in range(10_000):
                for packet in packets:
                    moved = start_s + turn * 5
                    shift = round(moved / packet.stream.time_base)
                    writer.add(
                        dataclasses.replace(
                            packet,
                            pts=packet.pts + shift,
                            dts=packet.dts + shift,
                            wall_time_s=packet.wall_time_s + moved,
                        )
                    )
                retention.prune()

    assert film(1)[0].wall_time_s == MIDNIGHT
    threads = [threading.Thread(target=record, args=(each,)) for each in cameras]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
