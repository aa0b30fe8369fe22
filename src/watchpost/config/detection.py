"""How the detectors of a server are shared, and what is given up when there is too much to do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from watchpost.options import Fraction01, Seconds, Settings

Fps = Annotated[float, Field(gt=0, le=1000)]
"""Frames per second."""


class LoadOptions(Settings):
    """When something is given up because there is more to detect than fits, and when it is taken back."""

    slower_fps: Fps = 2.0
    """Analysed frames a second of quiet cameras at level 1."""
    slowest_fps: Fps = 0.5
    """Analysed frames a second of quiet cameras from level 2 on."""
    high_busy: Fraction01 = 0.9
    """Share of their time that the detectors work, from which on they may be overloaded, ..."""
    high_dropped: Fraction01 = 0.05
    """... and share of the wanted frames that were replaced by newer ones, from which on they are."""
    overloaded_for: Seconds = 3.0
    """How long it must be so before the next thing is given up."""
    low_busy: Fraction01 = 0.7
    """Share of their time below which there is room to take something back."""
    relaxed_for: Seconds = 30.0
    """How long it must be so. Doubled, up to 16 times, each time that what was taken back had to be given up again."""

    @model_validator(mode="after")
    def _in_order(self) -> LoadOptions:
        if self.slowest_fps > self.slower_fps:
            raise ValueError("slowest_fps must not be above slower_fps")
        if self.low_busy > self.high_busy:
            raise ValueError("low_busy must not be above high_busy")
        return self


class DetectionOptions(Settings):
    """How the detectors are run for all cameras together."""

    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    """Calls of detectors at once; nothing: as many as processor cores, or 2 where a model runs on an accelerator. Of
    each worker process, where there are several."""
    hang_after: Annotated[Seconds, Field(gt=0)] = 30.0
    """A call that takes longer is given up, and its model is opened anew."""
    load: LoadOptions = LoadOptions()
    """When something is given up because there is more to detect than fits."""
