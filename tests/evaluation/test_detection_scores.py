"""COCO's figures on cases small enough to work out by hand, and the reference models' published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from watchpost.datasets.yolo import read as read_yolo
from watchpost.errors import WatchpostError
from watchpost.evaluation.dataset import Labelled, Truth, labelled
from watchpost.evaluation.detection import DetectionScorer, evaluate, shared_classes
from watchpost.picture import ArrayPicture
from watchpost.types import Detections, Frame

NAMES = ("person", "cat")
SIZE = (640, 480)


def truth(boxes: list, classes: list[int], ignored: list[bool] | None = None) -> Truth:
    made = Truth.of_boxes(np.array(boxes, np.float64), np.array(classes, np.int64))
    return made if ignored is None else Truth(made.xyxy, made.class_id, made.area, np.array(ignored))


def found(boxes: list, scores: list[float], classes: list[int], names: tuple[str, ...] = NAMES) -> Detections:
    return Detections(np.float32(boxes).reshape(-1, 4), np.float32(scores), np.array(classes, np.int32), SIZE, names)


def test_perfect_detections_score_1_and_none_score_0() -> None:
    boxes, classes = [[0, 0, 100, 100], [200, 200, 220, 220]], [0, 1]
    scorer = DetectionScorer(NAMES, NAMES)
    scorer.add(truth(boxes, classes), found(boxes, [0.9, 0.8], classes))
    scores, per_class = scorer.scores()
    assert (scores.ap, scores.ap50, scores.ar) == (1, 1, 1)
    assert (scores.ap_small, scores.ap_medium, scores.ap_large) == (1, None, 1)
    assert per_class["cat"].ap_large is None

    nothing = DetectionScorer(NAMES, NAMES)
    nothing.add(truth(boxes, classes), Detections.empty(SIZE, NAMES))
    assert nothing.scores()[0].ap == 0


def test_precision_falls_with_a_surer_false_detection() -> None:
    scorer = DetectionScorer(["person"], NAMES)
    scorer.add(truth([[0, 0, 100, 100]], [0]), found([[300, 300, 400, 400], [0, 0, 100, 100]], [0.9, 0.8], [0, 0]))
    assert scorer.scores()[0].ap50 == pytest.approx(0.5)


def test_a_box_that_is_off_counts_at_low_overlap_only() -> None:
    scorer = DetectionScorer(["person"], NAMES)
    scorer.add(truth([[0, 0, 100, 100]], [0]), found([[0, 0, 100, 62]], [0.9], [0]))  # IoU .62
    scores = scorer.scores()[0]
    assert (scores.ap50, scores.ap75) == (1, 0)
    assert scores.ap == pytest.approx(0.3)  # at .50, .55 and .60 of ten thresholds


def test_classes_are_matched_by_name_and_others_left_out() -> None:
    scorer = DetectionScorer(["person"], data_classes=("dog", "person"))
    model_names = ("person", "bicycle")
    scorer.add(
        truth([[0, 0, 100, 100], [0, 0, 100, 100]], [1, 0]),
        found([[0, 0, 100, 100], [5, 5, 300, 300]], [0.5, 0.9], [0, 1], model_names),
    )
    assert scorer.scores()[0].ap == 1
    assert (scorer.objects, scorer.detections) == (1, 1)


def test_what_is_to_be_ignored_is_neither_missed_nor_wrong() -> None:
    scorer = DetectionScorer(["person"], NAMES)
    boxes = [[0, 0, 100, 100], [200, 200, 300, 300]]
    scorer.add(truth(boxes, [0, 0], [False, True]), found(boxes, [0.5, 0.9], [0, 0]))
    assert scorer.scores()[0].ap == 1
    assert scorer.objects == 1


def test_evaluate_runs_the_detector_on_each_picture() -> None:
    data = [
        Labelled(
            Frame("a", ArrayPicture(np.zeros((480, 640, 3), np.uint8)), 0.0, 0.0, index),
            truth([[0, 0, 50, 50]], [0]),
        )
        for index in range(3)
    ]

    def detect(frames: list[Frame]) -> list[Detections]:
        return [found([[0, 0, 50, 50]], [0.9], [0]) for frame in frames]

    report = evaluate(detect, data, NAMES, ["person"])
    assert (report.pictures, report.objects, report.detections) == (3, 3, 3)
    assert report.scores.ap == 1
    assert 0 <= report.ms_per_picture <= report.ms_per_picture_p95
    with pytest.raises(WatchpostError, match="no labelled pictures"):
        evaluate(detect, [], NAMES, ["person"])


def test_shared_classes() -> None:
    assert shared_classes(("cat", "person"), ("person", "cat", "dog")) == ["cat", "person"]
    assert shared_classes(("cat", "person"), ("person", "cat"), ["person"]) == ["person"]
    with pytest.raises(WatchpostError, match=r"the model does not know the class 'cat'; it has: person"):
        shared_classes(NAMES, ("person",), ["cat"])
    with pytest.raises(WatchpostError, match="share no class"):
        shared_classes(("raccoon",), NAMES)


PUBLISHED = {
    "yolox_nano/yolox_nano.onnx": 0.689,
    "fastestdet/FastestDet.onnx": 0.587,
    "retail0013/person-detection-retail-0013.converted.onnx": 0.588,
    "watchpost-person": 0.631,
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("model", PUBLISHED)
def test_models_score_what_is_published_of_them(shared_data: Path, model: str) -> None:
    from watchpost.detectors import open_detector

    data = labelled(read_yolo(shared_data / "person" / "val"))
    file = str(shared_data / "models" / model) if model.endswith(".onnx") else model
    detector = open_detector(file, confidence=0.01)
    report = evaluate(detector.detect, data, data.class_names, ["person"])
    assert report.scores.ap50 == pytest.approx(PUBLISHED[model], abs=0.02)
    assert (report.pictures, report.objects) == (285, 675)
