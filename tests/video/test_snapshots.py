"""The picture of an event is the best one of its track, and its box is where the track is in that picture."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import SIZE, detections, frame
from watchpost.picture import decode_picture
from watchpost.types import Detections
from watchpost.video import snapshots
from watchpost.video.snapshots import BestPictures, Snapshot

SMALL, LARGE, CUT_OFF = [10, 10, 20, 20], [20, 5, 50, 45], [0, 0, 64, 48]


def seen(*tracks: tuple[int, list[int]]) -> Detections:
    return detections(*(box for _, box in tracks), track_ids=[track for track, _ in tracks])


def number(snapshot: Snapshot | None) -> int:
    """The index of the frame that a snapshot shows: `fakes.frame` is as grey as its index."""
    assert snapshot is not None
    return round(float(np.mean(decode_picture(snapshot.jpeg))))


@pytest.mark.parametrize("later", [[], [SMALL], [CUT_OFF], [LARGE]])
def test_the_largest_picture_is_kept_with_its_box(later: list[list[int]]) -> None:
    pictures = BestPictures()
    for index, box in enumerate([SMALL, LARGE, *later]):
        pictures.see(frame(10 * index), seen((7, box)))
    best = pictures.snapshot(7)
    assert number(best) == 10
    assert best is not None
    assert best.box == pytest.approx((20 / SIZE[0], 5 / SIZE[1], 50 / SIZE[0], 45 / SIZE[1]))


def test_a_scene_is_shown_as_it_is_now_and_nobody_has_a_picture_unseen() -> None:
    pictures = BestPictures()
    assert pictures.snapshot(None) is None
    pictures.see(frame(10), seen((1, LARGE)))
    pictures.see(frame(20), seen())
    scene = pictures.snapshot(None)
    assert (number(scene), scene and scene.box) == (20, None)
    assert pictures.snapshot(2) is None
    pictures.clear()
    assert pictures.snapshot(1) is None


def test_only_what_is_asked_for_or_pushed_out_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    encode = snapshots.snapshot_jpeg
    monkeypatch.setattr(snapshots, "snapshot_jpeg", lambda frame: [encoded.append(frame.index), encode(frame)][1])
    pictures = BestPictures()
    for index in range(4):
        pictures.see(frame(index), seen((index, LARGE)))
    assert encoded == []
    pictures.see(frame(4), seen((4, LARGE)))
    assert encoded == [0]
    assert pictures.snapshot(4) == pictures.snapshot(4)
    assert encoded == [0, 4]


def test_who_is_there_all_the_time_keeps_his_picture_however_many_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_HELD_TRACKS", 3)
    pictures = BestPictures()
    pictures.see(frame(10), seen((1, LARGE)))
    for track in range(2, 9):
        pictures.see(frame(10 * track), seen((1, SMALL), (track, SMALL)))
    assert number(pictures.snapshot(1)) == 10
    assert pictures.snapshot(2) is None
