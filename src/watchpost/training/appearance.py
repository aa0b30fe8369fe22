"""How a picture looks, varied at random: light, colour, sharpness, the camera's noise and compression. Boxes stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from watchpost.training.recipe import Augment
from watchpost.types import BGR

Change = Callable[[BGR, float, np.random.Generator], BGR]
"""From a picture (H, W, 3), a strength 0-1 and a generator to another picture."""


def varied(bgr: BGR, settings: Augment, rng: np.random.Generator) -> BGR:
    """The picture after each change that chance picks, and `random_choice` more of all there are."""
    chances = {"colour": settings.colour, "grey": settings.grey, "blur": settings.blur, "noise": settings.noise}
    for name, chance in (chances | {"jpeg": settings.jpeg}).items():
        if rng.random() < chance:
            bgr = CHANGES[name](bgr, settings.strength, rng)
    for name in rng.choice(list(CHANGES), settings.random_choice, replace=False):
        bgr = CHANGES[name](bgr, settings.strength, rng)
    return bgr


def colour(bgr: BGR, strength: float, rng: np.random.Generator) -> BGR:
    """Hue, saturation and brightness."""
    change = rng.uniform(-1, 1, 3) * strength
    hue, saturation, value = cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV))
    levels = np.arange(256)
    hue = cv2.LUT(hue, ((levels + 20 * change[0]) % 180).astype(np.uint8))
    saturation = cv2.LUT(saturation, _levels(levels * (1 + 1.2 * change[1])))
    value = cv2.LUT(value, _levels(levels * (1 + 0.8 * change[2])))
    return _picture(cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2BGR))


def contrast(bgr: BGR, strength: float, rng: np.random.Generator) -> BGR:
    """Contrast around the mean, and gamma: dusk, fog, glare."""
    gain, power = 1 + 0.8 * strength * rng.uniform(-1, 1), np.exp(strength * rng.uniform(-1, 1))
    mean = float(bgr.mean())
    levels = 255 * (np.clip((np.arange(256) - mean) * gain + mean, 0, 255) / 255) ** power
    return _picture(cv2.LUT(bgr, _levels(levels)))


def grey(bgr: BGR, _strength: float, _rng: np.random.Generator) -> BGR:
    """Without colour."""
    return _picture(cv2.cvtColor(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))


def blur(bgr: BGR, strength: float, rng: np.random.Generator) -> BGR:
    """Out of focus, or moved."""
    size = 1 + 2 * round(rng.uniform(0.5, 1 + 2 * strength))
    if rng.random() < 0.5:
        return _picture(cv2.GaussianBlur(bgr, (size, size), 0))
    kernel = np.zeros((size, size), np.float32)
    if rng.random() < 0.7:  # cameras stand still: people move sideways
        kernel[size // 2] = 1 / size
    else:
        kernel[:, size // 2] = 1 / size
    return _picture(cv2.filter2D(bgr, -1, kernel))


def noise(bgr: BGR, strength: float, rng: np.random.Generator) -> BGR:
    """Sensor noise, the same in all colours or not."""
    shape = (*bgr.shape[:2], 1) if rng.random() < 0.5 else bgr.shape
    grain = rng.standard_normal(shape, np.float32) * np.float32(rng.uniform(2, 5 + 30 * strength))
    return _picture(np.clip(bgr + grain, 0, 255))


def jpeg(bgr: BGR, strength: float, rng: np.random.Generator) -> BGR:
    """Blocks and rings of strong compression."""
    quality = int(rng.uniform(90 - 75 * strength, 90))
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _picture(cv2.imdecode(data, cv2.IMREAD_COLOR))


def coarse(bgr: BGR, strength: float, rng: np.random.Generator) -> BGR:
    """As a camera of fewer pixels sees it."""
    height, width = bgr.shape[:2]
    share = rng.uniform(1 - 0.7 * strength, 1)
    small = cv2.resize(bgr, (max(1, int(width * share)), max(1, int(height * share))), interpolation=cv2.INTER_AREA)
    return _picture(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


CHANGES: Final[dict[str, Change]] = {
    "colour": colour,
    "contrast": contrast,
    "grey": grey,
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
    "coarse": coarse,
}


def _levels(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.clip(values, 0, 255).astype(np.uint8)


def _picture(array: object) -> BGR:
    return np.asarray(array, np.uint8)
