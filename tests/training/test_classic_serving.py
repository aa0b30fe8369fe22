"""Classics as they serve."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from torchvision_ops import torchvision_or_reason
from watchpost.detectors.card import InputSpec
from watchpost.detectors.onnx import OnnxEngine
from watchpost.errors import WatchpostError
from watchpost.training.export import export_onnx, parity, parity_inputs
from watchpost.training.models.classic_serving import ONE_STAGE, ClassicServing
from watchpost.training.models.classics import create_model


@pytest.fixture(autouse=True)
def _zoo() -> None:
    reason = torchvision_or_reason()
    if reason:
        pytest.skip(reason)


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_STAGE)
def test_every_prediction_is_among_what_serves(name: str) -> None:
    torch.manual_seed(3)
    model = create_model(name, ("person", "raccoon"), "mobilenet_v3_small").eval()
    model.network.score_thresh = 0.0
    model.network.head.regression_head.apply(_livelier)
    pictures = torch.rand(2, 3, 96, 128) * 255
    with torch.no_grad():
        boxes, scores = ClassicServing(model, 128, 96)(pictures)
    assert boxes.shape == (*scores.shape[:2], 4)
    for index, found in enumerate(model.predict(pictures)):
        assert len(found.boxes) > 10
        assert found.labels.min() >= 0, "the background is nothing to find"
        for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
            off = (boxes[index] - box).abs().amax(1) + 1000 * (scores[index, :, label] - score).abs()
            assert off.min() < 0.02


def _livelier(module: torch.nn.Module) -> None:
    """A head as it begins moves no anchor; errors in decoding would not be seen."""
    if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
        torch.nn.init.normal_(module.bias, std=0.3)


@pytest.mark.slow
def test_two_stages_are_refused() -> None:
    model = create_model("faster-rcnn", ("person",), "mobilenet_v3_small")
    with pytest.raises(WatchpostError, match="faster-rcnn has two stages and can not be exported"):
        ClassicServing(model, 128, 96)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["ssd300", "retinanet"])  # the loop's test exports fcos
def test_onnx_says_the_same(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = create_model(name, ("person", "raccoon"), "mobilenet_v3_small").eval()
    serving = ClassicServing(model, 128, 96)
    spec = InputSpec(width=128, height=96, fit="top-left", colour="bgr")
    export_onnx(serving, tmp_path / "model.onnx", spec)
    engine = OnnxEngine(tmp_path / "model.onnx", threads=1, providers=("cpu",))
    found = parity(serving, engine, parity_inputs(spec))
    engine.close()
    found.check()
