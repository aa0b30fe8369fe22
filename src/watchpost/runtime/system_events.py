"""Events about the server itself, beside those of its cameras: load steps, detectors, worker processes, recordings and
cameras that break and come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from watchpost.runtime.load import LoadChange
from watchpost.types import Event, Moment, new_event_id

SERVER: Final = "watchpost"
"""What such events have for a camera."""
RULE: Final = "system"
"""What they have for a rule and for a class."""


def load_changed(change: LoadChange) -> Event:
    """`load_changed`: something is given up, or taken back."""
    return _event(
        "load_changed",
        change.wall_time_s,
        level=int(change.after),
        before=int(change.before),
        busy=round(change.load.busy, 3),
        dropped=round(change.load.dropped_share, 3),
        reason=str(change),
    )


def detector_failed(model: str, wall_time_s: float, reason: str) -> Event:
    """`detector_failed`: a model hangs or fails, and nothing of its cameras is analysed."""
    return _event("detector_failed", wall_time_s, model=model, reason=reason)


def detector_recovered(model: str, wall_time_s: float, out_s: float) -> Event:
    """`detector_recovered`: the model was opened anew, after so many seconds."""
    return _event("detector_recovered", wall_time_s, model=model, duration_s=round(out_s, 1))


def worker_failed(worker: str, wall_time_s: float, cameras: int, reason: str) -> Event:
    """`worker_failed`: a worker process is gone, and so many cameras are not seen until it is started again."""
    return _event("worker_failed", wall_time_s, worker=worker, cameras=cameras, reason=reason)


def worker_recovered(worker: str, wall_time_s: float, out_s: float) -> Event:
    """`worker_recovered`: it reports again, after so many seconds."""
    return _event("worker_recovered", wall_time_s, worker=worker, duration_s=round(out_s, 1))


def camera_blind(camera: str, since_wall_time_s: float, wall_time_s: float, state: str, reason: str) -> Event:
    """`camera_blind`: a camera has shown nothing since then; `state` is that of its `CameraStatus`."""
    told = _event("camera_blind", wall_time_s, camera=camera, state=state, reason=reason)
    return replace(told, start=Moment(0.0, since_wall_time_s))


def camera_seen_again(camera: str, wall_time_s: float, out_s: float) -> Event:
    """`camera_seen_again`: it shows something again, after so many seconds."""
    return _event("camera_seen_again", wall_time_s, camera=camera, duration_s=round(out_s, 1))


def recording_failed(camera: str, wall_time_s: float, reason: str) -> Event:
    """`recording_failed`: a camera is not recorded although it should be."""
    return _event("recording_failed", wall_time_s, camera=camera, reason=reason)


def recording_recovered(camera: str, wall_time_s: float) -> Event:
    """`recording_recovered`: it is recorded again."""
    return _event("recording_recovered", wall_time_s, camera=camera)


def disk_full(wall_time_s: float, freed_bytes: int) -> Event:
    """`disk_full`: so much of the oldest recordings had to be deleted before their time."""
    return _event("disk_full", wall_time_s, freed_mb=round(freed_bytes / 1e6, 1))


def _event(kind: str, wall_time_s: float, **attributes: str | float) -> Event:
    moment = Moment(0.0, wall_time_s)  # it has no camera, so no camera's time
    return Event(
        id=new_event_id(),
        camera=SERVER,
        rule=RULE,
        kind=kind,
        class_name=RULE,
        track_id=None,
        start=moment,
        end=moment,
        score=1.0,
        box=None,
        attributes=dict(attributes),
    )
