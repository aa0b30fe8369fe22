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
Capsule = tuple[Floats, Floats, float]
"""Two ends (3,) and a radius, metres."""
STYLES: tuple[Style, ...] = ("lobby", "courtyard", "hall")

NEAREST_WAY_M = 5.5
"""Nobody walks nearer to the camera than this: feet would leave the picture."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that stands on the ground and may hide people."""

    x: float
    y: float
    radius: float
    """Metres around (x, y) that people walk around."""
    solids: tuple[Solid, ...]
    core: Capsule
    """What casts its shadow."""


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
        height_m=float(rng.uniform(2.4, 2.75)),
        pitch=math.radians(float(rng.uniform(11.5, 13.0))),
        yaw=math.radians(float(rng.uniform(-3, 3))),
        focal=focal,
    )
    direction = np.array([rng.choice([-1, 1]) * rng.uniform(0.3, 0.5), -rng.uniform(0.25, 0.45), 0.8])
    wall_y = float(rng.uniform(12.2, 13.4))
    middle = float(rng.uniform(-2.6, 3.2))
    return Room(
        style=style,
        camera=camera,
        light=Light(direction / np.linalg.norm(direction)),
        wall_y=wall_y,
        side_wall_x=-float(rng.uniform(6.4, 7.0)),
        passage=(middle - 1.15, middle + 1.15),
        passage_height=2.65,
        things=_things(rng, style) if options.objects else (),
    )


def _things(rng: np.random.Generator, style: Style) -> tuple[Thing, ...]:
    side = float(rng.choice([-1, 1]))
    plant = _plant(rng, -side * float(rng.uniform(2.1, 2.6)), float(rng.uniform(6.0, 6.6)))
    if style == "courtyard":
        return _bench(side * float(rng.uniform(1.0, 2.4)), float(rng.uniform(6.8, 7.8))), plant
    pillar = _pillar(rng, side * float(rng.uniform(1.9, 2.8)), float(rng.uniform(6.6, 7.6)))
    return pillar, plant


def _painted(mesh_rows: Floats, radii: Floats, segments: int, bgr: Floats, power: float = 2.0) -> Solid:
    mesh = tube(mesh_rows, radii, segments, power=power)
    albedo = np.resize(bgr, (len(mesh.quads), 3)) if bgr.ndim == 1 else bgr
    return Solid(mesh.vertices, mesh.quads, np.asarray(albedo, np.float64))


def _column(x: float, y: float, z: Floats) -> Floats:
    return np.stack([np.full(len(z), x), np.full(len(z), y), z], axis=1)


def _upright(x: float, y: float, height: float) -> Capsule:
    return np.array([x, y, 0.0]), np.array([x, y, height]), 0.26


def _pillar(rng: np.random.Generator, x: float, y: float) -> Thing:
    z = np.array([0, 0.02, 0.22, 0.24, 0.26, 1.2, 2.2, 3.2, 5.0])
    radius = np.array([0.33, 0.33, 0.33, 0.31, 0.27, 0.27, 0.27, 0.27, 0.27])
    tone = np.array([168.0, 176, 182]) * rng.uniform(0.8, 1.05)
    body = _painted(_column(x, y, z), np.stack([radius, radius], 1), 28, tone)
    return Thing(x, y, 0.34, (body,), _upright(x, y, 2.5))


def _bench(x: float, y: float) -> Thing:
    """Stone, 1.7 m long: it hides the legs of those behind it."""
    z = np.array([0.40, 0.41, 0.49, 0.50])
    half = np.array([[0.84, 0.22], [0.86, 0.24], [0.86, 0.24], [0.84, 0.22]])
    stone = np.array([150.0, 160, 166])
    parts = [
        _painted(_column(x + side * 0.6, y, z), np.tile((0.12, 0.18), (4, 1)), 20, stone * 0.8, 8.0)
        for side, z in ((-1, np.linspace(0, 0.4, 4)), (1, np.linspace(0, 0.4, 4)))
    ]
    ends = np.array([x - 0.65, y, 0.4]), np.array([x + 0.65, y, 0.4])
    return Thing(x, y, 0.95, (*parts, _painted(_column(x, y, z), half, 32, stone, 8.0)), (*ends, 0.2))


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
    return Thing(x, y, 0.34, (pot, Solid(vertices, both, np.concatenate([green, green]))), _upright(x, y, 1.0))
