"""The classics under the same recipe as our detector: trained, saved, resumed, measured and transferred by one loop."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import shapes
import torch
from typer.testing import CliRunner

from torchvision_ops import torchvision_or_reason
from watchpost.cli import app
from watchpost.detectors import open_detector
from watchpost.picture import ArrayPicture, decode_picture
from watchpost.training import checkpoint
from watchpost.training.data import Pictures
from watchpost.training.loop import LAST, train
from watchpost.training.models.classics import Classic
from watchpost.training.recipe import Recipe
from watchpost.types import Frame


def run(recipe: Recipe, pictures: Pictures, folder: Path, **options: Any) -> shapes.Silent:
    folder.mkdir(exist_ok=True)
    watcher = options.pop("watcher", None) or shapes.Silent()
    train(recipe, pictures, folder, watcher=watcher, device="cpu", **options)
    return watcher


@pytest.fixture
def zoo() -> None:
    reason = torchvision_or_reason()
    if reason:
        pytest.skip(reason)


def recipe(**changes: object) -> Recipe:
    settings: dict[str, object] = {
        "model": {"family": "fcos", "backbone": "mobilenet_v3_small"},
        "lr": 0.0005,
    }
    return shapes.recipe(**(settings | changes))


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_a_run_is_resumed_exactly(tmp_path: Path) -> None:
    pictures = shapes.pictures(tmp_path / "pictures")
    whole = run(recipe(), pictures, tmp_path / "whole")
    first = shapes.Silent()
    run(recipe(), pictures, tmp_path / "cut", watcher=first, stop=lambda: len(first.losses) == 3)
    assert len(first.losses) == 3
    second = run(recipe(), pictures, tmp_path / "cut", resumed=checkpoint.load(tmp_path / "cut" / LAST))
    assert first.losses + second.losses == whole.losses
    assert "ap50" in whole.rows[-1]
    ends = [checkpoint.load(tmp_path / name / LAST) for name in ("whole", "cut")]
    assert all(torch.equal(value, ends[1].ema[name]) for name, value in ends[0].ema.items())


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_transfer_from_a_checkpoint_with_a_frozen_backbone(tmp_path: Path) -> None:
    pictures = shapes.pictures(tmp_path / "pictures", count=4)
    run(recipe(epochs=1), pictures, tmp_path / "first")
    first = checkpoint.load(tmp_path / "first" / LAST)
    begin = {"init_from": tmp_path / "first" / LAST, "freeze": ["backbone"]}
    run(recipe(epochs=1, **begin), pictures, tmp_path / "second")
    second = checkpoint.load(tmp_path / "second" / LAST)
    frozen, learned = "network.backbone.body.12.0.weight", "network.head.regression_head.bbox_reg.weight"
    assert torch.equal(second.model[frozen], first.ema[frozen])
    assert not torch.equal(second.model[learned], first.ema[learned])
    assert isinstance(second.network(), Classic)


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("family", ["ssdlite320", "retinanet", "faster-rcnn"])
def test_other_families_run(family: str, tmp_path: Path) -> None:
    settings = {"model": {"family": family, "backbone": "mobilenet_v3_small"}, "epochs": 1, "evaluate_every": 1}
    watcher = run(recipe(**settings), shapes.pictures(tmp_path / "pictures", count=4), tmp_path / "run")
    assert "ap50" in watcher.rows[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_what_was_trained_is_exported_and_serves(tmp_path: Path) -> None:
    pictures = shapes.pictures(tmp_path / "pictures", count=4)
    run(recipe(epochs=1, evaluate_every=1), pictures, tmp_path / "run")
    arguments = ["models", "export", str(tmp_path / "run" / LAST), "--output", str(tmp_path / "classic.onnx")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "parity" in result.output
    with closing(open_detector(str(tmp_path / "classic.onnx"), confidence=0.01)) as detector:
        assert detector.class_names == shapes.CLASSES
        bgr = decode_picture(pictures.val[0].picture.read_bytes(), "picture")
        (found,) = detector.detect([Frame("test", ArrayPicture(bgr), 0.0, 0.0, 0)])
    network = checkpoint.load(tmp_path / "run" / LAST).network()
    expected = network.predict(torch.from_numpy(bgr).permute(2, 0, 1)[None].float())[0]
    assert len(found.confidence) > 0
    assert found.confidence.max() == pytest.approx(expected.scores.max().item(), abs=1e-3)
