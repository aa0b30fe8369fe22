"""From counts that only rise to what went on in a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchpost.clock import Clock
from watchpost.runtime.figures import CameraFigures, Figures

_CAMERA: Final = ("packets", "decoded", "analysed", "dropped")
_BATCHER: Final = {"detected": "detected_fps", "busy_s": "detector_busy"}
_RECORDED: Final = "recorded"


class Rates:
    """Compares what was counted with the time before. Its methods are called from one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before_s: float | None = None
        self._cameras: dict[str, dict[str, int]] = {}
        self._batcher: Mapping[str, float] = {}

    def read(self, figures: Figures) -> dict[str, float]:
        """Of all cameras together since the last time: `packets_fps`, `decoded_fps`, `analysed_fps`, `dropped_fps`,
        `recorded_mbit` (a second), `detected_fps`, `detector_busy` (share of the workers' time, 0-1); and of this
        moment `load_level`, `cameras` and `waiting_frames`.

        The first time there is nothing to compare with: of this moment alone.
        """
        now_s = self._clock.monotonic_s()
        passed_s = 0.0 if self._before_s is None else now_s - self._before_s
        cameras = {camera.name: _counts(camera) for camera in figures.cameras}
        found = {
            "cameras": float(len(cameras)),
            "load_level": figures.batcher.get("level", 0.0),
            "waiting_frames": figures.batcher.get("waiting", 0.0),
        }
        if passed_s > 0:
            for name in _CAMERA:
                found[f"{name}_fps"] = self._risen(cameras, name) / passed_s
            found["recorded_mbit"] = self._risen(cameras, _RECORDED) * 8e-6 / passed_s
            for key, name in _BATCHER.items():
                found[name] = _rise(figures.batcher.get(key, 0.0), self._batcher.get(key)) / passed_s
            found["detector_busy"] /= max(1.0, figures.batcher.get("workers", 1.0))
        self._before_s, self._cameras, self._batcher = now_s, cameras, dict(figures.batcher)
        return found

    def _risen(self, cameras: Mapping[str, Mapping[str, int]], name: str) -> float:
        return sum(_rise(counts[name], self._cameras.get(each, {}).get(name)) for each, counts in cameras.items())


def _counts(camera: CameraFigures) -> dict[str, int]:
    counts: dict[str, int] = {name: getattr(camera, name) for name in _CAMERA}
    return counts | {_RECORDED: 0 if camera.recording is None else camera.recording.bytes}


def _rise(now: float, before: float | None) -> float:
    """What was added: a camera that was started anew counts from 0 again, one that is new has all of it."""
    return now if before is None or now < before else now - before
