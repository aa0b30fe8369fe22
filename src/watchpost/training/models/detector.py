"""Our own detector: one-stage, anchor-free, made of plain 3x3 convolutions, for cameras on CPUs and small GPUs.

Ideas from: CSPNet (Wang et al. 2020) for the blocks, PANet (Liu et al. 2018) for the neck, FCOS (Tian et al. 2019)
for distances instead of anchors, RTMDet (Lyu et al. 2022) for a head whose weights are shared by all strides but
whose normalisation is not, Generalized Focal Loss (Li et al. 2020) for box sides as distributions and for scores that
say how good the box is. Dense convolutions of few channels rather than depthwise ones: on CPUs with wide vectors
they do several times more work in the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from watchpost.detectors.nms import suppress
from watchpost.training.loss import Targets, detection_loss
from watchpost.training.models import Prediction

STRIDES: Final = (4, 8, 16, 32)

LEAST_SCORE: Final = 0.01
"""What `predict` still tells: average precision needs the unsure answers too."""
MOST_OVERLAP: Final = 0.6
"""Two boxes of a class that overlap by more are one object."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the network is built from; a checkpoint carries it. Raises `ValueError` for strides it can not have."""

    classes: tuple[str, ...]
    width: float = 1.0
    """Scales the channels; with a depth of 1, 0.5 is about 0.25 M parameters, 1 is 0.86 M, 3 is 7.7 M."""
    depth: float = 1.0
    """Scales how many blocks a stage has."""
    bins: int = 12
    """A box side is a distribution over 0 .. bins - 1 strides."""
    strides: tuple[int, ...] = (8, 16, 32)
    """Pixels of the input that a cell covers: 8, 16 and 32, or 4 as well for very small objects."""

    def __post_init__(self) -> None:
        if self.strides not in (STRIDES, STRIDES[1:], STRIDES[2:]):
            raise ValueError(f"strides: expected {STRIDES} or its last three or two, got {self.strides}")

    def channels(self, base: int) -> int:
        """`base` scaled by the width, a multiple of 8."""
        return max(8, round(base * self.width / 8) * 8)

    def blocks(self, base: int) -> int:
        """`base` scaled by the depth, at least 1."""
        return max(1, round(base * self.depth))


class ConvUnit(nn.Sequential):
    """Convolution, batch normalisation, ReLU (which costs nothing in ONNX Runtime, and quantises well)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two 3x3 convolutions, and the input added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvUnit(channels, channels)
        self.second = ConvUnit(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        result: Tensor = x + self.second(self.first(x))
        return result


class CrossStage(nn.Module):
    """CSP: half of the channels go through the blocks, half go past them."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        half = outputs // 2
        self.enter = ConvUnit(inputs, 2 * half, 1)
        self.blocks = nn.Sequential(*(Residual(half) for _ in range(blocks)))
        self.leave = ConvUnit(2 * half, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        past, through = self.enter(x).chunk(2, 1)
        result: Tensor = self.leave(torch.cat([past, self.blocks(through)], 1))
        return result


class PyramidPooling(nn.Module):
    """SPP (He et al. 2014) by repeated 5x5 pooling: a view of the whole picture for the last stage."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = ConvUnit(channels, channels // 2, 1)
        self.leave = ConvUnit(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        views = [self.enter(x)]
        for _ in range(3):
            views.append(functional.max_pool2d(views[-1], 5, 1, 2))
        result: Tensor = self.leave(torch.cat(views, 1))
        return result


class Backbone(nn.Module):
    """A picture (B, 3, H, W) to features at the strides that `shape` names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        c2, c4, c8, c16, c32 = (shape.channels(base) for base in (16, 32, 64, 96, 128))
        self.stem = nn.Sequential(ConvUnit(3, c2, 3, 2), ConvUnit(c2, c4, 3, 2))
        self.stage8 = nn.Sequential(ConvUnit(c4, c8, 3, 2), CrossStage(c8, c8, shape.blocks(2)))
        self.stage16 = nn.Sequential(ConvUnit(c8, c16, 3, 2), CrossStage(c16, c16, shape.blocks(3)))
        self.stage32 = nn.Sequential(
            ConvUnit(c16, c32, 3, 2), CrossStage(c32, c32, shape.blocks(2)), PyramidPooling(c32)
        )
        self._first = len(STRIDES) - len(shape.strides)
        self.out_channels = (c4, c8, c16, c32)[self._first :]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Feature maps, finest first."""
        maps = [self.stem(x)]
        for stage in (self.stage8, self.stage16, self.stage32):
            maps.append(stage(maps[-1]))
        return maps[self._first :]


class Neck(nn.Module):
    """PAN: features of three strides, mixed top-down and bottom-up, each with the same number of channels."""

    def __init__(self, shape: Shape, inputs: tuple[int, ...]) -> None:
        super().__init__()
        c, n = shape.channels(64), shape.blocks(1)
        self.lateral = nn.ModuleList(ConvUnit(channels, c, 1) for channels in inputs)
        self.down = nn.ModuleList(CrossStage(2 * c, c, n) for _ in inputs[1:])
        self.shrink = nn.ModuleList(ConvUnit(c, c, 3, 2) for _ in inputs[1:])
        self.up = nn.ModuleList(CrossStage(2 * c, c, n) for _ in inputs[1:])
        self.out_channels = c

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Feature maps, finest first, to maps of `out_channels`."""
        maps = [lateral(x) for lateral, x in zip(self.lateral, features, strict=True)]
        for level in range(len(maps) - 2, -1, -1):
            coarse = functional.interpolate(maps[level + 1], scale_factor=2.0, mode="nearest")
            maps[level] = self.down[level](torch.cat([maps[level], coarse], 1))
        for level in range(1, len(maps)):
            fine = self.shrink[level - 1](maps[level - 1])
            maps[level] = self.up[level - 1](torch.cat([maps[level], fine], 1))
        return maps


class Head(nn.Module):
    """Scores and distances from feature maps: one convolution for all strides, half of its channels for each task.

    Its weights are shared by the strides, its normalisation is not: their statistics differ (RTMDet, section 3.3).
    """

    def __init__(self, shape: Shape, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.convolution = nn.Conv2d(channels, 2 * half, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(2 * half, eps=1e-3) for _ in shape.strides)
        self.scores = nn.Conv2d(half, len(shape.classes), 1)
        self.sides = nn.Conv2d(half, 4 * shape.bins, 1)
        nn.init.normal_(self.scores.weight, std=0.01)
        if self.scores.bias is not None:
            nn.init.constant_(self.scores.bias, -math.log(99))  # RetinaNet's prior: 1 % of the cells are objects

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Score logits (B, P, classes) and side logits (B, P, 4 * bins) over the P cells of all strides."""
        scores, sides = [], []
        for norm, x in zip(self.norms, maps, strict=True):
            for_scores, for_sides = functional.relu(norm(self.convolution(x))).chunk(2, 1)
            scores.append(self.scores(for_scores).flatten(2))
            sides.append(self.sides(for_sides).flatten(2))
        return torch.cat(scores, 2).transpose(1, 2), torch.cat(sides, 2).transpose(1, 2)


class Detector(nn.Module):
    """The whole network. Input (B, 3, H, W) float, BGR 0-255, sides a multiple of 32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.backbone = Backbone(shape)
        self.neck = Neck(shape, self.backbone.out_channels)
        self.head = Head(shape, self.neck.out_channels)
        self.register_buffer("bin_values", torch.arange(shape.bins, dtype=torch.float32), persistent=False)
        self.bin_values: Tensor

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Score logits (B, P, classes) and side logits (B, P, 4 * bins)."""
        scores, sides = self.head(self.neck(self.backbone(pictures * (1 / 128) - 1)))
        return scores, sides

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the labels mean."""
        return self.shape.classes

    def loss(self, pictures: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The weighted parts of a batch's loss by name: score, box, side."""
        scores, sides = self(pictures)
        # in full precision also under autocast: box sides are sums over distributions
        scores, sides = scores.float(), sides.float()
        centres, strides = self._cells(pictures)
        losses = detection_loss(scores, sides, self.boxes(sides, centres, strides), centres, strides, targets)
        return {"score": losses.score, "box": losses.box, "side": losses.side}

    @torch.no_grad()
    def predict(self, pictures: Tensor) -> list[Prediction]:
        """What is in each picture, best first; boxes of one class that overlap much are suppressed."""
        scores, sides = self(pictures)
        boxes = self.boxes(sides.float(), *self._cells(pictures)).cpu()
        size = torch.tensor([pictures.shape[3], pictures.shape[2]] * 2)
        found = [_best(each, score) for each, score in zip(boxes, scores.float().sigmoid().cpu(), strict=True)]
        # cut off last, as at inference: boxes that reach beyond the picture differently are different boxes
        return [replace(each, boxes=torch.minimum(each.boxes.clamp(min=0), size)) for each in found]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """The trainable parameters: those of the backbone, and the others."""
        trainable = [(name, each) for name, each in self.named_parameters() if each.requires_grad]
        return {
            "backbone": [each for name, each in trainable if name.startswith("backbone.")],
            "head": [each for name, each in trainable if not name.startswith("backbone.")],
        }

    def _cells(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        centres, strides = cells(pictures.shape[3], pictures.shape[2], self.shape.strides)
        return centres.to(pictures.device), strides.to(pictures.device)

    def boxes(self, sides: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
        """Side logits (B, P, 4 * bins) as boxes (B, P, 4): left, top, right, bottom in pixels of the input."""
        share = sides.reshape(*sides.shape[:2], 4, self.shape.bins).softmax(-1)
        distances = (share * self.bin_values).sum(-1) * strides
        return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)


def _best(boxes: Tensor, scores: Tensor) -> Prediction:
    """From all cells of a picture, boxes (P, 4) and scores (P, classes), to what is found."""
    score, label = scores.max(1)
    keep = score >= LEAST_SCORE
    boxes, score, label = boxes[keep], score[keep], label[keep]
    best = torch.from_numpy(suppress(boxes.numpy(), score.numpy(), label.numpy().astype(np.int32), MOST_OVERLAP))
    return Prediction(boxes[best], score[best], label[best])


def cells(width: int, height: int, strides: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The cells of a network input: centres (P, 2) in pixels and strides (P, 1), finest first, row by row."""
    centres, sizes = [], []
    for stride in strides:
        ys, xs = torch.meshgrid(
            torch.arange(height // stride, dtype=torch.float32),
            torch.arange(width // stride, dtype=torch.float32),
            indexing="ij",
        )
        centres.append((torch.stack([xs, ys], -1).reshape(-1, 2) + 0.5) * stride)
        sizes.append(torch.full((xs.numel(), 1), float(stride)))
    return torch.cat(centres), torch.cat(sizes)
