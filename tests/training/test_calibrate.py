"""Scores as probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapes
import torch

from watchpost.datasets import Dataset
from watchpost.errors import WatchpostError
from watchpost.training.calibrate import LEAST_SCORE, Calibration, calibrated, fit, outcomes
from watchpost.training.models.detector import Detector, Shape


@pytest.mark.parametrize("known", [Calibration(1.0, 0.0), Calibration(2.5, 1.0), Calibration(0.6, -1.5)])
def test_the_curve_that_made_the_outcomes_is_found(known: Calibration):
    random = np.random.default_rng(0)
    scores = random.uniform(0.05, 0.95, 20_000)
    is_right = random.random(len(scores)) < [known.of(score) for score in scores]
    found = fit(scores, is_right)
    for score in (0.2, 0.5, 0.8):
        assert found.of(score) == pytest.approx(known.of(score), abs=0.02)


def test_too_few_outcomes_and_scores_that_say_nothing_are_refused():
    with pytest.raises(WatchpostError, match="3 right and 40 wrong detections are too few"):
        fit(np.linspace(0.1, 0.9, 43), np.arange(43) >= 40)
    with pytest.raises(WatchpostError, match="nothing to calibrate"):
        fit(np.linspace(0.1, 0.9, 200), np.arange(200) < 100)


def test_the_last_layer_does_it_and_the_boxes_stay():
    torch.manual_seed(0)
    network = Detector(Shape(("a", "b"), width=0.25, depth=0.3)).eval()
    curve = Calibration(1.7, 0.4)
    picture = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        scores, sides = network(picture)
        new_scores, new_sides = calibrated(network, curve)(picture)
        again, _ = network(picture)
    assert torch.equal(sides, new_sides)
    assert torch.equal(scores, again)
    score = float(scores[0, 5, 1].sigmoid())
    assert float(new_scores[0, 5, 1].sigmoid()) == pytest.approx(curve.of(score), rel=1e-3)


def test_each_detection_that_counts_has_an_outcome(tmp_path: Path):
    torch.manual_seed(0)
    network = Detector(Shape(shapes.CLASSES, width=0.25, depth=0.3)).eval()
    with torch.no_grad():
        torch.nn.init.zeros_(network.head.scores.bias)
    dataset = Dataset("shapes", shapes.CLASSES, shapes.samples(tmp_path, 3))
    scores, is_right = outcomes(network, dataset, shapes.recipe().input.spec)
    assert len(scores) == len(is_right) > 0
    assert scores.min() >= LEAST_SCORE
    assert is_right.sum() <= dataset.objects
