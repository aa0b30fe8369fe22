"""What a server counts, at one moment: for `watchpost explain` and for metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from watchpost.recordings.recorder import RecorderFigures
from watchpost.runtime.camera import Camera
from watchpost.runtime.delays import Delays
from watchpost.runtime.outputs import OutputFigures
from watchpost.runtime.taps import TapFigures
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
    failed: int = 0
    """Frames for which the detector gave no result."""
    damaged: int = 0
    """Decoded frames of which a part was lost on the way."""
    wished_fps: float | None = None
    """Analysed frames a second that it wishes at present, `None` for all."""
    granted_fps: float | None = None
    """What it is granted of these at the present load, `None` for all."""
    analysed_fps: float = 0.0
    """Over the last 5 s."""
    ring_bytes: int = 0
    """Compressed data that is held of its stream."""
    delays: Delays = field(default_factory=Delays)
    """From the arrival of each analysed frame to its result."""
    recording: RecorderFigures | None = None
    """`None` where the camera is not recorded."""
    spared: int = 0
    """Packets that were not decoded although the camera was awake: the wanted rate did not ask for them, and no other
    picture refers to them."""
    unread: int = 0
    """Packets of a camera that is recorded for which its analysis was too late."""
    viewers: int = 0
    """Who watches its stream at the moment."""
    viewer_lost: int = 0
    """Packets that viewers were too slow for."""
    worker: str | None = None
    """The worker process that it runs in, `None` where that is the server itself."""
    outputs: tuple[OutputFigures, ...] = ()
    """Where its stream is handed on to."""


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


def with_viewers(figures: Figures, viewers: Mapping[str, TapFigures]) -> Figures:
    """The same with who watches: viewers are the server's, also where a camera runs in a worker."""
    cameras = tuple(
        replace(each, viewers=viewers[each.name].viewers, viewer_lost=viewers[each.name].lost)
        if each.name in viewers
        else each
        for each in figures.cameras
    )
    return replace(figures, cameras=cameras)


def total(models: Iterable[ModelFigures]) -> tuple[ModelFigures, ...]:
    """Those of several processes, each model once: counts added up, out of order where any is."""
    sums: dict[str, ModelFigures] = {}
    for each in models:
        so_far = sums.get(each.name)
        sums[each.name] = each if so_far is None else _sum(so_far, each)
    return tuple(sums.values())


def _sum(a: ModelFigures, b: ModelFigures) -> ModelFigures:
    return ModelFigures(
        name=a.name,
        calls=a.calls + b.calls,
        frames=a.frames + b.frames,
        failed=a.failed + b.failed,
        hangs=a.hangs + b.hangs,
        busy_s=a.busy_s + b.busy_s,
        restarts=a.restarts + b.restarts,
        batch=max(a.batch, b.batch),
        is_out=a.is_out or b.is_out,
    )


def camera_figures(
    camera: Camera, losses: int, starts: int, recording: RecorderFigures | None = None, unread: int = 0
) -> CameraFigures:
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
        failed=camera.failed,
        damaged=stats.damaged,
        wished_fps=_finite(camera.wished_fps),
        granted_fps=_finite(camera.granted_fps),
        analysed_fps=stats.fps(),
        ring_bytes=camera.ring_bytes,
        delays=stats.delays.delays(),
        recording=recording,
        spared=camera.spared,
        unread=unread,
    )


def _finite(fps: float) -> float | None:
    return fps if math.isfinite(fps) else None


def with_outputs(figures: Figures, outputs: Mapping[str, tuple[OutputFigures, ...]]) -> Figures:
    """The same, with what each camera's outputs have done."""
    cameras = (replace(camera, outputs=outputs.get(camera.name, ())) for camera in figures.cameras)
    return replace(figures, cameras=tuple(cameras))
