"""What a server counts, at one moment: for `watchpost explain` and for metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchpost.runtime.camera import Camera
from watchpost.video.gate_explained import Explanation


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """One camera, since it was started the last time."""

    name: str
    packets: int
    """Received."""
    decoded: int
    """Frames, those decoded a second time too."""
    analysed: int
    """Frames tracked and judged."""
    dropped: int
    """Frames that were too late for the detector."""
    skipped: int
    """Decoded frames that the wanted rate did not ask for."""
    events: int
    losses: int
    """How often its connection was lost."""
    starts: int
    """How often it was started: more than once where it failed."""
    gate: Explanation | None
    """`None` where every frame is decoded: of a file."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All cameras, and the batcher that they share."""

    cameras: tuple[CameraFigures, ...]
    batcher: Mapping[str, float]
    """As `Batcher.counts` names them."""


def camera_figures(camera: Camera, losses: int, starts: int) -> CameraFigures:
    """What a running camera has counted; from any thread."""
    stats, gate = camera.stats, camera.gate
    return CameraFigures(
        name=camera.name,
        packets=stats.packets,
        decoded=stats.decoded,
        analysed=stats.frames,
        dropped=stats.dropped,
        skipped=stats.skipped,
        events=stats.events,
        losses=losses,
        starts=starts,
        gate=None if gate is None else gate.explain(),
    )
