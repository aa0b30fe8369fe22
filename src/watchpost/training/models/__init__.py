"""Networks: one file each. What the training loop and the evaluation ask of them is `TrainableDetector`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from watchpost.training.loss import Targets


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network found in one picture, best first."""

    boxes: Tensor
    """(N, 4) float32: left, top, right, bottom in pixels of the input, inside of it."""
    scores: Tensor
    """(N,) float32, 0-1."""
    labels: Tensor
    """(N,) int64: indices into `class_names`."""


class TrainableDetector(Protocol):
    """A detector, an `nn.Module`, that the training loop can train.

    Pictures are (B, 3, H, W) float, BGR 0-255, all of one size, sides a multiple of 32.
    """

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the labels mean."""

    def loss(self, pictures: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The parts of a batch's loss by name, scalars that are weighted already: their sum is minimised.

        In training mode only.
        """

    def predict(self, pictures: Tensor) -> list[Prediction]:
        """What is in each picture, overlapping boxes of one class suppressed; without gradients, in eval mode only."""

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Every trainable parameter once, in `backbone` (worth keeping in transfer) or `head` (learnt anew)."""
