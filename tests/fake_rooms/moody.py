"""A detector plugin that does what `act` says, and notes which of its kind were opened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fakes import SIZE
from watchpost import options
from watchpost.errors import ConfigError
from watchpost.types import Detections, Frame

opened: list[Moody] = []
refusals: list[str] = []
"""What the next ones to be opened say instead."""
acts: dict[int, Callable[[], None]] = {}
"""What the detector that was opened as that one does in each call."""


class Options(options.Options):
    classes: tuple[str, ...] = ("person",)
    mark: str = ""


class Moody:
    name = "moody"

    def __init__(self, options: Options) -> None:
        self.class_names = options.classes
        self.mark = options.mark
        self.calls = 0
        self.closed = False
        self.began = threading.Event()

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        assert not self.closed
        self.calls += 1
        self.began.set()
        if act := acts.get(opened.index(self)):
            act()
        return [Detections.empty(SIZE, self.class_names) for _ in frames]

    def close(self) -> None:
        self.closed = True


def create(options: Options) -> Moody:
    if refusals:
        raise ConfigError(refusals.pop(0))
    opened.append(Moody(options))
    return opened[-1]


def forget() -> None:
    """Begin anew."""
    opened.clear()
    refusals.clear()
    acts.clear()
