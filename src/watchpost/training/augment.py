"""Pictures varied at random, with their boxes: a pure function of the pictures and the generator.

Mosaic: Bochkovskiy et al. 2020 (YOLOv4), section 3.3. Mixup: Zhang et al. 2019, "Bag of Freebies for Training Object
Detection", section 3.1. CutMix: Yun et al. 2019. Copy-paste: Ghiasi et al. 2021, here with boxes in place of masks.
Random choice among changes of appearance: RandAugment, Cubuk et al. 2020, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.geometry import box_area, clip_boxes
from watchpost.training import appearance
from watchpost.training.recipe import Augment
from watchpost.types import BGR

_VISIBLE: Final = 0.3
"""An object of which less is left is neither learned nor counted as background."""
_LEAST_SIDE: Final = 2.0
"""Pixels; the same holds for anything smaller."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A decoded picture and its N objects, in pixels of this picture."""

    bgr: BGR
    xyxy: NDArray[np.float32]
    """(N, 4)"""
    label: NDArray[np.int64]
    """(N,)"""
    weight: NDArray[np.float32]
    """(N,), 0-1."""
    is_ignored: NDArray[np.bool_]
    """(N,)"""

    def with_boxes_of(self, other: Example) -> Example:
        """This picture, and the objects of both."""
        return Example(
            self.bgr,
            np.concatenate([self.xyxy, other.xyxy]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.is_ignored, other.is_ignored]),
        )

    def rows(self, keep: NDArray[np.bool_]) -> Example:
        """The same picture with some of its objects."""
        return Example(self.bgr, self.xyxy[keep], self.label[keep], self.weight[keep], self.is_ignored[keep])


@dataclass(frozen=True, slots=True)
class Canvas:
    """What comes out: size in pixels and the grey of what no picture covers."""

    width: int
    height: int
    pad: int


def augmented(
    index: int,
    take: Callable[[int], Example],
    count: int,
    canvas: Canvas,
    settings: Augment,
    rng: np.random.Generator,
    *,
    mixes: bool = True,
) -> Example:
    """Picture `index` of `count`, varied, as an example of the canvas' size.

    `take` gives a picture scaled to the canvas as at inference. Without `mixes` no other picture is mixed in.
    """

    def another() -> Example:
        return take(int(rng.integers(count)))

    if mixes and rng.random() < settings.mosaic:
        example = mosaic([take(index), another(), another(), another()], canvas, settings, rng)
    else:
        example = view(take(index), canvas, settings, rng)
    if mixes and rng.random() < settings.copy_paste:
        example = copy_paste(example, view(another(), canvas, settings, rng), rng)
    if mixes and rng.random() < settings.cutmix:
        example = cutmix(example, view(another(), canvas, settings, rng), rng)
    if mixes and rng.random() < settings.mixup:
        example = mixup(example, view(another(), canvas, settings, rng), rng)
    return replace(example, bgr=appearance.varied(example.bgr, settings, rng))


def view(
    example: Example, canvas: Canvas, settings: Augment, rng: np.random.Generator, *, fills: bool = False
) -> Example:
    """The picture flipped, zoomed, turned, sheared and moved, in one step; what is too large is cropped at random.

    `fills` zooms from where the picture fills the canvas, for the tiles of a mosaic.
    """
    height, width = example.bgr.shape[:2]
    zoom = math.exp(rng.uniform(math.log(settings.scale[0]), math.log(settings.scale[1])))
    if fills:
        zoom *= max(canvas.width / width, canvas.height / height)
    stretch = math.exp(rng.uniform(-1, 1) * math.log1p(settings.aspect))
    zoom_x, zoom_y = zoom * math.sqrt(stretch), zoom / math.sqrt(stretch)
    if rng.random() < settings.flip:
        zoom_x = -zoom_x
    angle, shear = (math.radians(rng.uniform(-most, most)) for most in (settings.rotate, settings.shear))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = turn @ np.array([[1, math.tan(shear)], [0, 1]]) @ np.diag([zoom_x, zoom_y])
    size, room = np.array([width, height]), np.array([canvas.width, canvas.height])
    slack = np.abs(room - size * zoom)
    offset = room / 2 + rng.uniform(-0.5, 0.5, 2) * slack - matrix @ (size / 2)
    return warp(example, np.column_stack([matrix, offset]), canvas)


def warp(example: Example, matrix: NDArray[np.float64], canvas: Canvas) -> Example:
    """The picture moved by an affine `matrix` (2, 3) in box coordinates, where pixel (0, 0) reaches from 0 to 1."""
    of_pixels = matrix.copy()  # OpenCV counts from the middle of the first pixel
    of_pixels[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    bgr = cv2.warpAffine(
        example.bgr, of_pixels, (canvas.width, canvas.height), flags=cv2.INTER_LINEAR, borderValue=(canvas.pad,) * 3
    )
    corners = example.xyxy[:, [[0, 1], [2, 1], [2, 3], [0, 3]]].astype(np.float64)  # (N, 4, 2)
    moved = corners @ matrix[:, :2].T + matrix[:, 2]
    xyxy = np.concatenate([moved.min(1), moved.max(1)], axis=1)
    return clipped(replace(example, bgr=np.asarray(bgr, np.uint8), xyxy=xyxy.astype(np.float32)))


def clipped(example: Example) -> Example:
    """Boxes cut off at the edges. Objects that are gone are dropped; those of which little is left are ignored."""
    height, width = example.bgr.shape[:2]
    before = np.asarray(box_area(example.xyxy))
    xyxy = np.asarray(clip_boxes(example.xyxy, width, height), np.float32)
    left = np.asarray(box_area(xyxy)) / np.maximum(before, 1e-6)
    example = _with_little_left_ignored(replace(example, xyxy=xyxy), left)
    return example.rows((xyxy[:, 2:] - xyxy[:, :2]).min(1, initial=np.inf) > 0)


def mosaic(examples: list[Example], canvas: Canvas, settings: Augment, rng: np.random.Generator) -> Example:
    """Four pictures around a random point."""
    x, y = (int(rng.uniform(0.3, 0.7) * side) for side in (canvas.width, canvas.height))
    tiles = ((0, 0, x, y), (x, 0, canvas.width, y), (0, y, x, canvas.height), (x, y, canvas.width, canvas.height))
    bgr = np.empty((canvas.height, canvas.width, 3), np.uint8)
    whole = empty(bgr)
    for example, (left, top, right, bottom) in zip(examples, tiles, strict=True):
        tile = view(example, Canvas(right - left, bottom - top, canvas.pad), settings, rng, fills=True)
        bgr[top:bottom, left:right] = tile.bgr
        moved = tile.xyxy + np.array([left, top, left, top], np.float32)
        whole = whole.with_boxes_of(replace(tile, xyxy=moved))
    return whole


def mixup(a: Example, b: Example, rng: np.random.Generator) -> Example:
    """Both pictures at once, each seen through the other; objects count as much as they are seen."""
    share = float(rng.beta(8, 8))
    bgr = np.asarray(cv2.addWeighted(a.bgr, share, b.bgr, 1 - share, 0), np.uint8)
    faint = replace(b, weight=b.weight * np.float32(1 - share))
    return replace(a, bgr=bgr, weight=a.weight * np.float32(share)).with_boxes_of(faint)


def cutmix(a: Example, b: Example, rng: np.random.Generator) -> Example:
    """`a` with a rectangle of `b`, which is of the same size."""
    height, width = a.bgr.shape[:2]
    side = math.sqrt(rng.uniform(0.1, 0.5))
    patch_width, patch_height = int(width * side), int(height * side)
    left, top = int(rng.integers(width - patch_width + 1)), int(rng.integers(height - patch_height + 1))
    return _laid_over(a, b, np.array([left, top, left + patch_width, top + patch_height]), (left, top))


def copy_paste(a: Example, b: Example, rng: np.random.Generator) -> Example:
    """`a` with up to three objects of `b`, with a rim of what is around them, anywhere."""
    height, width = a.bgr.shape[:2]
    certain = np.flatnonzero(~b.is_ignored & (box_area(b.xyxy) < 0.25 * width * height))
    for row in rng.permutation(certain)[:3]:
        rim = 0.1 * (b.xyxy[row, 2:] - b.xyxy[row, :2])
        around = np.concatenate([b.xyxy[row, :2] - rim, b.xyxy[row, 2:] + rim])
        around = np.asarray(clip_boxes(around[None], width, height))[0].astype(np.int64)
        size = around[2:] - around[:2]
        if size.min() < 4:
            continue
        a = _laid_over(a, b, around, (int(rng.integers(width - size[0] + 1)), int(rng.integers(height - size[1] + 1))))
    return a


def empty(bgr: BGR) -> Example:
    """A picture without objects."""
    return Example(bgr, np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, bool))


def _laid_over(a: Example, b: Example, patch: NDArray[np.int64], at: tuple[int, int]) -> Example:
    """`a` with the rectangle `patch` (left, top, right, bottom) of `b` laid over it at (left, top)."""
    left, top, right, bottom = (int(side) for side in patch)
    bgr = a.bgr.copy()
    bgr[at[1] : at[1] + bottom - top, at[0] : at[0] + right - left] = b.bgr[top:bottom, left:right]
    corner = np.array([left, top, left, top], np.float32)
    inside = clipped(replace(b, bgr=b.bgr[top:bottom, left:right], xyxy=b.xyxy - corner))
    moved = replace(inside, xyxy=inside.xyxy + np.array([*at, *at], np.float32))
    covered = np.array([at[0], at[1], at[0] + right - left, at[1] + bottom - top], np.float32)
    return _uncovered(replace(a, bgr=bgr), covered).with_boxes_of(moved)


def _uncovered(example: Example, over: NDArray[np.float32]) -> Example:
    """Objects under a rectangle (4,) are dropped, those of which little looks out are ignored.

    A box whose whole side is covered shrinks to what looks out.
    """
    boxes = example.xyxy.copy()
    before = np.asarray(box_area(boxes))
    common = np.stack([np.maximum(boxes[:, :2], over[:2]), np.minimum(boxes[:, 2:], over[2:])], 1).reshape(-1, 4)
    hidden = np.asarray(box_area(common))
    for low, high, other_low, other_high in ((0, 2, 1, 3), (1, 3, 0, 2)):
        across = (over[other_low] <= boxes[:, other_low]) & (over[other_high] >= boxes[:, other_high])
        from_low = across & (over[low] <= boxes[:, low])
        from_high = across & (over[high] >= boxes[:, high])
        boxes[from_low, low] = np.clip(over[high], boxes[from_low, low], boxes[from_low, high])
        boxes[from_high, high] = np.clip(over[low], boxes[from_high, low], boxes[from_high, high])
    left = 1 - hidden / np.maximum(before, 1e-6)
    example = _with_little_left_ignored(replace(example, xyxy=boxes), left)
    return example.rows(left > 0.02)


def _with_little_left_ignored(example: Example, left: NDArray[np.floating]) -> Example:
    small = (example.xyxy[:, 2:] - example.xyxy[:, :2]).min(1, initial=np.inf) < _LEAST_SIDE
    return replace(example, is_ignored=example.is_ignored | (left < _VISIBLE) | small)
