"""A person detector that has never seen the scene finds its people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from watchpost.detectors import open_detector
from watchpost.evaluation.dataset import Truth
from watchpost.evaluation.detection import DetectionScorer
from watchpost.picture import ArrayPicture
from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.types import Frame


@pytest.mark.slow
@pytest.mark.parametrize("camera", [0, 1, 2])
def test_yolox_nano_finds_the_people(shared_data: Path, camera: int) -> None:
    pytest.importorskip("faster_coco_eval")
    detector = open_detector(str(shared_data / "models/yolox_nano/yolox_nano.onnx"), confidence=0.01)
    scorer = DetectionScorer(("person",), ("person",))
    scene = Scene(SceneOptions(camera=camera, people=4))
    for index in range(60, 900, 35):
        picture, people = scene.frame(index)
        seen = [person for person in people if person.visible is not None]
        boxes = np.array([person.visible for person in seen], np.float64).reshape(-1, 4)
        hidden = np.array([person.visibility < 0.5 for person in seen], np.bool_)
        is_ignored = hidden | (boxes[:, 3] - boxes[:, 1] < 40)
        truth = Truth.of_boxes(boxes, np.zeros(len(boxes), np.int64))
        truth = Truth(truth.xyxy, truth.class_id, truth.area, is_ignored)
        scorer.add(truth, detector.detect([Frame("scene", ArrayPicture(picture), index / 15, 0.0, index)])[0])
    assert scorer.objects > 20
    assert (scorer.scores()[0].ap50 or 0) >= 0.85
