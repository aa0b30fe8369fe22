"""What is recorded of a camera, and how much of it all is kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from watchpost.options import Seconds, Settings

Gigabytes = Annotated[float, Field(gt=0)]


def _off(value: object) -> object:
    """YAML's older readers take a bare `off` for false."""
    return "off" if value is False else value


class RecordingOptions(Settings):
    """What is recorded of a live camera, as it comes, ahead of all analysis. Files are not recorded."""

    mode: Annotated[Literal["off", "continuous", "events"], BeforeValidator(_off)] = "off"
    """`continuous`: all of it; `events`: what is around events."""
    before: Seconds = 5.0
    """With `events`, begin so long before one. Around every event it is kept as long as `keep_events` says."""
    after: Seconds = 10.0
    """With `events`, go on so long after its end, or after the last moment at which somebody was tracked."""
    keep: Annotated[Seconds, Field(gt=0)] | None = 7 * 86_400.0
    """Delete recordings that are older: `7d`. `null`: only when room is short."""
    keep_events: Annotated[Seconds, Field(gt=0)] | None = 30 * 86_400.0
    """The same for recordings of events. `null`: only when room is short."""
    gigabytes: Gigabytes | None = None
    """Most that is kept of the camera, in billions of bytes; the oldest goes first, events last. Nothing: no bound of
    its own."""
    segment: Annotated[Seconds, Field(ge=5)] = 60.0
    """Length of a file: it ends with the first key frame after this."""
    fragment: Annotated[Seconds, Field(ge=0.5)] = 2.0
    """What a power cut may cost at most. Each fragment waits for the disk: many cameras on a slow one want more."""
    sound: bool = True
    """Record the sound as well, where the camera sends some and MP4 can hold it."""


class StorageOptions(Settings):
    """How much room all recordings together may take."""

    gigabytes: Gigabytes | None = None
    """Most that is kept of all cameras, in billions of bytes; the oldest goes first, events last. Nothing: no bound but
    the disk's."""
    free_gigabytes: Annotated[float, Field(ge=0)] = 1.0
    """So much of the disk stays free: when less is, the oldest recordings go, and an alert says so."""
