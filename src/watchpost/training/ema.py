"""A moving average of the weights, which is what is measured and shipped (Tarvainen and Valpola 2017)."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


class WeightAverage(Generic[M]):
    """The average of a module's weights; buffers, such as the statistics of normalisation, are averaged too."""

    def __init__(self, module: M, decay: float) -> None:
        self.module: M = copy.deepcopy(module).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, module: M, step: int) -> None:
        """Take in the weights after step `step`, which counts from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))  # the first weights are not worth remembering
        new = module.state_dict()
        for name, value in self.module.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(new[name].to(value.dtype), 1 - decay)
            else:
                value.copy_(new[name])
