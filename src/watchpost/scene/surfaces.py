"""Textures of floor and walls, painted flat in plane coordinates with their light on them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.scene.room import Room

Floats = NDArray[np.floating]


def _pixels_per_metre(room: Room) -> int:
    """Fine enough for what the camera resolves at the near edge of its picture, and no finer."""
    return int(np.clip(room.camera.width / 13, 32, 150))


@dataclass(frozen=True, slots=True)
class _Palette:
    floor: tuple[float, float, float]
    floor_other: tuple[float, float, float]
    tile_m: float
    wall: tuple[float, float, float]
    base: tuple[float, float, float]
    """The lower part of the wall."""
    glass: tuple[float, float, float]


_PALETTES = {
    "lobby": _Palette((158, 172, 184), (150, 162, 172), 0.9, (166, 184, 196), (66, 92, 124), (206, 190, 164)),
    "courtyard": _Palette((128, 136, 142), (116, 126, 136), 0.45, (84, 104, 142), (112, 116, 120), (150, 134, 108)),
    "hall": _Palette((150, 154, 150), (122, 128, 126), 0.75, (174, 176, 172), (128, 108, 84), (196, 186, 170)),
}


def _clouds(rng: np.random.Generator, shape: tuple[int, int], cell: int) -> Floats:
    """Smooth noise (h, w) float32 about 0, with blobs of `cell` pixels, standard deviation about 1."""
    small = rng.normal(0, 1, (shape[0] // cell + 3, shape[1] // cell + 3)).astype(np.float32)
    big = cv2.resize(small, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
    return np.asarray(big[: shape[0], : shape[1]])


def floor_texture(
    room: Room, rng: np.random.Generator, half_width: float, start: float, end: float
) -> tuple[Floats, float]:
    """The floor from x = -half_width and y = start (its first row) on: (h, w, 3) float32, and metres a pixel."""
    scale = _pixels_per_metre(room)
    shape = int((end - start) * scale), int(2 * half_width * scale)
    palette = _PALETTES[room.style]
    tile = int(palette.tile_m * scale)
    rows, columns = shape[0] // tile + 1, shape[1] // tile + 2
    tone = rng.normal(1, 0.035, (rows, columns, 1)).astype(np.float32)
    second = rng.random((rows, columns, 1)) < 0.3
    if room.style == "hall":
        second = (np.add.outer(np.arange(rows), np.arange(columns)) % 2 == 0)[:, :, None]
    tiles = np.where(second, np.array(palette.floor_other), np.array(palette.floor)) * tone
    floor = tiles.astype(np.float32).repeat(tile, axis=0).repeat(tile, axis=1)[: shape[0]]
    if room.style == "courtyard":  # paving in running bond: every second row is shifted
        for row in range(1, rows, 2):
            floor[row * tile : (row + 1) * tile] = np.roll(floor[row * tile : (row + 1) * tile], tile // 2, axis=1)
    floor = np.ascontiguousarray(floor[:, : shape[1]])
    _grout(floor, tile, room.style == "courtyard")
    grain = 1 + 0.020 * _clouds(rng, shape, 90) + 0.016 * _clouds(rng, shape, 14) + 0.014 * _clouds(rng, shape, 3)
    light = _floor_light(room, rng, shape, half_width, start)
    return np.clip(floor * (grain * light)[:, :, None], 0, 255), 1 / scale


def _grout(floor: Floats, tile: int, is_bond: bool) -> None:
    joint = max(1, tile // 40)
    for row, y in enumerate(range(0, len(floor), tile)):
        floor[y : y + joint] *= 0.62
        shift = tile // 2 if is_bond and row % 2 else 0
        for x in range(shift, floor.shape[1], tile):
            floor[y : y + tile, x : x + joint] *= 0.66


def _floor_light(
    room: Room, rng: np.random.Generator, shape: tuple[int, int], half_width: float, start: float
) -> Floats:
    """Pools of lamplight, window light lying on the floor, and dark along the walls."""
    x = np.linspace(-half_width, half_width, shape[1], dtype=np.float32)[None, :]
    y = (start + np.arange(shape[0], dtype=np.float32) / _pixels_per_metre(room))[:, None]
    light = np.full(shape, 0.92, np.float32)
    for lamp_y in (6.0, 9.8):
        for lamp_x in (-5.0, 0.0, 5.0):
            light += 0.17 * np.exp(-((x - lamp_x) ** 2) / 5) * np.exp(-((y - lamp_y) ** 2) / 5)
    if room.style != "hall":
        sun = np.zeros(shape, np.uint8)
        slope = float(room.light.direction[0] * -1.4)
        first = float(rng.uniform(-6, -3))
        for pane in range(4):
            left = first + pane * 1.55
            corners = np.array([[0, 8.0], [1.15, 8.0], [1.15 + slope, 11.0], [slope, 11.0]]) + np.array([left, 0])
            pixels = (corners - (-half_width, start)) * _pixels_per_metre(room)
            cv2.fillConvexPoly(sun, pixels.round().astype(np.int32), 255)
        light += cv2.GaussianBlur(sun, (0, 0), 0.09 * _pixels_per_metre(room)).astype(np.float32) * (0.13 / 255)
    light *= 1 - 0.38 * np.exp(-np.abs(room.wall_y - y) / 0.35)
    light *= 1 - 0.3 * np.exp(-np.abs(x - room.side_wall_x) / 0.4)
    return light


def wall_texture(
    room: Room, rng: np.random.Generator, half_width: float, height: float
) -> tuple[Floats, float, Floats]:
    """The far wall from x = -half_width and z = 0 (its first row) on.

    Returns (h, w, 3) float32, metres a pixel, and the passage as a mask (h, w), 255 inside.
    """
    scale = _pixels_per_metre(room)
    shape = int(height * scale), int(2 * half_width * scale)
    palette = _PALETTES[room.style]
    wall = np.tile(np.array(palette.wall, np.float32), (*shape, 1))
    if room.style == "courtyard":
        _bricks(wall, rng, scale)
    else:
        _panels(wall, rng, palette, scale)
    wall *= (1 + 0.02 * _clouds(rng, shape, 70) + 0.012 * _clouds(rng, shape, 4))[:, :, None]
    wall[: int(0.12 * scale)] = np.array(palette.base) * 0.6  # skirting
    hole = np.zeros(shape, np.float32)
    middles = _furnish_wall(wall, room, rng, half_width, palette)
    left, right = ((edge + half_width) * scale for edge in room.passage)
    top = int(room.passage_height * scale)
    frame = int(0.13 * scale)
    wall[: top + frame, int(left) - frame : int(right) + frame] = np.array(palette.base) * 0.72
    hole[:top, int(left) : int(right)] = 255
    z = np.arange(shape[0], dtype=np.float32)[:, None] / scale
    x = np.linspace(-half_width, half_width, shape[1], dtype=np.float32)[None, :]
    light = 1.0 - 0.03 * z
    for middle in middles:  # lamps on the wall throw a cone down
        spread = 0.25 + 0.42 * np.clip(3.6 - z, 0, None)
        light = light + 0.20 * np.exp(-(((x - middle) / spread) ** 2)) * (z < 3.6) * np.exp(-(3.6 - z) / 3)
    light = light * (1 - 0.25 * np.exp(-z / 0.25))
    light = light * (1 - 0.3 * np.exp(-np.abs(x - room.side_wall_x) / 0.5))
    return np.clip(wall * light[:, :, None], 0, 255), 1 / scale, hole


def _bricks(wall: Floats, rng: np.random.Generator, scale: int) -> None:
    length, course = int(0.25 * scale), int(0.09 * scale)
    for row, z in enumerate(range(0, len(wall), course)):
        tones = rng.normal(1, 0.09, wall.shape[1] // length + 2).astype(np.float32).repeat(length)
        shift = length // 2 if row % 2 else 0
        wall[z : z + course] *= tones[shift : shift + wall.shape[1]][None, :, None]
        wall[z : z + 1] = (122, 132, 138)
        wall[z : z + course, (length - shift) % length :: length] = (122, 132, 138)


def _panels(wall: Floats, rng: np.random.Generator, palette: _Palette, scale: int) -> None:
    """Panelling up to 1.1 m with a rail on it; joints in the plaster above."""
    rail = int(1.1 * scale)
    width = int(0.8 * scale)
    for x in range(0, wall.shape[1], width):
        wall[:rail, x : x + width] = np.array(palette.base) * rng.normal(1, 0.05)
        wall[:rail, x : x + 2] *= 0.7
    wall[rail : rail + int(0.06 * scale)] = np.array(palette.base) * 1.25
    for x in range(width, wall.shape[1], width * 3):
        wall[rail:, x : x + 1] *= 0.86
    wall[int(3.1 * scale) : int(3.1 * scale) + 2] *= 0.86


def _furnish_wall(
    wall: Floats, room: Room, rng: np.random.Generator, half_width: float, palette: _Palette
) -> list[float]:
    """Windows, doors and pictures on the wall; returns where lamps hang, x in metres."""
    scale = _pixels_per_metre(room)
    lamps = []
    kinds = ["window", "door", "poster", "window"]
    first = int(rng.integers(len(kinds)))
    for number, middle in enumerate(np.arange(-9.0, 9.1, 2.9)):
        if room.passage[0] - 1.35 < middle < room.passage[1] + 1.35:
            continue
        place = _Place(wall, float(middle) + half_width, scale)
        kind = kinds[(number + first) % len(kinds)]
        if kind == "window":
            _window(place, rng, palette)
        elif kind == "door":
            _door(place, palette)
        else:
            _poster(place, rng)
        lamps.append(float(middle) + 1.4)
    return lamps


@dataclass(frozen=True, slots=True)
class _Place:
    """A place on a wall's texture."""

    wall: Floats
    x: float
    """Metres from the wall's left end."""
    scale: int
    """Pixels a metre."""

    def fill(self, z0: float, width: float, z1: float, bgr: Floats, *, shift: float = 0.0) -> Floats:
        """Paint a rectangle `width` metres wide around the place, from z0 up to z1; returns the part painted."""
        left, right = (max(int((self.x + shift + side * width / 2) * self.scale), 0) for side in (-1, 1))
        part = self.wall[int(z0 * self.scale) : int(z1 * self.scale), left:right]
        part[...] = bgr
        return part


def _window(place: _Place, rng: np.random.Generator, palette: _Palette) -> None:
    place.fill(1.12, 1.86, 2.78, np.array([196.0, 204, 208]))
    place.fill(1.06, 2.0, 1.13, np.array([150.0, 156, 160]))
    glass = place.fill(1.20, 1.70, 2.70, np.array(palette.glass))
    glass *= np.linspace(0.72, 1.12, len(glass))[:, None, None]
    skyline = rng.uniform(0.15, 0.5, 6).repeat(glass.shape[1] // 6 + 1)[: glass.shape[1]]
    is_house = np.linspace(0, 1, len(glass))[:, None] < skyline[None, :]
    glass[is_house] *= 0.8
    place.fill(1.20, 0.06, 2.70, np.array([190.0, 198, 202]))
    place.fill(2.2, 1.70, 2.25, np.array([190.0, 198, 202]))


def _door(place: _Place, palette: _Palette) -> None:
    base = np.array(palette.base)
    place.fill(0, 1.24, 2.24, base * 0.55)
    place.fill(0, 1.06, 2.14, base * 1.05)
    for z0, z1 in ((0.25, 0.95), (1.15, 1.95)):
        panel = place.fill(z0, 0.72, z1, base * 0.92)
        panel[:2] *= 0.75
        panel[-2:] *= 1.2
    place.fill(1.02, 0.10, 1.06, np.array([190.0, 200, 205]), shift=0.42)
    place.fill(2.34, 0.5, 2.5, np.array([70.0, 150, 60]))  # the sign above


def _poster(place: _Place, rng: np.random.Generator) -> None:
    place.fill(1.25, 1.14, 2.45, np.array([52.0, 50, 48]))
    sheet = place.fill(1.30, 1.04, 2.40, rng.uniform(110, 225, 3))
    rows, columns = sheet.shape[:2]
    for _ in range(4):
        y, x = rng.integers(0, rows), rng.integers(0, columns)
        sheet[y : y + rows // 4, x : x + columns // 2] = rng.uniform(50, 235, 3)
