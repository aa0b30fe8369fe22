"""What stays the same before a camera: where it hangs, the walls, the light, and what stands about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from watchpost.scene.camera import GroundCamera
from watchpost.scene.mesh import Light, Solid, tube
from watchpost.scene.options import SceneOptions

Floats = NDArray[np.floating]
Style = Literal["lobby", "courtyard", "hall"]
STYLES: tuple[Style, ...] = ("lobby", "courtyard", "hall")

NEAREST_WAY_M = 6.2
"""Nobody walks nearer to the camera than this: feet would leave the picture."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that stands on the ground and may hide people."""

    x: float
    y: float
    radius: float
    """Metres around (x, y) that people walk around, and that is dark on the ground."""
    solids: tuple[Solid, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """The place of one camera. World coordinates as in `GroundCamera`, metres."""

    style: Style
    camera: GroundCamera
    light: Light
    wall_y: float
    """The far wall."""
    side_wall_x: float
    """The wall to the left."""
    passage: tuple[float, float]
    """x of the left and right edge of the opening in the far wall, through which people come and go."""
    passage_height: float
    things: tuple[Thing, ...]


def furnish(options: SceneOptions) -> Room:
    """The room of one camera of a seed's site."""
    rng = np.random.default_rng([options.seed, options.camera, 1])
    style = STYLES[(options.seed + options.camera) % len(STYLES)]
    # a picture taller than 16:9 shows more ground and wall, not people cut off at the feet
    focal = max(options.width, options.height * 16 / 9) * float(rng.uniform(0.84, 0.92))
    camera = GroundCamera(
        options.width,
        options.height,
        height_m=float(rng.uniform(2.6, 3.0)),
        pitch=math.radians(float(rng.uniform(11.0, 12.5))),
        yaw=math.radians(float(rng.uniform(-3, 3))),
        focal=focal,
    )
    direction = np.array([rng.choice([-1, 1]) * rng.uniform(0.3, 0.5), -rng.uniform(0.25, 0.45), 0.8])
    wall_y = float(rng.uniform(14.0, 15.5))
    middle = float(rng.uniform(-3.0, 3.5))
    return Room(
        style=style,
        camera=camera,
        light=Light(direction / np.linalg.norm(direction)),
        wall_y=wall_y,
        side_wall_x=-float(rng.uniform(7.0, 7.8)),
        passage=(middle - 1.15, middle + 1.15),
        passage_height=2.65,
        things=_things(rng, style) if options.objects else (),
    )


def _things(rng: np.random.Generator, style: Style) -> tuple[Thing, ...]:
    side = float(rng.choice([-1, 1]))
    plant = _plant(rng, -side * float(rng.uniform(2.3, 2.9)), float(rng.uniform(6.6, 7.4)))
    if style == "courtyard":
        y = float(rng.uniform(7.6, 8.6))
        bollards = tuple(_bollard(side * (0.4 + 1.5 * i), y) for i in range(3))
        return (*bollards, plant)
    pillar = _pillar(rng, side * float(rng.uniform(2.0, 3.2)), float(rng.uniform(7.2, 8.6)))
    return pillar, plant


def _painted(mesh_rows: Floats, radii: Floats, segments: int, bgr: Floats, power: float = 2.0) -> Solid:
    mesh = tube(mesh_rows, radii, segments, power=power)
    albedo = np.resize(bgr, (len(mesh.quads), 3)) if bgr.ndim == 1 else bgr
    return Solid(mesh.vertices, mesh.quads, np.asarray(albedo, np.float64))


def _column(x: float, y: float, z: Floats) -> Floats:
    return np.stack([np.full(len(z), x), np.full(len(z), y), z], axis=1)


def _pillar(rng: np.random.Generator, x: float, y: float) -> Thing:
    z = np.array([0, 0.02, 0.22, 0.24, 0.26, 1.2, 2.2, 3.2, 5.0])
    radius = np.array([0.33, 0.33, 0.33, 0.31, 0.27, 0.27, 0.27, 0.27, 0.27])
    tone = np.array([168.0, 176, 182]) * rng.uniform(0.8, 1.05)
    body = _painted(_column(x, y, z), np.stack([radius, radius], 1), 28, tone)
    return Thing(x, y, 0.34, (body,))


def _bollard(x: float, y: float) -> Thing:
    z = np.array([0, 0.7, 0.71, 0.80, 0.81, 0.90, 0.94, 0.96])
    radius = np.array([0.085, 0.085, 0.088, 0.088, 0.085, 0.085, 0.07, 0.03])
    band = np.tile(np.array([52.0, 52, 56]), (len(z) - 1, 1))
    band[3] = (180, 200, 205)
    albedo = np.concatenate([np.repeat(band, 14, axis=0), np.tile(band[:1], (28, 1))])
    return Thing(x, y, 0.12, (_painted(_column(x, y, z), np.stack([radius, radius], 1), 14, albedo),))


def _plant(rng: np.random.Generator, x: float, y: float) -> Thing:
    z = np.array([0, 0.03, 0.5, 0.53, 0.55])
    half = np.array([0.24, 0.24, 0.30, 0.31, 0.29])
    pot = _painted(_column(x, y, z), np.stack([half, half], 1), 24, np.array([78.0, 84, 92]), power=6.0)
    leaves = 170
    turn, lift = rng.uniform(0, 2 * np.pi, leaves), rng.uniform(0.15, 1.45, leaves)
    out = np.stack([np.cos(turn) * np.cos(lift), np.sin(turn) * np.cos(lift), np.sin(lift)], axis=1)
    across = np.stack([-np.sin(turn), np.cos(turn), rng.normal(0, 0.4, leaves)], axis=1)
    length = rng.uniform(0.35, 0.85, leaves)[:, None]
    root = np.array([x, y, 0.55]) + rng.normal(0, 0.07, (leaves, 3)) * (1, 1, 0)
    tip = root + out * length - (0, 0, 0.25) * length**2
    middle = root + out * length * 0.62
    wide = across * 0.045
    vertices = np.stack([root, middle - wide, tip, middle + wide], axis=1).reshape(-1, 3)
    quads = np.arange(leaves * 4).reshape(-1, 4)
    green = np.array([44.0, 104, 62]) * rng.uniform(0.6, 1.25, (leaves, 1)) * rng.uniform(0.9, 1.1, (leaves, 3))
    both = np.concatenate([quads, quads[:, ::-1]])  # a leaf has two faces
    return Thing(x, y, 0.34, (pot, Solid(vertices, both, np.concatenate([green, green]))))
