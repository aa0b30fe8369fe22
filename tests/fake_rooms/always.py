"""A detector plugin that sees one person, always in the same place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from watchpost import options
from watchpost.types import Detections, Frame


class Options(options.Options):
    """Options of any detector."""

    confidence: float | None = None


class AlwaysDetector:
    name = "always"
    class_names = ("person",)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        box = np.array([[40, 20, 80, 110]], np.float32)
        return [Detections(box, np.array([0.9]), np.array([0]), frame.size, self.class_names) for frame in frames]

    def close(self) -> None: ...


def create(options: Options) -> AlwaysDetector:
    return AlwaysDetector()
