"""A one-stage classic as it serves: every box and score at once, as our own detector gives them.

SSD, SSDLite, RetinaNet and FCOS. Two-stage detectors choose boxes on the way, so they have no such form.
"""

from __future__ import annotations

import copy
import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from watchpost.errors import WatchpostError
from watchpost.training.models.classics import Classic

ONE_STAGE: Final = ("ssd300", "ssdlite320", "retinanet", "fcos")

_MOST_GROWTH: Final = math.log(1000 / 16)
"""A box may be this much larger than its anchor, as a logarithm: torchvision's limit."""


class ClassicServing(nn.Module):
    """Pictures (B, 3, H, W) float32, BGR 0-255, of one size to boxes and scores.

    Raises `WatchpostError` for a detector of two stages.
    """

    def __init__(self, model: Classic, width: int, height: int) -> None:
        from torchvision.models.detection.image_list import ImageList

        super().__init__()
        self.family = model.shape.family
        if self.family not in ONE_STAGE:
            raise WatchpostError(
                f"{self.family} has two stages and can not be exported; those of one stage can: {', '.join(ONE_STAGE)}."
            )
        network = copy.deepcopy(model.network).eval().float().cpu()
        self.backbone, self.head = network.backbone, network.head
        transform = network.transform
        self.fixed_size: tuple[int, int] | None = transform.fixed_size
        width_inside, height_inside = self.fixed_size or (width, height)
        with torch.no_grad():
            features = list(self.backbone(torch.zeros(1, 3, height_inside, width_inside)).values())
            images = ImageList(torch.zeros(1, 3, height_inside, width_inside), [(height_inside, width_inside)])
            anchors: Tensor = network.anchor_generator(images, features)[0]
        weights = (1.0,) * 4 if self.family == "fcos" else network.box_coder.weights
        self.mean = _constant(torch.tensor(transform.image_mean)[:, None, None])
        self.std = _constant(torch.tensor(transform.image_std)[:, None, None])
        self.middles = _constant((anchors[:, :2] + anchors[:, 2:]) / 2)
        self.sizes = _constant(anchors[:, 2:] - anchors[:, :2])
        self.box_weights = _constant(torch.tensor(weights))
        self.inside = _constant(torch.tensor([width_inside, height_inside] * 2, dtype=torch.float32))
        self.outside = _constant(torch.tensor([width, height] * 2, dtype=torch.float32))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, P, 4) in pixels of the input, inside of it, and scores (B, P, classes), 0-1."""
        x = (images.flip(1) / 255 - self.mean) / self.std
        if self.fixed_size is not None:
            x = functional.interpolate(x, size=self.fixed_size[::-1], mode="bilinear", align_corners=False)
        found = self.head(list(self.backbone(x).values()))
        boxes = self._decoded(found["bbox_regression"] / self.box_weights)
        boxes = torch.minimum(boxes.clamp(min=0), self.inside) * (self.outside / self.inside)
        return boxes, self._scores(found)

    def _decoded(self, sides: Tensor) -> Tensor:
        """What the head says of its anchors (B, P, 4) as boxes in pixels of the network."""
        if self.family == "fcos":
            low, high = self.middles - sides[..., :2] * self.sizes, self.middles + sides[..., 2:] * self.sizes
            return torch.cat([low, high], -1)
        middles = self.middles + sides[..., :2] * self.sizes
        half = sides[..., 2:].clamp(max=_MOST_GROWTH).exp() * self.sizes / 2
        return torch.cat([middles - half, middles + half], -1)

    def _scores(self, found: dict[str, Tensor]) -> Tensor:
        """(B, P, classes), without the background."""
        logits = found["cls_logits"]
        if self.family == "fcos":
            return (logits.sigmoid() * found["bbox_ctrness"].sigmoid()).sqrt()[..., 1:]
        return (logits.sigmoid() if self.family == "retinanet" else logits.softmax(-1))[..., 1:]


def _constant(value: Tensor) -> nn.Buffer:
    return nn.Buffer(value, persistent=False)
