"""What the camera makes of the light: slow drift, noise, infrared at night, a clock burnt in."""

from __future__ import annotations

import datetime
import math
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.scene.options import SceneOptions
from watchpost.types import BGR

_SPARE: Final = 64
"""Pixels by which the noise is larger than the picture, so that each frame takes another part of it."""
_CLOCK_START: Final = datetime.datetime(2026, 1, 5, 8, 0, 0, tzinfo=datetime.UTC)
_NIGHT_NOISE: Final = 3.0
_NIGHT_NOISE_MORE: Final = 2.0


@lru_cache(maxsize=4)
def _noise_field(width: int, height: int, sigma: float, is_grey: bool) -> tuple[BGR, BGR]:
    """Gaussian noise as what it adds and what it takes away, each (H, W, 3) uint8."""
    rng = np.random.default_rng(7)
    shape = height + _SPARE, width + _SPARE
    noise = np.repeat(rng.standard_normal((*shape, 1), np.float32), 3, axis=2)
    if not is_grey:
        noise = noise * 0.85 + rng.standard_normal((*shape, 3), np.float32) * 0.53
    steps = np.rint(noise * sigma)
    return np.clip(steps, 0, 255).astype(np.uint8), np.clip(-steps, 0, 255).astype(np.uint8)


class Sensor:
    """Turns the ideal picture of a frame into the camera's."""

    def __init__(self, options: SceneOptions) -> None:
        self._options = options
        rng = np.random.default_rng([options.seed, options.camera, 5])
        self._periods_s = rng.uniform(35, 140, 3)
        self._offsets = rng.uniform(0, 2 * np.pi, 3)
        self._sigma = options.noise
        if options.night and options.noise:
            self._sigma = options.noise * _NIGHT_NOISE + _NIGHT_NOISE_MORE
        self._beam = _infrared_beam(options.width, options.height) if options.night else None

    def expose(self, image: BGR, index: int) -> BGR:
        """The picture (H, W, 3) of frame `index`; `image` is used up."""
        options = self._options
        if self._beam is not None:
            grey = cv2.multiply(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), self._beam, scale=1 / 255)
            image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
        if options.drift:
            image = np.asarray(cv2.transform(image, self._drift(index / options.fps)), np.uint8)
        if self._sigma:
            image = self._noisy(image, index)
        if options.clock:
            self._burn_clock(image, index)
        return image

    def _drift(self, time_s: float) -> NDArray[np.float64]:
        """The matrix (3, 3) that puts this moment's light onto the colours of a picture."""
        waves = np.sin(2 * math.pi * time_s / self._periods_s + self._offsets)
        gain = 1 + 0.035 * waves[0] + 0.025 * waves[1]
        warmth = 0.0 if self._options.night else 0.012 * waves[2]
        return np.diag(gain * np.array([1 - warmth, 1.0, 1 + warmth]))

    def _noisy(self, image: BGR, index: int) -> BGR:
        options = self._options
        more, less = _noise_field(options.width, options.height, self._sigma, options.night)
        rng = np.random.default_rng([options.seed, options.camera, 6, index])
        y, x = rng.integers(0, _SPARE, 2).tolist()
        rows, columns = slice(y, y + options.height), slice(x, x + options.width)
        return np.asarray(cv2.subtract(cv2.add(image, more[rows, columns]), less[rows, columns]), np.uint8)

    def _burn_clock(self, image: BGR, index: int) -> None:
        now = _CLOCK_START + datetime.timedelta(seconds=index // self._options.fps)
        size = image.shape[0] / 720
        place = round(18 * size), round(36 * size)
        text = f"{now:%Y-%m-%d %H:%M:%S}  CAM {self._options.camera + 1:02d}"
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
            width = max(1, round(thickness * size))
            cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * size, colour, width, cv2.LINE_AA)


def _infrared_beam(width: int, height: int) -> NDArray[np.uint8]:
    """How bright the camera's own lamps make the picture (H, W), 0-255: bright in the middle."""
    x = np.linspace(-1, 1, width)[None, :]
    y = np.linspace(-1, 1, height)[:, None]
    return np.asarray(np.rint(60 + 165 * np.exp(-(x**2 * 1.1 + (y - 0.1) ** 2 * 0.9))), np.uint8)
