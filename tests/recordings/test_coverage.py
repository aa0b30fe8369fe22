"""What was recorded of each stretch of time, against a count second by second."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from watchpost.recordings.archive import Archive
from watchpost.recordings.coverage import recorded_s
from watchpost.recordings.index import Segment

NOW_S = 2_000_000.0


def segment(camera: str, begin_s: float, end_s: float, state: str = "closed", gap_s: float = 0.0) -> Segment:
    path = f"{camera}/{begin_s}-{end_s}.mp4"
    return Segment(camera, path, state, 0.0, 0.0, begin_s, end_s, 1000, int(gap_s > 0), gap_s)  # type: ignore[arg-type]


def naive(segments: list[Segment], camera: str, since_s: int, until_s: int, slot_s: int) -> list[float]:
    """In tenths of a second."""
    slots = [0.0] * -(-(until_s - since_s) // slot_s)
    for each in segments:
        if each.camera != camera:
            continue
        share = 1 - each.gap_s / (each.last_wall_time_s - each.first_wall_time_s)
        for tenth in range(round(each.first_wall_time_s * 10), round(each.last_wall_time_s * 10)):
            slot = (tenth / 10 - since_s) // slot_s
            if since_s * 10 <= tenth < until_s * 10:
                slots[int(slot)] += 0.1 * share
    return slots


@pytest.mark.parametrize("slot_s", [60, 250, 3600])
def test_files_are_shared_out_among_the_slots(archive: Archive, slot_s: int) -> None:
    dice = random.Random(slot_s)
    segments, at_s = list[Segment](), 999_000.0
    while at_s < 1_010_000:
        lasts_s = dice.choice([0.5, 60.0, 61.3, 600.0, 3000.0])
        gap_s = dice.choice([0.0, 0.0, 0.4])
        segments.append(segment("gate", at_s, round(at_s + lasts_s, 1), gap_s=gap_s))
        at_s = round(at_s + lasts_s + dice.choice([0.0, 0.0, 30.0, 700.0]), 1)
    segments.append(segment("yard", 1_000_100.0, 1_000_160.0))
    archive.index.add(segments)
    since_s, until_s = 1_000_000, 1_009_000
    found = recorded_s(archive, since_s, until_s, slot_s, NOW_S)
    assert found.keys() == {"gate", "yard"}
    for camera, seconds in found.items():
        assert seconds == pytest.approx(naive(segments, camera, since_s, until_s, slot_s), abs=0.06)
    assert recorded_s(archive, since_s, until_s, slot_s, NOW_S, {"yard"}).keys() == {"yard"}
    assert recorded_s(archive, 1, 1000, slot_s, NOW_S) == {}


def test_a_file_that_is_being_written_lasts_until_it_was_written_last(archive: Archive) -> None:
    row = segment("gate", 1_000_000.0, 1_000_000.0, "open")
    archive.index.add([row])
    path: Path = archive.path(row)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    os.utime(path, (1_000_090.0, 1_000_090.0))
    assert recorded_s(archive, 1_000_000, 1_000_120, 60, NOW_S) == {"gate": [60.0, 30.0]}
    assert recorded_s(archive, 1_000_000, 1_000_120, 60, 1_000_070.0) == {"gate": [60.0, 10.0]}


def test_an_index_alone_answers(archive: Archive) -> None:
    statements: list[str] = []
    archive.index._db.set_trace_callback(statements.append)
    archive.index.slots("gate", 0, 1000, 60)
    archive.index.with_gaps("gate", 0, 1000)
    archive.index._db.set_trace_callback(None)
    plans = [str(archive.index._db.execute(f"EXPLAIN QUERY PLAN {each}").fetchall()) for each in statements]
    assert "COVERING INDEX segments_by_time" in plans[0]
    assert "segments_with_gaps" in plans[1]
