"""The picture of the empty room, painted once: floor and walls in perspective, light, things that stand about."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.scene.camera import GroundCamera
from watchpost.scene.mesh import Patch, draw
from watchpost.scene.room import Room, Thing
from watchpost.scene.shadow import ground_shadow
from watchpost.scene.surfaces import floor_texture, wall_texture
from watchpost.types import BGR

Floats = NDArray[np.floating]

_SCALE = 2
"""Supersampling of the walls and the floor."""
_FLOOR_HALF_WIDTH, _FLOOR_START, _FLOOR_END = 11.0, 1.5, 20.0
_WALL_HEIGHT = 9.0


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The empty room as the camera sees it."""

    bgr: BGR
    ground: NDArray[np.uint8]
    """(H, W) 255 where the bare floor is seen: shadows fall there."""
    beyond_wall: NDArray[np.uint8]
    """(H, W) 255 where somebody behind the far wall would be seen: through the passage."""
    things: tuple[Patch, ...]
    """What stands about: it hides those who are farther away."""


def paint(room: Room, rng: np.random.Generator) -> Backdrop:
    """Paint the room."""
    camera = room.camera
    size = (camera.width, camera.height)
    floor, floor_metres = floor_texture(room, rng, _FLOOR_HALF_WIDTH, _FLOOR_START, _FLOOR_END)
    wall, wall_metres, hole = wall_texture(room, rng, _FLOOR_HALF_WIDTH, _WALL_HEIGHT)
    origin = np.array([-_FLOOR_HALF_WIDTH, _FLOOR_START, 0.0])
    right, away, up = np.eye(3)
    floor_to_image = camera.plane_to_pixels(origin, right, away)
    origin = np.array([-_FLOOR_HALF_WIDTH, room.wall_y, 0.0])
    wall_to_image = camera.plane_to_pixels(origin, right, up)
    mirrored = camera.plane_to_pixels(origin, right, -up)

    ground = _warp(floor, floor_to_image, floor_metres, size)
    gloss = {"lobby": 0.16, "courtyard": 0.0, "hall": 0.22}[room.style]
    if gloss:
        reflection = _warp(wall, mirrored, wall_metres, size)
        blurred = cv2.GaussianBlur(reflection, (0, 0), 1 + camera.height / 90)
        ground = ground * (1 - gloss) + blurred * gloss
    picture = ground
    back = _warp(wall, wall_to_image, wall_metres, size)
    is_wall = _warp(np.full(wall.shape[:2], 255, np.float32), wall_to_image, wall_metres, size)
    is_hole = _warp(hole, wall_to_image, wall_metres, size)
    picture = _over(_corridor(room, picture, camera), back, np.clip(is_wall - is_hole, 0, 255))
    picture, is_side = _side_wall(room, wall, wall_metres, picture, rng)
    bare = np.clip(255 - is_wall - is_side, 0, 255).astype(np.uint8)
    beyond = np.clip(is_hole - is_side, 0, 255).astype(np.uint8)
    picture = _vignette(picture)
    image = np.clip(picture, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 * camera.height / 720 + 0.2), np.uint8)
    patches: list[Patch] = []
    for thing in sorted(room.things, key=lambda thing: -camera.depth_of(thing.x, thing.y)):
        image = _add_thing(room, thing, image, bare, patches)
    for patch in patches:
        _cover(bare, patch)
    return Backdrop(image, bare, beyond, tuple(patches))


def _warp(texture: Floats, to_image: Floats, metres_per_pixel: float, size: tuple[int, int]) -> Floats:
    """A plane's texture (h, w[, 3]) in the picture; 0 beyond its edges."""
    shrink = np.diag([metres_per_pixel, metres_per_pixel, 1.0])
    enlarge = np.diag([_SCALE, _SCALE, 1.0])
    big = cv2.warpPerspective(
        texture.astype(np.uint8), enlarge @ to_image @ shrink, (size[0] * _SCALE, size[1] * _SCALE)
    )
    return np.asarray(cv2.resize(big, size, interpolation=cv2.INTER_AREA), np.float32)


def _over(below: Floats, above: Floats, alpha: Floats) -> Floats:
    share = alpha[:, :, None] / 255
    return np.asarray(below * (1 - share) + above * share)


def _corridor(room: Room, floor: Floats, camera: GroundCamera) -> Floats:
    """The floor, and above the far wall's foot the dim end of the passage behind it."""
    end_y = room.wall_y + 4.0
    ends, _ = camera.project(np.array([[0.0, end_y, 0.0], [0.0, end_y, room.passage_height]]))
    rows = np.arange(camera.height, dtype=np.float32)
    lit = np.clip((rows - ends[1, 1]) / max(ends[0, 1] - ends[1, 1], 1), 0, 1)
    tone = np.array([118.0, 132, 146]) * (0.55 + 0.45 * lit[:, None])
    corridor = np.broadcast_to(tone[:, None, :], floor.shape)
    foot, _ = camera.project(np.array([[0.0, room.wall_y, 0.0]]))
    floor = floor * np.where(rows < foot[0, 1], 0.75, 1.0)[:, None, None]
    return np.where((rows < ends[0, 1])[:, None, None], corridor, floor)


def _side_wall(
    room: Room, wall: Floats, metres: float, picture: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The wall to the left: plainer and darker than the far one, which its texture is cut from."""
    camera = room.camera
    size = (camera.width, camera.height)
    start = room.wall_y - 6.0
    height, width = wall.shape[:2]
    plain = wall[:, :1].repeat(min(width, int(6.0 / metres)), axis=1)
    plain = plain * (0.78 + rng.normal(0, 0.012, plain.shape[:2]))[:, :, None]
    plain[:, -int(0.5 / metres) :] *= np.linspace(1, 0.75, int(0.5 / metres))[None, :, None]
    to_image = camera.plane_to_pixels(
        np.array([room.side_wall_x, start, 0.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    )
    side = _warp(np.clip(plain, 0, 255), to_image, metres, size)
    mask = _warp(np.full((height, plain.shape[1]), 255, np.float32), to_image, metres, size)
    return _over(picture, side, mask), mask


def _vignette(picture: Floats) -> Floats:
    height, width = picture.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return np.asarray(picture * (1 - 0.10 * (x * x + y * y))[:, :, None])


def _add_thing(room: Room, thing: Thing, image: BGR, ground: NDArray[np.uint8], patches: list[Patch]) -> BGR:
    depth = room.camera.depth_of(thing.x, thing.y)
    start, end, radius = thing.core
    feet = [(float(x), float(y)) for x, y, _ in (start, end)]
    ground_shadow(image, ground, room, [thing.core], feet, contact_m=radius * 1.25)
    for solid in thing.solids:
        patch = draw(room.camera, room.light, solid, depth)
        if patch is None:
            continue
        patches.append(patch)
        seen = patch.clipped(room.camera.width, room.camera.height)
        if seen is not None:
            rows, columns, part = seen
            image[rows, columns] = blend(image[rows, columns], part)
    return image


def _cover(mask: NDArray[np.uint8], patch: Patch) -> None:
    """Take a patch's pixels out of a mask."""
    seen = patch.clipped(mask.shape[1], mask.shape[0])
    if seen is not None:
        rows, columns, part = seen
        mask[rows, columns] = np.minimum(mask[rows, columns], 255 - part[:, :, 3])


def blend(below: BGR, above: NDArray[np.uint8]) -> BGR:
    """Lay a patch (h, w, 4), its colours multiplied by its coverage, over a part of a picture (h, w, 3)."""
    through = cv2.cvtColor(255 - above[:, :, 3], cv2.COLOR_GRAY2BGR)
    behind = cv2.multiply(below, through, scale=1 / 255)
    return np.asarray(cv2.add(behind, np.ascontiguousarray(above[:, :, :3])), np.uint8)
