"""Weights of others, and the operators that tests put in torchvision's place; none of it needs torchvision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from torchvision_ops import nms, roi_align
from watchpost.errors import ConfigError, WatchpostError
from watchpost.training.models import zoo_weights
from watchpost.training.models.zoo_weights import Weights


def test_files_of_weights_are_read(tmp_path: Path) -> None:
    torch.save({"model": {"network.backbone.a": torch.ones(2)}, "step": 3}, tmp_path / "checkpoint.pt")
    weights = zoo_weights.from_file(tmp_path / "checkpoint.pt")
    assert list(weights.tensors) == ["backbone.a"]
    assert weights.of_detector
    averaged = {"network.backbone.a": torch.zeros(2)}
    torch.save({"model": {}, "ema": averaged, "shape": {"classes": ("cat",)}}, tmp_path / "ours.pt")
    ours = zoo_weights.from_file(tmp_path / "ours.pt")
    assert ours.classes == ("cat",)
    assert ours.tensors["backbone.a"].sum() == 0
    torch.save({"features.0.weight": torch.ones(2)}, tmp_path / "classifier.pth")
    assert not zoo_weights.from_file(tmp_path / "classifier.pth").of_detector


def test_files_that_are_no_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There are no weights at"):
        zoo_weights.from_file(tmp_path / "missing.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(WatchpostError, match="can not be read as weights"):
        zoo_weights.from_file(tmp_path / "text.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")  # would run code to be read
    with pytest.raises(WatchpostError, match="can not be read as weights"):
        zoo_weights.from_file(tmp_path / "module.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WatchpostError, match="holds no weights"):
        zoo_weights.from_file(tmp_path / "list.pth")


def test_rows_of_scores_and_boxes_follow_their_classes() -> None:
    theirs, ours = ["nothing", "person", "cat"], ["nothing", "cat", "truck", "bus"]
    scores = torch.arange(6.0)[:, None]  # 2 anchors x 3 classes
    boxes = torch.arange(12.0)[:, None]  # 3 classes x 4 sides
    wanted = {"cls_logits.weight": torch.full((8, 1), -1.0), "bbox_pred.weight": torch.full((16, 1), -1.0)}
    found = zoo_weights.fit({"cls_logits.weight": scores, "bbox_pred.weight": boxes}, wanted, theirs, ours)
    assert found["cls_logits.weight"][:, 0].tolist() == [0, 2, -1, -1, 3, 5, -1, -1]
    assert found["bbox_pred.weight"][:, 0].tolist() == [0, 1, 2, 3, 8, 9, 10, 11] + [-1] * 8
    assert (wanted["cls_logits.weight"] == -1).all(), "the model's own tensors are not written"


def test_tensors_of_other_shapes_are_left() -> None:
    wanted = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}
    assert zoo_weights.fit({"a": torch.ones(2, 5), "c": torch.ones(4)}, wanted, ["x"], ["x", "y"]) == {}


def test_normalisations_trained_without_epsilon_keep_their_results() -> None:
    norm = nn.BatchNorm2d(3).eval()
    norm.running_var = torch.tensor([0.5, 2e-5, 3.0])
    x = torch.randn(1, 3, 4, 4)
    without = (x - 0) / torch.sqrt(norm.running_var[:, None, None])
    weights = Weights({"n.running_var": norm.running_var, "n.weight": norm.weight}, "")
    norm.running_var = zoo_weights.without_epsilon(weights).tensors["n.running_var"]
    torch.testing.assert_close(norm(x), without)
    trained = Weights({"n.running_var": norm.running_var, "n.num_batches_tracked": torch.tensor(4)}, "")
    assert zoo_weights.without_epsilon(trained) is trained


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [0, 0, 10, 4]])
    scores = torch.tensor([0.5, 0.9, 0.3, 0.8])
    assert nms(boxes, scores, 0.5).tolist() == [1, 3, 2]
    assert nms(boxes, scores, 0.3).tolist() == [1, 2]
    assert nms(boxes[:0], scores[:0], 0.5).tolist() == []


@pytest.mark.parametrize("aligned", [False, True])
def test_roi_align_averages_a_ramp_exactly(aligned: bool) -> None:
    ys, xs = torch.meshgrid(torch.arange(12.0), torch.arange(16.0), indexing="ij")
    features = torch.stack([torch.stack([xs, ys]), torch.stack([2 * xs, 2 * ys])]).requires_grad_()
    rois = torch.tensor([[1, 8.0, 4.0, 24.0, 12.0], [0, 4.0, 4.0, 12.0, 20.0]])
    pooled = roi_align(features, rois, 0.5, 2, 4, 2, aligned)
    shift = 0.5 if aligned else 0.0
    # Bilinear sampling of a ramp gives the ramp at the middle of each bin.
    for row, factor in ((0, 2), (1, 1)):
        left, top, right, bottom = (rois[row, 1:] * 0.5 - shift).tolist()
        columns = left + (torch.arange(4) + 0.5) * (right - left) / 4
        lines = top + (torch.arange(2) + 0.5) * (bottom - top) / 2
        torch.testing.assert_close(pooled[row, 0], factor * columns.expand(2, 4))
        torch.testing.assert_close(pooled[row, 1], factor * lines[:, None].expand(2, 4))
    pooled.sum().backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert features.grad.sum().item() == pytest.approx(pooled.numel(), rel=1e-4)
