"""Reading and writing MOT text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from watchpost.datasets.mot_text import mot_text, read_mot
from watchpost.errors import WatchpostError

ROW = "1,1,10,20,30,40,1,-1,-1,-1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROW + "\n2,1,10", "tracks.txt:2: 3 columns"),
        (ROW + "\n\n2,1,x,20,30,40,1", "tracks.txt:3: could not convert string to float: 'x'"),
        ("0,1,10,20,30,40,1", "frames count from 1"),
        ("1.5,1,10,20,30,40,1", "whole numbers"),
        ("1,1,10,20,-30,40,1", "negative, got -30 x 40"),
        ("1,1,10,20,nan,40,1", "not finite"),
        (ROW + "\n" + ROW, "tracks.txt:2: object 1 is in frame 1 already \\(line 1\\)"),
        ("1 1 10 20 30 40 1", "separated by commas"),
    ],
)
def test_malformed_rows_are_named_by_file_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "tracks.txt"
    path.write_text(text)
    with pytest.raises(WatchpostError, match=complaint):
        read_mot(path)


def test_a_missing_file_and_a_binary_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match=r"none\.txt does not exist"):
        read_mot(tmp_path / "none.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WatchpostError, match="can not be read as text"):
        read_mot(tmp_path / "binary.txt")


def test_rows_are_sorted_by_frame_and_boxes_get_corners(tmp_path: Path) -> None:
    path = tmp_path / "tracks.txt"
    path.write_text("3,7,1,2,3,4\n\n" + ROW + "\n1,2,0,0,5,5,0.5,2,1\n")
    boxes = read_mot(path)
    assert boxes.frame.tolist() == [1, 1, 3]
    assert boxes.id.tolist() == [1, 2, 7]
    assert boxes.xyxy.tolist() == [[10, 20, 40, 60], [0, 0, 5, 5], [1, 2, 4, 6]]
    assert boxes.confidence.tolist() == [1, 0.5, 1]
    assert len(boxes.of_frame(1)) == 2
    assert len(boxes.between(2, 3)) == 1


def test_detections_need_no_ids(tmp_path: Path) -> None:
    path = tmp_path / "detections.txt"
    path.write_text("1,-1,10,20,30,40,0.9\n1,-1,50,20,30,40,0.8\n")
    assert len(read_mot(path, need_ids=False)) == 2


def test_an_empty_file_has_no_boxes(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    assert len(read_mot(tmp_path / "empty.txt")) == 0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "tracks.txt"
    path.write_text("1,3,1.5,2,28.5,38,0.5\n1,1,5,6,65,74,0.75\n2,3,1.5,2,28.5,38,0.5\n")
    boxes = read_mot(path)
    path.write_text(mot_text(boxes))
    again = read_mot(path)
    for name in ("frame", "id", "xyxy", "confidence"):
        np.testing.assert_array_equal(getattr(again, name), getattr(boxes, name))
