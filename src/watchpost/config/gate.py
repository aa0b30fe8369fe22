"""When a camera sleeps, and how much of its stream is held for the moment in which it wakes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchpost.options import Seconds, Settings


class GateOptions(Settings):
    """When a camera sleeps. Durations are camera time."""

    enabled: bool = True
    """Without it, every frame is decoded."""
    quiet: Annotated[Seconds, Field(gt=0)] = 1.0
    """Sleep after so long without a sign of life; where the analysis finds objects, without an object."""
    look: Annotated[Seconds, Field(gt=0)] = 1.5
    """While asleep, pass over key frames that come sooner than this after the last one that was decoded."""
    longest_gop: Annotated[Seconds, Field(gt=0)] = 5.0
    """Key frames further apart than this are too rare to rely on: everything is decoded. At most the ring's length."""
    threshold: Annotated[float, Field(gt=0)] = 5.0
    """Standard deviations by which the packet sizes of a second must lie off the usual to wake the camera. It rises
    with each wake for nothing, up to three times as high, and falls again with each that was right."""


class RingOptions(Settings):
    """How much of a camera's stream is held, compressed. A camera that wakes goes back to its last quiet picture."""

    seconds: Annotated[Seconds, Field(gt=0)] = 10.0
    """At most so long, in camera time."""
    megabytes: Annotated[float, Field(gt=0)] = 16.0
    """At most so much, in millions of bytes."""
