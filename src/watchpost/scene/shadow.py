"""Soft shadows on the ground: capsules drawn from above, blurred, and laid onto the floor in perspective."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.scene.room import Capsule, Room
from watchpost.types import BGR

Floats = NDArray[np.floating]

_PIXELS_PER_METRE = 32
_DARKNESS = {"lobby": 0.42, "courtyard": 0.55, "hall": 0.40}
_SOFTNESS_M = {"lobby": 0.075, "courtyard": 0.045, "hall": 0.085}
_CONTACT_DARKNESS = 0.5


def ground_shadow(
    image: BGR,
    ground: NDArray[np.uint8],
    room: Room,
    capsules: Sequence[Capsule],
    feet: Sequence[tuple[float, float]],
    contact_m: float = 0.13,
) -> None:
    """Darken `image` where the capsules keep the lamp from the floor, and close around the feet.

    Only where `ground` (H, W) shows bare floor.
    """
    towards = room.light.direction
    per_height = towards[:2] / towards[2]
    ends = np.array([[start, end] for start, end, _ in capsules])
    flat = ends[:, :, :2] - ends[:, :, 2:] * per_height
    low = flat.min(axis=(0, 1)) - 0.45
    size = np.ceil((flat.max(axis=(0, 1)) + 0.45 - low) * _PIXELS_PER_METRE).astype(int)
    above = np.zeros((size[1], size[0]), np.uint8)
    points = ((flat - low) * _PIXELS_PER_METRE * 16).round().astype(int).tolist()
    for (start, end), (_, _, radius) in zip(points, capsules, strict=True):
        thickness = max(1, round(2 * radius * _PIXELS_PER_METRE))
        cv2.line(above, start, end, 255, thickness, cv2.LINE_AA, 4)
    softness = _SOFTNESS_M[room.style] * _PIXELS_PER_METRE
    dark = cv2.GaussianBlur(above, (0, 0), softness).astype(np.float32) * (_DARKNESS[room.style] / 255)
    contact = np.zeros_like(above)
    for x, y in feet:
        middle = ((np.array([x, y]) - low) * _PIXELS_PER_METRE).round().astype(int).tolist()
        cv2.circle(contact, middle, max(1, round(contact_m * _PIXELS_PER_METRE)), 255, -1)
    near = cv2.GaussianBlur(contact, (0, 0), 0.07 * _PIXELS_PER_METRE).astype(np.float32)
    dark = 1 - (1 - dark) * (1 - near * (_CONTACT_DARKNESS / 255))
    _lay(image, ground, room, (dark * 255).astype(np.uint8), low)


def _lay(image: BGR, ground: NDArray[np.uint8], room: Room, dark: NDArray[np.uint8], low: Floats) -> None:
    """Lay a map of darkness, seen from above with its corner at `low` (x, y), onto the floor."""
    height, width = dark.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) / _PIXELS_PER_METRE + low
    pixels, depth = room.camera.project(np.concatenate([corners, np.zeros((4, 1))], axis=1))
    if depth.min() < 0.5:
        return
    x0, y0 = np.maximum(np.floor(pixels.min(axis=0)).astype(int), 0).tolist()
    x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)).astype(int), (image.shape[1], image.shape[0])).tolist()
    if x0 >= x1 or y0 >= y1:
        return
    to_image = room.camera.plane_to_pixels(
        np.array([low[0], low[1], 0.0]), np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
    )
    shift = np.array([[1.0, 0, -x0], [0, 1, -y0], [0, 0, 1]])
    shrink = np.diag([1 / _PIXELS_PER_METRE, 1 / _PIXELS_PER_METRE, 1])
    laid = cv2.warpPerspective(dark, shift @ to_image @ shrink, (x1 - x0, y1 - y0))
    laid = cv2.multiply(laid, ground[y0:y1, x0:x1], scale=1 / 255)
    light = cv2.cvtColor(255 - laid, cv2.COLOR_GRAY2BGR)
    image[y0:y1, x0:x1] = cv2.multiply(image[y0:y1, x0:x1], light, scale=1 / 255)
