"""The way that somebody takes through the room: where from, where to, how fast, with a rest or without."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from watchpost.scene.room import NEAREST_WAY_M, Room
from watchpost.scene.skeleton import Motion

Floats = NDArray[np.floating]

SIDE_ROOM_M = 0.3
"""Metres that a walker keeps from things at the least, beyond their radius."""

_STEP_M = 0.05
_PORTALS = ("left", "right", "passage")
_BRAKING_M = 0.5


class Way:
    """A way with its timetable; `motion(time)` tells what the walker does `time` seconds after setting out."""

    def __init__(self, room: Room, rng: np.random.Generator, stride_m: float) -> None:
        corners, rest_corner = _corners(room, rng)
        self._points = _around(room, _smoothed(corners))
        steps = np.linalg.norm(np.diff(self._points, axis=0), axis=1)
        travelled = np.concatenate([[0.0], np.cumsum(steps)])
        self._speed = float(rng.uniform(0.95, 1.4))
        self._cycles_per_s = self._speed / stride_m
        pace = np.ones(len(travelled))
        rest_at = None
        if rest_corner is not None:
            rest_at = int(np.linalg.norm(self._points - corners[rest_corner], axis=1).argmin())
            from_rest = np.abs(travelled - travelled[rest_at])
            pace = np.sqrt(np.clip(from_rest / _BRAKING_M, 0.04, 1))
        legs = steps / (self._speed * (pace[1:] + pace[:-1]) / 2)
        self._times = np.concatenate([[0.0], np.cumsum(legs)])
        self._pace = pace
        if rest_at is not None:
            self._rest(rest_at, float(rng.uniform(2.0, 7.0)))
        tangent = np.gradient(self._points, axis=0)
        self._heading = np.unwrap(np.arctan2(tangent[:, 0], tangent[:, 1]))
        self._first_phase = float(rng.random())
        self._look = float(rng.uniform(0.1, 0.45)), float(rng.uniform(0.1, 0.3)), float(rng.uniform(0, 6.3))
        self.duration_s = float(self._times[-1])

    def _rest(self, at: int, seconds: float) -> None:
        """Stand still at point `at`: the point is there twice, `seconds` apart."""
        self._points = np.insert(self._points, at, self._points[at], axis=0)
        self._pace = np.insert(self._pace, at, 0.0)
        self._pace[at + 1] = 0.0
        self._times = np.insert(self._times, at, self._times[at])
        self._times[at + 1 :] += seconds

    def position(self, time_s: Floats) -> Floats:
        """Where the walker is (N, 2) at times (N,) since setting out; at its ends before and after."""
        return np.stack([np.interp(time_s, self._times, column) for column in self._points.T], axis=1)

    def motion(self, time_s: float) -> Motion:
        """What the walker does at a time since setting out."""
        x, y = self.position(np.array([time_s]))[0].tolist()
        swing, rate, offset = self._look
        return Motion(
            x=x,
            y=y,
            heading=float(np.interp(time_s, self._times, self._heading)),
            phase=self._first_phase + time_s * self._cycles_per_s,
            pace=float(np.interp(time_s, self._times, self._pace)),
            look=swing * math.sin(2 * math.pi * rate * time_s + offset),
        )

    def clearance(self, x: float, y: float) -> float:
        """The smallest distance in metres that the way keeps from a point on the ground."""
        return float(np.hypot(self._points[:, 0] - x, self._points[:, 1] - y).min())


def _portal(room: Room, rng: np.random.Generator, name: str) -> list[tuple[float, float]]:
    """From out of sight to just inside."""
    if name == "passage":
        left, right = room.passage
        middle = (left + right) / 2 + float(rng.uniform(-0.25, 0.25))
        outside = (left - 1.3, right + 1.3)[int(rng.integers(2))]
        return [(outside, room.wall_y + 1.5), (middle, room.wall_y + 1.3), (middle, room.wall_y - 0.8)]
    side = -1 if name == "left" else 1
    y = float(rng.uniform(NEAREST_WAY_M + 0.2, 8.2))
    edge = max(side * room.camera.edge_x(y, side, z) for z in (0.0, 2.0))
    return [(side * (edge + 1.1), y), (side * (edge - 0.6), y)]


def _corners(room: Room, rng: np.random.Generator) -> tuple[Floats, int | None]:
    """The corners (N, 2) of a way, and the number of the one where the walker rests."""
    start, end = rng.choice(_PORTALS, 2, replace=bool(rng.random() < 0.15)).tolist()
    middles: list[tuple[float, float]] = []
    for _ in range(int(rng.integers(0, 3))):
        y = float(rng.uniform(NEAREST_WAY_M, 9.5))
        left, right = room.camera.edge_x(y, -1) + 0.9, room.camera.edge_x(y, 1) - 0.9
        low, high = sorted((max(left, room.side_wall_x + 0.7), right))  # crossed in a very narrow picture
        middles.append((float(rng.uniform(low, high)), y))
    entry = _portal(room, rng, start)
    corners = np.array([*entry, *middles, *reversed(_portal(room, rng, end))])
    rests = bool(middles) and rng.random() < 0.4
    return corners, len(entry) if rests else None


def _around(room: Room, points: Floats) -> Floats:
    """The points (N, 2), those too near to a thing pushed away from its middle."""
    for thing in room.things:
        middle = np.array([thing.x, thing.y])
        offset = points - middle
        distance = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-3)
        room_needed = thing.radius + SIDE_ROOM_M + 0.1
        points = np.where(distance < room_needed, middle + offset / distance * room_needed, points)
    return _averaged(points, 9)


def _averaged(points: Floats, window: int) -> Floats:
    """A moving average over the points (N, 2) that keeps the first and the last; `window` is odd."""
    padded = np.pad(points, ((window // 2, window // 2), (0, 0)), mode="reflect", reflect_type="odd")
    kernel = np.full(window, 1 / window)
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], axis=1)


def _smoothed(corners: Floats) -> Floats:
    """Points every few centimetres along the corners, which are rounded off."""
    steps = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(0.0, travelled[-1], _STEP_M)
    points = np.stack([np.interp(at, travelled, column) for column in corners.T], axis=1)
    window = min(19, len(points) // 4 * 2 + 1)
    return _averaged(_averaged(points, window), window)
