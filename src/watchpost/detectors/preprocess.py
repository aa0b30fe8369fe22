"""From a picture to a network's input: resize, pad, order the colours, scale. One pass, reused memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchpost.detectors.card import InputSpec
from watchpost.geometry import clip_boxes
from watchpost.types import BGR, Picture


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the network's input, all in pixels of the input."""

    left: int
    top: int
    width: int
    height: int

    def to_picture(self, xyxy: NDArray[np.float32], picture: Picture) -> NDArray[np.float32]:
        """Boxes (N, 4) in the input's pixels as pixels of the picture, cut off at its edges."""
        scale_x, scale_y = picture.width / self.width, picture.height / self.height
        moved = xyxy - np.array([self.left, self.top] * 2, np.float32)
        moved *= np.array([scale_x, scale_y] * 2, np.float32)
        return np.asarray(clip_boxes(moved, picture.width, picture.height), np.float32)


def place(spec: InputSpec, width: int, height: int) -> Placement:
    """Where a picture of `width` x `height` pixels goes in the input that `spec` describes."""
    if spec.fit == "stretch":
        return Placement(0, 0, spec.width, spec.height)
    ratio = min(spec.width / width, spec.height / height)
    fitted_width = max(1, min(spec.width, round(width * ratio)))
    fitted_height = max(1, min(spec.height, round(height * ratio)))
    if spec.fit == "top-left":
        return Placement(0, 0, fitted_width, fitted_height)
    left, top = (spec.width - fitted_width) // 2, (spec.height - fitted_height) // 2
    return Placement(left, top, fitted_width, fitted_height)


def fitted(spec: InputSpec, pictures: Iterable[Picture]) -> InputSpec:
    """`spec` without the padding that none of the pictures needs, sides in multiples of its stride.

    The pictures are no smaller in it: a picture of 16:9 in a square of 384 pixels leaves 384 x 224.
    """
    if spec.stride is None or spec.fit == "stretch":
        return spec
    placements = {place(spec, picture.width, picture.height) for picture in pictures}
    width = _up(max(each.width for each in placements), spec.stride)
    height = _up(max(each.height for each in placements), spec.stride)
    size = {"width": min(width, spec.width), "height": min(height, spec.height)}
    return spec.model_copy(update=size)


def _up(length: int, step: int) -> int:
    return -(-length // step) * step


class InputBuffer:
    """A batch of inputs in memory that is filled again and again. Belongs to one thread."""

    def __init__(self, spec: InputSpec, batch: int, dtype: np.dtype[np.generic]) -> None:
        shape = (batch, 3, spec.height, spec.width)
        if spec.layout == "nhwc":
            shape = (batch, spec.height, spec.width, 3)
        self.tensor: NDArray[np.generic] = np.zeros(shape, dtype)
        """(batch, 3, H, W) or (batch, H, W, 3), as the card's layout says."""
        self._channels_first = self.tensor if spec.layout == "nchw" else self.tensor.transpose(0, 3, 1, 2)
        self._spec = spec
        # (pixel * scale - mean) / std, as one product and one sum a channel
        self._factors = [spec.scale / std for std in spec.std]
        self._offsets = [-mean / std for mean, std in zip(spec.mean, spec.std, strict=True)]
        self._placements: list[Placement | None] = [None] * batch
        self._planes: list[NDArray[np.uint8]] = []

    def fill(self, slot: int, picture: Picture) -> Placement:
        """Write `picture` to place `slot` of the batch; returns where it lies."""
        placement = place(self._spec, picture.width, picture.height)
        if placement != self._placements[slot]:
            self._pad(slot)
            self._placements[slot] = placement
        rows = slice(placement.top, placement.top + placement.height)
        columns = slice(placement.left, placement.left + placement.width)
        planes = self._split(picture.resized(placement.width, placement.height))
        for channel, plane in enumerate(planes):
            target = self._channels_first[slot, channel, rows, columns]
            np.copyto(target, plane)
            if self._factors[channel] != 1:
                np.multiply(target, self._factors[channel], out=target, casting="unsafe")
            if self._offsets[channel] != 0:
                np.add(target, self._offsets[channel], out=target, casting="unsafe")
        return placement

    def _pad(self, slot: int) -> None:
        for channel in range(3):
            value = self._spec.pad * self._factors[channel] + self._offsets[channel]
            self._channels_first[slot, channel] = value

    def _split(self, bgr: BGR) -> list[NDArray[np.uint8]]:
        """The colour planes (H, W) in the network's order; OpenCV's split is thrice as fast as a strided copy."""
        import cv2

        if not self._planes or self._planes[0].shape != bgr.shape[:2]:
            self._planes = [np.empty(bgr.shape[:2], np.uint8) for _ in range(3)]
        cv2.split(bgr, self._planes)
        return self._planes if self._spec.colour == "bgr" else self._planes[::-1]
