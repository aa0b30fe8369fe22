"""A real file system that is far too small: the oldest goes, the camera never stops."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from filming import MIDNIGHT, film
from watchpost.clock import ManualClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import check
from watchpost.recordings.recorder import Recorder, RecorderOptions
from watchpost.recordings.retention import Limits, Retention
from watchpost.recordings.writer import Lengths

SIZE = 4_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", folder], capture_output=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_the_disk_fills_up_the_oldest_goes_and_the_camera_goes_on(small_disk: Path) -> None:
    archive = Archive(small_disk)
    clock = ManualClock(MIDNIGHT)
    told: list[int] = []
    retention = Retention(archive, clock, Limits(free_bytes=0), on_full=told.append)
    problems: list[str] = []
    made = Recorder(
        "gate",
        archive,
        retention,
        clock,
        RecorderOptions(lengths=Lengths(segment_s=5, fragment_s=1)),
        on_problem=lambda _, text: problems.append(text),
    )
    made.start()
    count, written = 100, 0
    for turn in range(20):
        start = turn * count / 10
        for packet in film(count, size=(160, 120), noise=60, start_s=start, wall_time_s=MIDNIGHT + start):
            made.take(packet)
            written += packet.size
    assert made.stop(60)
    figures = made.figures()
    assert written > 2 * SIZE
    assert told
    assert (figures.lost, figures.problem, problems) == (0, "", [])
    rows = archive.index.segments()
    assert rows[0].first_camera_time_s > 0
    assert rows[-1].last_camera_time_s == pytest.approx(20 * count / 10)
    for before, after in pairwise(rows):
        assert after.first_camera_time_s == pytest.approx(before.last_camera_time_s, abs=0.001)
    assert check(archive, read_all=True).findings == ()
    archive.close()
