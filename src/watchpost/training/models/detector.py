"""Our own detector: one-stage, anchor-free, made of plain 3x3 convolutions, for cameras on CPUs and small GPUs.

Ideas from: CSPNet (Wang et al. 2020) for the blocks, PANet (Liu et al. 2018) for the neck, FCOS (Tian et al. 2019)
for distances instead of anchors, RTMDet (Lyu et al. 2022) for a head whose weights are shared by all strides but
whose normalisation is not, Generalized Focal Loss (Li et al. 2020) for box sides as distributions and for scores that
say how good the box is. Dense convolutions of few channels rather than depthwise ones: on CPUs with wide vectors
they do several times more work in the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """What the network is built from; a checkpoint carries it."""

    classes: tuple[str, ...]
    width: float = 1.0
    """Scales the channels: 1.0 is 0.9 M parameters, 0.5 is 0.25 M, 3 is 8 M."""
    depth: float = 1.0
    """Scales how many blocks a stage has."""
    bins: int = 12
    """A box side is a distribution over 0 .. bins - 1 strides."""
    strides: tuple[int, ...] = (8, 16, 32)

    def channels(self, base: int) -> int:
        """`base` scaled by the width, a multiple of 8."""
        return max(8, round(base * self.width / 8) * 8)

    def blocks(self, base: int) -> int:
        """`base` scaled by the depth, at least 1."""
        return max(1, round(base * self.depth))


class ConvUnit(nn.Sequential):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
            nn.SiLU(inplace=True),
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
    """A picture (B, 3, H, W) to features at strides 8, 16 and 32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        c2, c4, c8, c16, c32 = (shape.channels(base) for base in (16, 32, 64, 96, 128))
        self.stem = nn.Sequential(ConvUnit(3, c2, 3, 2), ConvUnit(c2, c4, 3, 2), CrossStage(c4, c4, shape.blocks(1)))
        self.stage8 = nn.Sequential(ConvUnit(c4, c8, 3, 2), CrossStage(c8, c8, shape.blocks(2)))
        self.stage16 = nn.Sequential(ConvUnit(c8, c16, 3, 2), CrossStage(c16, c16, shape.blocks(2)))
        self.stage32 = nn.Sequential(
            ConvUnit(c16, c32, 3, 2), CrossStage(c32, c32, shape.blocks(1)), PyramidPooling(c32)
        )
        self.out_channels = (c8, c16, c32)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Three feature maps, finest first."""
        x8 = self.stage8(self.stem(x))
        x16 = self.stage16(x8)
        return [x8, x16, self.stage32(x16)]


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


class SharedUnit(nn.Module):
    """One convolution for all strides, with a normalisation for each: their statistics differ (RTMDet, 3.3)."""

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03) for _ in range(levels))

    def forward(self, x: Tensor, level: int) -> Tensor:
        """(B, C, H, W) to the same."""
        return functional.silu(self.norms[level](self.convolution(x)))


class Head(nn.Module):
    """Scores and distances from feature maps."""

    def __init__(self, shape: Shape, channels: int) -> None:
        super().__init__()
        levels = len(shape.strides)
        self.shared = SharedUnit(channels, levels)
        self.class_unit = SharedUnit(channels, levels)
        self.box_unit = SharedUnit(channels, levels)
        self.scores = nn.Conv2d(channels, len(shape.classes), 1)
        self.sides = nn.Conv2d(channels, 4 * shape.bins, 1)
        nn.init.normal_(self.scores.weight, std=0.01)
        nn.init.constant_(self.scores.bias, -math.log((1 - 0.01) / 0.01))  # RetinaNet's prior: 1 % are objects
        nn.init.constant_(self.sides.bias, 1.0)

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Score logits (B, P, classes) and side logits (B, P, 4 * bins) over the P cells of all strides."""
        scores, sides = [], []
        for level, x in enumerate(maps):
            x = self.shared(x, level)
            scores.append(self.scores(self.class_unit(x, level)).flatten(2))
            sides.append(self.sides(self.box_unit(x, level)).flatten(2))
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

    def boxes(self, sides: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
        """Side logits (B, P, 4 * bins) as boxes (B, P, 4): left, top, right, bottom in pixels of the input."""
        share = sides.unflatten(-1, (4, self.shape.bins)).softmax(-1)
        distances = (share * self.bin_values).sum(-1) * strides
        return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)


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
