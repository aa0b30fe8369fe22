"""Who comes when: visits planned so that somebody is in view for the share of time that is asked for."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from watchpost.scene.figure import Figure
from watchpost.scene.options import SceneOptions
from watchpost.scene.room import Room
from watchpost.scene.wardrobe import dress
from watchpost.scene.way import SIDE_ROOM_M, Way

Floats = NDArray[np.floating]

_TRIES = 16
_PERSONAL_SPACE_M = 0.75
_TYPICAL_VISIT_S = 10.0


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One person's visit, in frames. In view from `first` up to, not including, `end`."""

    id: int
    """Counts from 1 in the order of entering."""
    attempt: int
    """Which of the random ways was taken: the way is made again from this."""
    start: int
    """The frame at which the walker sets out, unseen."""
    first: int
    end: int


class Timetable:
    """All visits of a scene, planned as far as anybody has asked. The same options give the same visits."""

    def __init__(self, options: SceneOptions, room: Room) -> None:
        self._options = options
        self._room = room
        self._visits: list[PlannedVisit] = []
        self._rng = self._random(2)
        self._busy = 0
        self._figure = lru_cache(maxsize=48)(self._make_figure)
        self.walker = lru_cache(maxsize=256)(self._make_walker)
        quiet = (1 - options.activity) / max(options.activity, 1e-6) * _TYPICAL_VISIT_S * options.fps
        self._next_episode = round(quiet * float(self._rng.uniform(0.1, 0.5)))

    def visits(self, until: int) -> list[PlannedVisit]:
        """The visits that begin before frame `until`, in the order of entering."""
        if self._options.activity == 0 or self._options.people == 0:
            return []
        while self._next_episode < until:
            self._plan_episode()
        return [visit for visit in self._visits if visit.first < until]

    def present(self, frame: int) -> list[PlannedVisit]:
        """The visits in view at `frame`."""
        return [visit for visit in self.visits(frame + 1) if visit.end > frame]

    def _random(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._options.seed, self._options.camera, *purpose])

    def _make_figure(self, person: int) -> Figure:
        rng = self._random(3, person)
        return Figure(dress(rng), rng)

    def _make_walker(self, person: int, attempt: int) -> tuple[Figure, Way]:
        """The body of a person, and the way of an attempt."""
        figure = self._figure(person)
        return figure, Way(self._room, self._random(4, person, attempt), figure.stride_m)

    def _plan_episode(self) -> None:
        """Somebody in view without a break: a visit, and others that overlap it."""
        begin = end = self._next_episode
        fps = self._options.fps
        episode: list[PlannedVisit] = []
        for number in range(int(self._rng.integers(1, 2 * self._options.people + 1))):
            first = begin
            if number:
                earliest = max(episode[-1].first + fps // 2, self._earliest(episode))
                latest = min(end - fps, episode[-1].first + 3 * fps)
                first = int(self._rng.integers(earliest, max(latest, earliest) + 1))
            if first > end:
                break
            visit = self._plan_visit(first, episode)
            episode.append(visit)
            end = max(end, visit.end)
        self._visits += episode
        self._busy += end - begin
        quiet = self._busy / self._options.activity - end
        jitter = float(self._rng.uniform(0.6, 1.2)) if quiet > 0 else 1.0
        self._next_episode = end + max(0, round(quiet * jitter))

    def _earliest(self, episode: list[PlannedVisit]) -> int:
        """The first frame at which one more person is not one too many."""
        ends = sorted(visit.end for visit in episode)
        return ends[-self._options.people] if len(ends) >= self._options.people else 0

    def _plan_visit(self, first: int, others: list[PlannedVisit]) -> PlannedVisit:
        """A visit that enters at frame `first`, on a way that runs through nobody and nothing if there is one."""
        person = len(self._visits) + len(others) + 1
        best: tuple[float, PlannedVisit] | None = None
        for attempt in itertools.count():
            if attempt >= _TRIES and best is not None:
                break
            if attempt < _TRIES and self._clearance(person, attempt) < 0:
                continue
            in_view = self._in_view(person, attempt)
            if in_view is None:
                continue
            enters, leaves = in_view
            visit = PlannedVisit(person, attempt, first - enters, first, first + leaves - enters)
            room_left = self._room_left(visit, others)
            if best is None or room_left > best[0]:
                best = room_left, visit
            if room_left >= 0:
                break
        assert best is not None  # noqa: S101 - the loop ends with one
        return best[1]

    def _clearance(self, person: int, attempt: int) -> float:
        """By how many metres a way keeps clear of the things that stand about; negative where it collides."""
        _, way = self.walker(person, attempt)
        room = self._room
        return min((way.clearance(thing.x, thing.y) - thing.radius - SIDE_ROOM_M for thing in room.things), default=0.0)

    def _room_left(self, visit: PlannedVisit, others: list[PlannedVisit]) -> float:
        """By how many metres the visit keeps clear of things and people; negative where it collides."""
        _, way = self.walker(visit.id, visit.attempt)
        left = [self._clearance(visit.id, visit.attempt)]
        for other in others:
            frames = np.arange(max(visit.first, other.first), min(visit.end, other.end), 2)
            if len(frames):
                _, others_way = self.walker(other.id, other.attempt)
                mine = way.position((frames - visit.start) / self._options.fps)
                theirs = others_way.position((frames - other.start) / self._options.fps)
                left.append(float(np.hypot(*(mine - theirs).T).min()) - _PERSONAL_SPACE_M)
        return min(left)

    def _in_view(self, person: int, attempt: int) -> tuple[int, int] | None:
        """The frames after setting out at which the walker comes into view and is out of it again, if ever."""
        figure, way = self.walker(person, attempt)
        fps = self._options.fps
        count = math.ceil(way.duration_s * fps)
        inside = np.flatnonzero(self._is_inside(way.position(np.arange(count) / fps)))
        if not len(inside):  # it leads around something that stands just inside the picture
            return None

        def is_seen(frame: int) -> bool:
            motion = way.motion(frame / fps)
            low, high = self._window(motion.y)
            pixels, _ = self._room.camera.project(figure.vertices(motion))
            edges = np.minimum(pixels.max(axis=0), high) - np.maximum(pixels.min(axis=0), low)
            return bool((edges >= 1).all())

        enters, before = int(inside[0]), -1  # seen at the one, not at the other
        while enters - before > 1:
            middle = (enters + before) // 2
            enters, before = (middle, before) if is_seen(middle) else (enters, middle)
        last, after = int(inside[-1]), count
        while after - last > 1:
            middle = (last + after) // 2
            last, after = (middle, after) if is_seen(middle) else (last, middle)
        return enters, after

    def _is_inside(self, points: Floats) -> NDArray[np.bool_]:
        """Whether a body on ground points (N, 2) is surely in the picture, on this side of the far wall."""
        camera = self._room.camera
        feet, depth = camera.project(np.column_stack([points, np.full(len(points), 0.2)]))
        heads, _ = camera.project(np.column_stack([points, np.full(len(points), 1.4)]))
        half_width = 0.1 * camera.focal / depth
        is_beside = (heads[:, 0] + half_width < 1) | (heads[:, 0] - half_width > camera.width - 1)
        is_above_or_below = (feet[:, 1] < 1) | (heads[:, 1] > camera.height - 1)
        return np.asarray(~is_beside & ~is_above_or_below & (points[:, 1] < self._room.wall_y))

    def _window(self, y: float) -> tuple[Floats, Floats]:
        """Corners of the part of the picture where somebody at distance `y` may be seen."""
        room = self._room
        whole = np.array([0.0, 0.0]), np.array([room.camera.width, room.camera.height], np.float64)
        if y < room.wall_y:
            return whole
        (left, right), top = room.passage, room.passage_height
        corners = np.array([[left, room.wall_y, 0], [right, room.wall_y, 0], [left, room.wall_y, top]])
        pixels, _ = room.camera.project(np.array([*corners, [right, room.wall_y, top]]))
        return np.maximum(pixels.min(axis=0), whole[0]), np.minimum(pixels.max(axis=0), whole[1])
