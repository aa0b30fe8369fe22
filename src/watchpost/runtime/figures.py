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
    worker: str | None = None
    """The worker process that it runs in, `None` where that is the server itself."""


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """One worker process."""

    name: str
    cameras: int
    """How many are its."""
    is_up: bool
    """It runs and answers."""
    starts: int
    """How often it was started: more than once where it died."""


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One model, since it was first opened."""

    name: str
    """Its name in the configuration, and from which confidence on it reports."""
    calls: int
    frames: int
    """In these calls."""
    failed: int
    """Frames without a result."""
    hangs: int
    """Calls that were given up."""
    busy_s: float
    """In calls, the workers' times added up."""
    restarts: int
    """How often it was opened anew because it hung or failed."""
    batch: int
    """Most frames a call."""
    is_out: bool
    """It is out of order at present."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All cameras, and the batcher that they share."""

    cameras: tuple[CameraFigures, ...]
    batcher: Mapping[str, float]
    """As `Batcher.counts` names them; of several processes' batchers the sums, of `level` the highest."""
    workers: tuple[WorkerFigures, ...] = ()
    """None where all cameras run in the server's own process."""
    models: tuple[ModelFigures, ...] = ()


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
