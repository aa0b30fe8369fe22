"""Labelled data is read as it was meant, and a malformed line is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from watchpost.errors import WatchpostError
from watchpost.evaluation.dataset import read_coco, read_yolo, with_mot
from watchpost.evaluation.mot import read_mot
from watchpost.picture import ArrayPicture, encode_jpeg
from watchpost.types import Frame

PICTURE = np.zeros((40, 80, 3), np.uint8)


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    folder = tmp_path / "val"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for name in ("a", "b"):
        (folder / "images" / f"{name}.jpg").write_bytes(encode_jpeg(PICTURE))
    (folder / "labels" / "a.txt").write_text("1 0.5 0.5 0.25 0.5\n\n0 0 0 0.5 0 0.5 1\n")
    (tmp_path / "data.yaml").write_text("names: {1: cat, 0: person}\n")
    return folder


def test_yolo(yolo: Path) -> None:
    data = read_yolo(yolo)
    assert (data.class_names, data.count) == (("person", "cat"), 2)
    first, second = data
    assert first.truth.xyxy.tolist() == [[30, 10, 50, 30], [0, 0, 40, 40]]  # the second row is a polygon
    assert first.truth.class_id.tolist() == [1, 0]
    assert first.truth.area.tolist() == [400, 1600]
    assert len(second.truth.xyxy) == 0  # no label file: nothing there
    assert len(list(data)) == 2  # it can be read again


def test_yolo_without_names(yolo: Path) -> None:
    (yolo.parent / "data.yaml").unlink()
    with pytest.raises(WatchpostError, match="--names"):
        read_yolo(yolo)
    assert read_yolo(yolo, ["a", "b"]).class_names == ("a", "b")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.5", r"a\.txt:1: expected 4 numbers after the class, found 3"),
        ("person 0.5 0.5 0.5 0.5", r"a\.txt:1: expected numbers"),
        ("7 0.5 0.5 0.5 0.5", r"a\.txt:1: class 7, but the data names 2"),
    ],
)
def test_a_malformed_yolo_label_is_named(yolo: Path, line: str, message: str) -> None:
    (yolo / "labels" / "a.txt").write_text(line)
    with pytest.raises(WatchpostError, match=message):
        list(read_yolo(yolo))


def test_a_folder_that_is_no_yolo_data(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="images and labels"):
        read_yolo(tmp_path)


def coco(folder: Path, **changes: object) -> Path:
    (folder / "a.jpg").write_bytes(encode_jpeg(PICTURE))
    content = {
        "categories": [{"id": 7, "name": "cat"}, {"id": 1, "name": "person"}],
        "images": [{"id": 42, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 42, "category_id": 7, "bbox": [1, 2, 10, 20], "area": 99, "iscrowd": 0},
            {"image_id": 42, "category_id": 1, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ],
        **changes,
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


def test_coco(tmp_path: Path) -> None:
    data = read_coco(coco(tmp_path))
    assert (data.class_names, data.count) == (("person", "cat"), 1)
    truth = next(iter(data)).truth
    assert truth.xyxy.tolist() == [[1, 2, 11, 22], [0, 0, 5, 5]]
    assert truth.class_id.tolist() == [1, 0]
    assert truth.area.tolist() == [99, 25]
    assert truth.is_ignored.tolist() == [False, True]


@pytest.mark.parametrize("changes", [{"images": 3}, {"annotations": [{"image_id": 1}]}, {"categories": [{}]}])
def test_json_that_is_not_cocos(tmp_path: Path, changes: dict) -> None:
    with pytest.raises(WatchpostError, match="no COCO annotation file"):
        read_coco(coco(tmp_path, **changes))


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    path = coco(tmp_path)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(WatchpostError, match=r"a\.jpg"):
        list(read_coco(path))


def test_mot_counts_frames_from_1_and_ends_with_the_last_labelled_one(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("2,1,10,20,30,40,1\n2,2,0,0,5,5,0\n4,1,11,20,30,40,1\n")
    frames = [Frame("video", ArrayPicture(PICTURE), index / 10, 0.0, index) for index in range(9)]
    labelled = list(with_mot(frames, read_mot(path)))
    assert [each.frame.index for each in labelled] == [1, 2, 3]
    assert [len(each.truth.xyxy) for each in labelled] == [2, 0, 1]
    assert labelled[0].truth.xyxy[0].tolist() == [10, 20, 40, 60]
    assert labelled[0].truth.is_ignored.tolist() == [False, True]
