"""A recorder that is killed at any moment has kept what it said it kept, and the next one goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from watchpost.clock import ManualClock
from watchpost.mp4.scan import fragments, read_header
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import check, recover
from watchpost.recordings.retention import CameraLimits, Limits, Retention

CHILD = Path(__file__).with_name("_killed.py")
CAMERAS = ["gate", "side door"]


def kill_at_a_random_moment(folder: Path, start_s: float, chance: random.Random) -> list[tuple[str, float, int]]:
    """What the child promised: camera, camera time and checksum of each fragment."""
    command = [sys.executable, str(CHILD), str(folder), str(start_s), *CAMERAS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdout is not None
        said = child.stdout.read(1)  # it has begun: importing takes longer than what is to be tested
        time.sleep(chance.uniform(0, 0.15))
        child.kill()
        said += child.stdout.read()
    *lines, _torn = said.decode().split("\n")
    found = [line.rsplit(" ", 2) for line in lines]
    return [(camera, float(time_s), int(checksum)) for camera, time_s, checksum in found]


def on_disk(archive: Archive) -> dict[tuple[str, float], int]:
    found = {}
    for row in archive.index.segments():
        with archive.path(row).open("rb") as file:
            for each in fragments(file, read_header(file).size, read_all=True):
                found[row.camera, each.seal.first_camera_time_s] = each.seal.checksum
    return found


def rounds(folder: Path, count: int) -> int:
    """Kill, check, mend, look; how many fragments were promised in all."""
    chance = random.Random(count)
    promised = 0
    for turn in range(count):
        said = kill_at_a_random_moment(folder, turn * 100_000.0, chance)
        promised += len(said)
        archive = Archive(folder)
        how = check(archive, read_all=True, repair=turn % 2 == 0).findings
        assert {each.problem for each in how} <= {"unfinished", "empty", "garbage"}, how
        if turn % 2:  # what a recorder does when it starts
            for camera in CAMERAS:
                recover(archive, camera)
        assert check(archive, read_all=True).findings == ()
        found = on_disk(archive)
        for camera in CAMERAS:
            oldest_s = min((time_s for name, time_s in found if name == camera), default=0.0)
            for name, time_s, checksum in said:
                if name == camera and time_s >= oldest_s:  # older ones went on purpose
                    assert found[camera, time_s] == checksum
            mine = [time_s for name, time_s, _ in said if name == camera]
            assert not mine or max(time_s for name, time_s in found if name == camera) >= max(mine)
        Retention(archive, ManualClock(), Limits(others=CameraLimits(age_s=None, bytes=0), free_bytes=0)).prune()
        archive.close()
    return promised


def test_three_kills_cost_nothing_that_was_promised(tmp_path: Path) -> None:
    assert rounds(tmp_path, 3) > 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_kills_cost_nothing_that_was_promised(tmp_path: Path) -> None:
    assert rounds(tmp_path, 200) > 1000
