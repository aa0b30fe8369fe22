"""Our network: its sizes, its answers."""

from __future__ import annotations

import pytest
import torch

from watchpost.training.models.detector import Detector, Shape, cells


def parameters(shape: Shape) -> float:
    return sum(parameter.numel() for parameter in Detector(shape).parameters()) / 1e6


def test_it_scales_from_small_to_large():
    sizes = [parameters(Shape(("person",), width=width)) for width in (0.5, 1, 3)]
    assert sizes == pytest.approx([0.22, 0.86, 7.67], rel=0.05)
    assert parameters(Shape(("person",), depth=3)) > sizes[1]


@pytest.mark.parametrize("strides", [(4, 8, 16, 32), (8, 16, 32), (16, 32)])
def test_outputs_have_a_row_for_each_cell(strides: tuple[int, ...]):
    network = Detector(Shape(("a", "b", "c"), width=0.25, depth=0.3, strides=strides)).eval()
    centres, sizes = cells(96, 64, strides)
    scores, sides = network(torch.zeros(2, 3, 64, 96))
    assert scores.shape == (2, len(centres), 3)
    assert sides.shape == (2, len(centres), 48)
    assert network.boxes(sides, centres, sizes).shape == (2, len(centres), 4)
    assert torch.equal(centres[0], torch.full((2,), strides[0] / 2))
    assert torch.equal(centres[-1], torch.tensor([80.0, 48.0]))


def test_strides_that_it_can_not_have():
    with pytest.raises(ValueError, match="strides"):
        Shape(("a",), strides=(8, 32))


def test_predictions_lie_in_the_picture_best_first():
    torch.manual_seed(0)
    network = Detector(Shape(("a", "b"), width=0.25, depth=0.3)).eval()
    torch.nn.init.constant_(network.head.scores.bias, 0.0)  # sure enough to say something
    for found in network.predict(torch.rand(2, 3, 64, 96) * 255):
        assert len(found.boxes) == len(found.scores) == len(found.labels) > 0
        assert (found.boxes >= 0).all()
        assert (found.boxes <= torch.tensor([96, 64, 96, 64])).all()
        assert torch.equal(found.scores, found.scores.sort(descending=True).values)


def test_groups_hold_every_parameter_once():
    network = Detector(Shape(("a",), width=0.25, depth=0.3))
    groups = network.parameter_groups()
    assert set(groups) == {"backbone", "head"}
    assert len({id(each) for group in groups.values() for each in group}) == len(list(network.parameters()))
