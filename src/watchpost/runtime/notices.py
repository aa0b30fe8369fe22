"""What a batcher tells its owner: steps of the load, and detectors that hang or fail."""

from __future__ import annotations

from dataclasses import dataclass

from watchpost.errors import WatchpostError
from watchpost.runtime.load import LoadChange


class DetectorHungError(WatchpostError):
    """The detector has not answered in time."""


@dataclass(frozen=True, slots=True)
class DetectorHang:
    """A call of the detector that did not return in time; its thread was given up."""

    wall_time_s: float
    model: str
    cameras: tuple[str, ...]
    """Whose frames were lost with it."""
    hung: int
    """Calls that hang by now."""

    def __str__(self) -> str:
        return f"{self.model} does not answer; frames lost of {', '.join(self.cameras)}; {self.hung} calls hang"


@dataclass(frozen=True, slots=True)
class DetectorFailure:
    """A detector that raised for every frame of several calls in a row."""

    wall_time_s: float
    model: str
    calls: int
    error: str
    """Of the last call."""

    def __str__(self) -> str:
        return f"{self.model} has failed {self.calls} times in a row; the last time: {self.error}"


Notice = LoadChange | DetectorHang | DetectorFailure
