"""Which cell answers for which object, and how wrong the answers are.

Assignment: task alignment (Feng et al. 2021, section 3.2): the cells inside an object whose score and box fit it
best answer for it, and their target score is how well they fit. Losses: quality focal loss on scores and
distribution focal loss on box sides (Li et al. 2020), complete IoU on boxes (Zheng et al. 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

BOX_WEIGHT: Final = 2.0
SIDE_WEIGHT: Final = 0.5
"""Against scores, whose weight is 1: Generalized Focal Loss, section 4."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The objects of a batch, padded to M a picture."""

    boxes: Tensor
    """(B, M, 4) left, top, right, bottom in pixels of the input."""
    labels: Tensor
    """(B, M) int64."""
    weights: Tensor
    """(B, M): 1 for ground truth, the teacher's confidence for pseudo-labels, 0 for padding."""
    ignored: Tensor
    """(B, M) bool: cells inside are not told that there is nothing; such objects have weight 0."""

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        return Targets(*(each.to(device) for each in (self.boxes, self.labels, self.weights, self.ignored)))


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU (...,) of boxes (..., 4), pair by pair."""
    overlap = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    size_a, size_b = (a[..., 2:] - a[..., :2]).clamp(min=1e-6), (b[..., 2:] - b[..., :2]).clamp(min=1e-6)
    return overlap / (size_a.prod(-1) + size_b.prod(-1) - overlap)


def complete_iou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU (...,) of boxes (..., 4), pair by pair (Zheng et al. 2020, section 3.2)."""
    iou = box_iou(a, b)
    size_a, size_b = (a[..., 2:] - a[..., :2]).clamp(min=1e-6), (b[..., 2:] - b[..., :2]).clamp(min=1e-6)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=1e-6)
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    angle = torch.atan(size_a[..., 0] / size_a[..., 1]) - torch.atan(size_b[..., 0] / size_b[..., 1])
    shape = (4 / math.pi**2) * angle**2
    with torch.no_grad():
        balance = shape / (1 - iou + shape + 1e-6)
    return iou - apart / (hull**2).sum(-1) - balance * shape


@dataclass(frozen=True, slots=True)
class Assignment:
    """What each of the P cells is to answer."""

    scores: Tensor
    """(B, P, classes) target scores, 0-1."""
    boxes: Tensor
    """(B, P, 4) target boxes; meaningful where `positive`."""
    weights: Tensor
    """(B, P) weight of the box losses."""
    positive: Tensor
    """(B, P) bool."""
    counted: Tensor
    """(B, P) bool: cells whose scores are judged; those on ignored objects are not."""


@torch.no_grad()
def assign(
    scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, targets: Targets, candidates: int = 10
) -> Assignment:
    """Choose for each object its `candidates` best aligned cells: score^0.5 x IoU^6.

    `scores` (B, P, classes) are 0-1 and `boxes` (B, P, 4) in pixels, both as predicted; see `models.detector.cells`.
    """
    batch, cell_count, _ = scores.shape
    objects = targets.boxes.shape[1]
    if objects == 0:
        empty = scores.new_zeros(batch, cell_count)
        return Assignment(torch.zeros_like(scores), torch.zeros_like(boxes), empty, empty.bool(), ~empty.bool())
    gaps = torch.cat([centres - targets.boxes[:, :, None, :2], targets.boxes[:, :, None, 2:] - centres], -1)
    # Tiny objects may hold no cell centre: a cell within half a stride of the object's middle counts too.
    middles = (targets.boxes[:, :, None, :2] + targets.boxes[:, :, None, 2:]) / 2
    near = ((centres - middles).abs() <= 0.5 * strides).all(-1)
    inside = gaps.amin(-1) > 0
    valid = (inside | near) & (targets.weights > 0)[..., None]

    iou = box_iou(targets.boxes[:, :, None], boxes[:, None]) * valid
    wanted = scores.gather(2, targets.labels[:, None, :].expand(-1, cell_count, -1)).transpose(1, 2)
    alignment = wanted.sqrt() * iou**6 * valid
    # Where nothing fits yet, nearness decides, so that every object has somebody who learns it.
    distance = ((centres - middles) ** 2).sum(-1).sqrt() / strides[:, 0]
    rank = alignment + 1e-12 / (1 + distance) * valid
    best = rank.topk(min(candidates, cell_count), dim=2)
    chosen = torch.zeros_like(valid).scatter_(2, best.indices, best.values > 0) & valid

    owner = (iou + 1e-6 * chosen).masked_fill(~chosen, -1).max(1)  # a cell of two objects answers for the one it fits
    positive = owner.values >= 0
    index = owner.indices
    mine = functional.one_hot(index, objects).transpose(1, 2).bool() & chosen
    peak = (alignment * mine).amax(2, keepdim=True).clamp(min=1e-30)
    quality = (alignment * mine / peak * (iou * mine).amax(2, keepdim=True)).sum(1)
    rows = torch.arange(batch, device=scores.device)[:, None]
    weights = targets.weights[rows, index] * positive
    target_scores = torch.zeros_like(scores).scatter_(2, targets.labels[rows, index][..., None], quality[..., None])
    counted = positive | ~(inside & targets.ignored[..., None]).any(1)
    scores = target_scores * weights[..., None]
    return Assignment(scores, targets.boxes[rows, index], weights * quality, positive, counted)


def quality_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross entropy (...,) towards targets 0-1, weighted by how far off the score is, squared."""
    off = (logits.detach().sigmoid() - targets).abs() ** 2
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none") * off


def distribution_focal_loss(logits: Tensor, values: Tensor) -> Tensor:
    """Cross entropy (N, 4) of side distributions (N, 4, bins) with the two bins beside each value (N, 4)."""
    last = logits.shape[-1] - 1
    values = values.clamp(0, last - 0.01)
    low = values.long()
    share = values - low
    logs = logits.log_softmax(-1)
    picked = (logs.gather(-1, low[..., None])[..., 0], logs.gather(-1, low[..., None] + 1)[..., 0])
    return -(picked[0] * (1 - share) + picked[1] * share)


@dataclass(frozen=True, slots=True)
class Losses:
    """The parts of the loss, each a scalar that is weighted already: their sum is minimised."""

    score: Tensor
    box: Tensor
    side: Tensor


def detection_loss(
    score_logits: Tensor, side_logits: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, targets: Targets
) -> Losses:
    """The loss of a batch: logits and boxes (B, P, ...) as the detector gives them, in float32."""
    found = assign(score_logits.detach().sigmoid(), boxes.detach(), centres, strides, targets)
    norm = found.scores.sum().clamp(min=1.0)
    score = (quality_focal_loss(score_logits, found.scores) * found.counted[..., None]).sum() / norm
    if not bool(found.positive.any()):
        nothing = boxes.sum() * 0  # a gradient of zeros: several processes wait for one another's
        return Losses(score, nothing, nothing)
    weights = found.weights[found.positive]
    wanted = found.boxes[found.positive]
    box = ((1 - complete_iou(boxes[found.positive], wanted)) * weights).sum() / norm
    where = centres.expand(boxes.shape[0], -1, -1)[found.positive]
    size = strides.expand(boxes.shape[0], -1, -1)[found.positive]
    distances = torch.cat([where - wanted[:, :2], wanted[:, 2:] - where], -1) / size
    logits = side_logits[found.positive].reshape(len(wanted), 4, -1)
    side = (distribution_focal_loss(logits, distances).mean(-1) * weights).sum() / norm
    return Losses(score, BOX_WEIGHT * box, SIDE_WEIGHT * side)
