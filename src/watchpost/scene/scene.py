"""A synthetic scene: any frame by its number, with its exact ground truth."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.scene.backdrop import blend, paint
from watchpost.scene.mesh import Patch, draw
from watchpost.scene.options import SceneOptions
from watchpost.scene.room import Capsule, furnish
from watchpost.scene.sensor import Sensor
from watchpost.scene.shadow import ground_shadow
from watchpost.scene.skeleton import Bone
from watchpost.scene.timetable import PlannedVisit, Timetable
from watchpost.scene.truth import Box, TruthBox, Visit
from watchpost.types import BGR

_SEEN = 128
"""A pixel belongs to somebody who covers at least half of it."""

_SHADOW_BONES = (
    (Bone.PELVIS, Bone.CHEST, 0.15),
    (Bone.CHEST, Bone.HEAD, 0.12),
    (Bone.HEAD, Bone.HEAD, 0.10),
    (Bone.RIGHT_THIGH, Bone.RIGHT_SHIN, 0.085),
    (Bone.RIGHT_SHIN, Bone.RIGHT_FOOT, 0.06),
    (Bone.LEFT_THIGH, Bone.LEFT_SHIN, 0.085),
    (Bone.LEFT_SHIN, Bone.LEFT_FOOT, 0.06),
    (Bone.RIGHT_UPPER_ARM, Bone.RIGHT_FOREARM, 0.05),
    (Bone.LEFT_UPPER_ARM, Bone.LEFT_FOREARM, 0.05),
)


class Scene:
    """The scene of one camera. `frame(index)` depends on the options and the index alone.

    Not for several threads at once: the timetable is planned while frames are asked for.
    """

    def __init__(self, options: SceneOptions) -> None:
        self.options = options
        self._room = furnish(options)
        self._backdrop = paint(self._room, np.random.default_rng([options.seed, options.camera, 7]))
        self._timetable = Timetable(options, self._room)
        self._sensor = Sensor(options)

    @property
    def frame_count(self) -> int | None:
        """Frames in the scene, `None` for a scene without end."""
        duration = self.options.duration
        return None if duration is None else math.ceil(duration * self.options.fps)

    def visits(self, until_s: float) -> list[Visit]:
        """Who enters before `until_s`, in the order of entering; who leaves after the scene's end, leaves then."""
        fps = self.options.fps
        end = math.inf if self.frame_count is None else self.frame_count
        planned = self._timetable.visits(math.ceil(min(until_s * fps, end)))
        return [Visit(visit.id, visit.first / fps, min(visit.end, end) / fps) for visit in planned]

    def frame(self, index: int) -> tuple[BGR, list[TruthBox]]:
        """Frame `index` (H, W, 3), from 0, and the people in view in it, nearest first.

        Raises `IndexError` for a frame before the scene's begin or after its end.
        """
        if index < 0 or (self.frame_count is not None and index >= self.frame_count):
            raise IndexError(f"the scene has no frame {index}")
        image = self._backdrop.bgr.copy()
        drawn = [(visit.id, *self._draw(visit, index, image)) for visit in self._timetable.present(index)]
        drawn.sort(key=lambda person: -person[1].depth)
        for _, _, shown in drawn:
            seen = shown.clipped(self.options.width, self.options.height)
            if seen is not None:
                rows, columns, part = seen
                image[rows, columns] = blend(image[rows, columns], part)
        truth = self._truth(drawn[::-1])
        return self._sensor.expose(image, index), truth

    def _draw(self, visit: PlannedVisit, index: int, image: BGR) -> tuple[Patch, Patch]:
        """Lay somebody's shadow, and draw the body: all of it, and what objects and the wall leave of it."""
        room = self._room
        figure, way = self._timetable.walker(visit.id, visit.attempt)
        motion = way.motion((index - visit.start) / self.options.fps)
        solid, joints = figure.posed(motion)
        is_beyond = motion.y > room.wall_y
        if self.options.shadows and not is_beyond:
            capsules: list[Capsule] = [(joints[a], joints[b], radius) for a, b, radius in _SHADOW_BONES]
            feet = [(float(x), float(y)) for x, y, _ in joints[[Bone.RIGHT_FOOT, Bone.LEFT_FOOT]]]
            ground_shadow(image, self._backdrop.ground, room, capsules, feet)
        depth = room.camera.depth_of(motion.x, motion.y)
        body = draw(room.camera, room.light, solid, depth, 0.7 if is_beyond else 1.0)
        if body is None:
            raise ValueError(f"visit {visit.id} has no side that faces the camera in frame {index}")
        hidden = [thing for thing in self._backdrop.things if thing.depth < depth]
        return body, self._cut(body, hidden, is_beyond=is_beyond)

    def _cut(self, body: Patch, hiding: list[Patch], *, is_beyond: bool) -> Patch:
        """The part of a body that nearer things, and the wall if it is beyond that, do not hide."""
        height, width = body.bgra.shape[:2]
        clear = np.full((height, width), 255, np.uint8)
        if is_beyond:
            clear = _window(self._backdrop.beyond_wall, body)
        for thing in hiding:
            x, y = thing.left - body.left, thing.top - body.top
            moved = Patch(x, y, thing.bgra, thing.depth).clipped(width, height)
            if moved is not None:
                rows, columns, part = moved
                clear[rows, columns] = cv2.multiply(clear[rows, columns], 255 - part[:, :, 3], scale=1 / 255)
        if clear.min() == 255:
            return body
        cut = cv2.multiply(body.bgra, cv2.merge([clear] * 4), scale=1 / 255)
        return replace(body, bgra=np.asarray(cut, np.uint8))

    def _truth(self, drawn: list[tuple[int, Patch, Patch]]) -> list[TruthBox]:
        """The truth of people (id, whole body, what objects leave of it), nearest first."""
        taken = np.zeros((self.options.height, self.options.width), np.bool_)
        truth = []
        for person, body, shown in drawn:
            whole = body.bgra[:, :, 3] >= _SEEN
            full = _bounds(whole, body.left, body.top)
            visible, count = None, 0
            seen = shown.clipped(self.options.width, self.options.height)
            if seen is not None:
                rows, columns, part = seen
                mine = (part[:, :, 3] >= _SEEN) & ~taken[rows, columns]
                taken[rows, columns] |= mine
                visible, count = _bounds(mine, columns.start, rows.start), int(np.count_nonzero(mine))
            if full is not None:
                truth.append(TruthBox(person, full, visible, count / int(np.count_nonzero(whole))))
        return truth


def _window(mask: NDArray[np.uint8], patch: Patch) -> NDArray[np.uint8]:
    """The part of a mask of the picture under a patch, 0 outside the picture."""
    window = np.zeros(patch.bgra.shape[:2], np.uint8)
    seen = patch.clipped(mask.shape[1], mask.shape[0])
    if seen is not None:
        rows, columns, _ = seen
        window[
            rows.start - patch.top : rows.stop - patch.top, columns.start - patch.left : columns.stop - patch.left
        ] = mask[rows, columns]
    return window


def _bounds(mask: NDArray[np.bool_], left: int, top: int) -> Box | None:
    """The box of a mask whose corner lies at (left, top); `None` for an empty one."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (left + x, top + y, left + x + width, top + y + height) if width and height else None
