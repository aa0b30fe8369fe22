"""The files of ground truth."""

from __future__ import annotations

import json
from pathlib import Path

from watchpost.scene.truth import TruthBox, write_coco, write_mot

SEEN = TruthBox(id=7, full=(-10, 20, 40, 120), visible=(0, 20, 40, 100), visibility=0.75)
HIDDEN = TruthBox(id=8, full=(50, 60, 70, 100), visible=None, visibility=0.0)


def test_mot_lines_count_from_one_and_keep_hidden_people(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    write_mot(path, [[], [SEEN, HIDDEN]])
    assert path.read_text().splitlines() == ["2,7,-9,21,50,100,1,1,0.7500", "2,8,51,61,20,40,1,1,0.0000"]


def test_coco_holds_what_is_to_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    write_coco(path, [("a.png", [SEEN, HIDDEN]), ("b.png", [])], (640, 360), min_visibility=0.8)
    document = json.loads(path.read_text())
    assert [image["file_name"] for image in document["images"]] == ["a.png", "b.png"]
    assert document["images"][0]["width"] == 640
    (annotation,) = document["annotations"]
    assert annotation["bbox"] == [0, 20, 40, 80]
    assert annotation["area"] == 3200
    assert annotation["iscrowd"] == 1
    assert annotation["image_id"] == 1
