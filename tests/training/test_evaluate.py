"""What the loop measures is what the exported file is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapes
import torch
from typer.testing import CliRunner

from watchpost.cli import app
from watchpost.detectors import open_detector
from watchpost.detectors.card import InputSpec
from watchpost.evaluation.dataset import Truth
from watchpost.evaluation.detection import DetectionScorer
from watchpost.geometry import box_area
from watchpost.picture import ArrayPicture, decode_picture
from watchpost.training.evaluate import evaluate
from watchpost.training.loader import PictureCache
from watchpost.training.loop import LAST, train
from watchpost.training.models import Prediction
from watchpost.types import Frame


class Oracle:
    """Answers with the truth, in pixels of the input, with a shift."""

    class_names = shapes.CLASSES

    def __init__(self, cache: PictureCache, shift: float) -> None:
        self._cache, self._shift, self._at = cache, shift, 0

    def predict(self, pictures: torch.Tensor) -> list[Prediction]:
        found = []
        for _ in pictures:
            example = self._cache.example(self._at)
            self._at += 1
            left = (self._cache.spec.width - example.bgr.shape[1]) // 2  # fit: centre
            boxes = torch.from_numpy(example.xyxy) + torch.tensor([left + self._shift, 0, left + self._shift, 0])
            scores = torch.full((len(boxes),), 0.9)
            found.append(Prediction(boxes, scores, torch.from_numpy(example.label)))
        return found


@pytest.mark.parametrize(("shift", "ap"), [(0.0, 1.0), (60.0, 0.0)])
def test_right_answers_score_one_and_wrong_ones_nothing(tmp_path: Path, shift: float, ap: float):
    spec = InputSpec(width=128, height=64, fit="centre", pad=114, colour="bgr")
    cache = PictureCache(shapes.samples(tmp_path, 20, size=150), spec, 10)
    scores = evaluate(Oracle(cache, shift), cache, torch.device("cpu"), lambda: False)  # type: ignore[arg-type]
    assert scores.ap == pytest.approx(ap, abs=0.03)


@pytest.mark.slow
def test_the_exported_file_scores_the_same(tmp_path: Path):
    recipe = shapes.recipe(epochs=40, lr=0.004, model={"width": 0.5, "depth": 1}, evaluate_every=40)
    pictures = shapes.pictures(tmp_path / "p")
    measured = train(recipe, pictures, tmp_path, watcher=shapes.Silent()).progress.history[-1]
    file = tmp_path / "shapes.onnx"
    exported = CliRunner().invoke(app, ["models", "export", str(tmp_path / LAST), "--output", str(file)])
    assert exported.exit_code == 0, exported.output
    detector = open_detector(str(file), confidence=0.01, iou=0.6)
    scorer = DetectionScorer(shapes.CLASSES, shapes.CLASSES)
    for sample in pictures.val:
        picture = ArrayPicture(decode_picture(sample.picture.read_bytes()))
        found = detector.detect([Frame("", picture, camera_time_s=0, wall_time_s=0, index=0)])[0]
        area = np.asarray(box_area(sample.xyxy))
        scorer.add(Truth(sample.xyxy, sample.class_id, area, sample.is_ignored), found)
    scores = scorer.scores()[0]
    assert measured["ap50"] > 0
    assert scores.ap50 == pytest.approx(measured["ap50"], abs=0.005)
    assert scores.ar == pytest.approx(measured["ar"], abs=0.005)
