"""Finding objects in pictures. A detector takes frames and returns one `Detections` for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchpost.types import Detections, Frame


class Detector(Protocol):
    """A loaded model. `detect` may be called from several threads."""

    @property
    def name(self) -> str:
        """The model's name, as results quote it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes it knows, in the order of `class_id`."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The objects in each frame, boxes in pixels of that frame, best first."""

    def close(self) -> None:
        """Let go of the model."""
