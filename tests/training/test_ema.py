"""The moving average of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from watchpost.training.ema import WeightAverage


def test_it_follows_slowly_but_not_at_first():
    module = nn.BatchNorm1d(2)
    average = WeightAverage(module, 0.9)
    with torch.no_grad():
        module.weight.fill_(2.0)
        module.running_mean.fill_(4.0)  # type: ignore[union-attr]
    average.update(module, 1)
    assert average.module.weight.tolist() == pytest.approx([1 + 9 / 11] * 2)
    assert average.module.running_mean.tolist() == pytest.approx([4 * 9 / 11] * 2)  # type: ignore[union-attr]
    before = average.module.weight[0].item()
    average.update(module, 1000)
    assert average.module.weight[0].item() == pytest.approx(before + 0.1 * (2 - before))
    module.num_batches_tracked += 7  # type: ignore[operator]
    average.update(module, 1001)
    assert average.module.num_batches_tracked == 7
    assert not average.module.training
    assert not any(each.requires_grad for each in average.module.parameters())


def test_without_decay_it_is_the_module():
    module = nn.Linear(2, 2)
    average = WeightAverage(module, 0.0)
    with torch.no_grad():
        module.weight.fill_(3.0)
    average.update(module, 5)
    assert torch.equal(average.module.weight, module.weight)
