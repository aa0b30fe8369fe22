"""The loss: who answers for what, and that right answers cost nothing."""

from __future__ import annotations

import pytest
import torch

from watchpost.training.loss import Targets, assign, box_iou, complete_iou, detection_loss, distribution_focal_loss
from watchpost.training.models.detector import Detector, Shape, cells

CENTRES, STRIDES = cells(64, 64, (8, 16, 32))


def targets(boxes: list[list[float]], *, ignored: bool = False, weight: float = 1.0) -> Targets:
    count = len(boxes)
    return Targets(
        torch.tensor(boxes).reshape(1, count, 4),
        torch.zeros(1, count, dtype=torch.int64),
        torch.full((1, count), 0.0 if ignored else weight),
        torch.full((1, count), ignored),
    )


def guesses(score: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Each cell claims a box of four strides around itself."""
    boxes = torch.cat([CENTRES - 2 * STRIDES, CENTRES + 2 * STRIDES], 1)[None]
    return torch.full((1, len(CENTRES), 1), score), boxes


def test_iou_and_complete_iou():
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2]])
    b = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]])
    assert box_iou(a, b).tolist() == pytest.approx([1, 1 / 3, 0])
    # centres are 1 apart in a hull of 3 x 2: 1/3 - 1/13
    assert complete_iou(a, b)[:2].tolist() == pytest.approx([1, 1 / 3 - 1 / 13])
    assert complete_iou(a, b)[2] < 0


def test_the_cells_that_fit_best_answer():
    scores, boxes = guesses()
    found = assign(scores, boxes, CENTRES, STRIDES, targets([[8.0, 8, 40, 40]]))
    rows = found.positive[0].nonzero()[:, 0]
    assert 1 <= len(rows) <= 10
    best = found.scores[0, :, 0].argmax()
    assert (
        box_iou(boxes[0, best], torch.tensor([8.0, 8, 40, 40])) == box_iou(boxes[0, rows], found.boxes[0, rows]).max()
    )
    assert found.scores[0, best, 0] == pytest.approx(float(box_iou(boxes[0, best], torch.tensor([8.0, 8, 40, 40]))))


@pytest.mark.parametrize("box", [[30.0, 30, 31, 33], [0.0, 0, 64, 64], [63.0, 0, 64, 1]])
def test_every_object_has_somebody_however_small(box: list[float]):
    scores, boxes = guesses(0.01)
    assert assign(scores, boxes, CENTRES, STRIDES, targets([box])).positive.any()


def test_padding_and_ignored_objects_are_nobodys():
    scores, boxes = guesses()
    found = assign(scores, boxes, CENTRES, STRIDES, targets([[8.0, 8, 40, 40]], ignored=True))
    assert not found.positive.any()
    inside = ((CENTRES > 8) & (CENTRES < 40)).all(1)
    assert torch.equal(found.counted[0], ~inside)
    padding = targets([[8.0, 8, 40, 40]], weight=0.0)
    assert assign(scores, boxes, CENTRES, STRIDES, padding).counted.all()


def test_a_pseudo_label_asks_for_less():
    scores, boxes = guesses()
    sure = assign(scores, boxes, CENTRES, STRIDES, targets([[8.0, 8, 40, 40]]))
    unsure = assign(scores, boxes, CENTRES, STRIDES, targets([[8.0, 8, 40, 40]], weight=0.4))
    assert torch.allclose(unsure.scores, 0.4 * sure.scores)
    assert torch.allclose(unsure.weights, 0.4 * sure.weights)


def test_a_side_between_two_bins_is_learned_by_both():
    logits = torch.full((1, 4, 6), -20.0)
    logits[..., 2] = logits[..., 3] = 5.0
    right = distribution_focal_loss(logits, torch.full((1, 4), 2.5))
    assert right.max() == pytest.approx(0.6931, abs=1e-3)  # the entropy of two halves is the least there can be
    assert distribution_focal_loss(logits, torch.full((1, 4), 4.0)).min() > 10


def test_losses_without_objects_still_have_gradients():
    network = Detector(Shape(("a",), width=0.25, depth=0.3))
    none = Targets(
        torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0), torch.zeros(2, 0).bool()
    )
    losses = network.loss(torch.zeros(2, 3, 64, 64), none)
    assert losses["box"] == losses["side"] == 0
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_loss_of_a_right_answer_is_small():
    scores, boxes = guesses()
    best = assign(scores, boxes, CENTRES, STRIDES, targets([[8.0, 8, 40, 40]])).scores[0, :, 0].argmax()
    box = boxes[0, best].tolist()
    bins = 8
    values = torch.cat([CENTRES - torch.tensor(box[:2]), torch.tensor(box[2:]) - CENTRES], 1) / STRIDES
    sides = torch.full((1, len(CENTRES), 4, bins), -20.0)
    sides.scatter_(3, values.clamp(0, bins - 1).round().long()[None, ..., None], 20.0)
    logits = torch.full((1, len(CENTRES), 1), -8.0)
    logits[0, best] = 8.0
    right = detection_loss(logits, sides.flatten(2), boxes, CENTRES, STRIDES, targets([box]))
    wrong = detection_loss(-logits, sides.flatten(2), boxes + 9, CENTRES, STRIDES, targets([box]))
    assert right.score < 0.1
    assert right.score < wrong.score / 10
    assert right.box < wrong.box
