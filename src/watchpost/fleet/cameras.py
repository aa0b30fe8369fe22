"""Cameras dealt out of a few clips: each begins at another place of its clip, at another moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from watchpost.fleet.clips import Clip
from watchpost.fleet.visits import Visit, busy_s, in_camera

LONGEST_PHASE_S: Final = 5.0
"""Cameras have all begun by then, however rare their key frames are."""
_GOLDEN: Final = 0.618033988749895
"""The fractional parts of its multiples are spread evenly, however many there are."""


class Fault(StrEnum):
    """How a camera misbehaves; `faults.py` plays it."""

    STALLED = "stalled"
    """After a while it is connected and sends nothing, without an end."""
    FLAPPING = "flapping"
    """It connects, sends a few packets and breaks off, over and over."""
    CORRUPT = "corrupt"
    """Much of what it sends is damaged or cut short."""
    HEAVY = "8k"
    """Its pictures are so large that decoding them all takes about a core."""


@dataclass(frozen=True, slots=True)
class FleetCamera:
    """One camera: what a child process must know to play it."""

    name: str
    path: Path
    clip_s: float
    fps: float
    gop_s: float
    offset_s: float
    """Where in the clip it begins: at a key frame."""
    phase_s: float
    """How long after the others' start, so that key frames do not all come at once."""
    fault: Fault | None = None

    @classmethod
    def of_dict(cls, values: dict[str, Any]) -> Self:
        """The camera that `as_dict` wrote."""
        return cls(**{**values, "path": Path(values["path"]), "fault": values["fault"] and Fault(values["fault"])})

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "path": str(self.path)}


def deal(clips: Sequence[Clip], count: int) -> list[FleetCamera]:
    """`count` cameras; fewer are always the first ones of more."""
    cameras = []
    for number in range(count):
        clip = clips[number % len(clips)]
        gops = int(clip.seconds // clip.gop_s)
        # the first camera of each clip begins with it, the others are spread over it
        gop = int(number // len(clips) * _GOLDEN % 1 * gops)
        cameras.append(
            FleetCamera(
                name=f"camera{number + 1:03d}",
                path=clip.path,
                clip_s=clip.seconds,
                fps=clip.fps,
                gop_s=clip.gop_s,
                offset_s=gop * clip.gop_s,
                phase_s=round(number * _GOLDEN % 1 * min(clip.gop_s, LONGEST_PHASE_S), 3),
            )
        )
    return cameras


def truth(clips: Sequence[Clip], cameras: Sequence[FleetCamera], until_s: float) -> list[list[Visit]] | None:
    """Each camera's visits until a moment of camera time; `None` where a clip's are not known."""
    of_clip = {clip.path: clip for clip in clips}
    visits = []
    for camera in cameras:
        in_clip = of_clip[camera.path].visits
        if in_clip is None:
            return None
        visits.append(in_camera(in_clip, camera.clip_s, camera.offset_s, until_s))
    return visits


def activity(visits: Sequence[Sequence[Visit]], begin_s: float, end_s: float) -> float:
    """Share of the cameras' time with somebody in view, 0-1."""
    return sum(busy_s(each, begin_s, end_s) for each in visits) / (len(visits) * (end_s - begin_s))
