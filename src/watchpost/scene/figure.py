"""A person as a mesh: tubes for torso, limbs and head, bent by the skeleton (linear blend skinning)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from watchpost.scene.anatomy import ARM, HEAD, LEG, SHOE, TORSO
from watchpost.scene.gait import Stride
from watchpost.scene.mesh import Mesh, Solid, resample, tube
from watchpost.scene.skeleton import ANKLE, ELBOW, HIP, KNEE, SHOULDER, STATURE_M, Bone, Motion, pose, stride_length_m
from watchpost.scene.wardrobe import Look

Floats = NDArray[np.floating]


def _rise(z: Floats, middle: float, half: float) -> Floats:
    """0 below, 1 above, a smooth step of `half` metres to either side."""
    t = np.clip((z - middle + half) / (2 * half), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


class _Builder:
    """Collects the parts of a figure."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._vertices: list[Floats] = []
        self._weights: list[Floats] = []
        self._quads: list[NDArray[np.intp]] = []
        self._albedo: list[Floats] = []
        self._bumps: list[Floats] = []
        self._count = 0

    def add(
        self,
        mesh: Mesh,
        weigh: dict[Bone, Floats | float],
        paint: Callable[[Floats], Floats],
        *,
        creases: float = 0.0,
    ) -> None:
        """Add a mesh with the share of each bone in its vertices, and the colour of each quad's middle.

        `creases` tilts the normals at random: folds of cloth.
        """
        weights = np.zeros((len(mesh.vertices), len(Bone)))
        for bone, share in weigh.items():
            weights[:, bone] = share
        middle = mesh.vertices[mesh.quads].mean(axis=1)
        self._vertices.append(mesh.vertices)
        self._weights.append(weights)
        self._quads.append(mesh.quads + self._count)
        self._albedo.append(paint(middle) * self._rng.normal(1, 0.015, (len(middle), 1)))
        self._bumps.append(self._folds(middle) * creases)
        self._count += len(mesh.vertices)

    def _folds(self, middle: Floats) -> Floats:
        """A smooth random vector field: a few waves across the cloth."""
        folds = np.zeros_like(middle)
        for _ in range(5):
            wave = self._rng.normal(0, 1, 3) * (22, 22, 30)
            folds += np.sin(middle @ wave + self._rng.uniform(0, 6.3))[:, None] * self._rng.normal(0, 1, 3)
        return folds

    def parts(self) -> tuple[Floats, Floats, NDArray[np.intp], Floats, Floats]:
        """Vertices, weights, quads, albedo and bumps of all."""
        return (
            np.concatenate(self._vertices),
            np.concatenate(self._weights),
            np.concatenate(self._quads),
            np.concatenate(self._albedo),
            np.concatenate(self._bumps),
        )


class Figure:
    """One person's body, dressed; `posed` bends it."""

    def __init__(self, look: Look, rng: np.random.Generator) -> None:
        self.scale = look.stature_m / STATURE_M
        self.stride = Stride(leg_swing=float(rng.uniform(0.98, 1.15)), arm_swing=float(rng.uniform(0.6, 1.2)))
        self.stride_m = stride_length_m(self.stride, self.scale)
        builder = _Builder(rng)
        _add_torso(builder, look)
        for side in (1, -1):
            _add_leg(builder, look, side)
            _add_arm(builder, look, side)
        _add_head(builder, look)
        _add_extras(builder, look)
        vertices, self._weights, self._quads, self._albedo, self._bumps = builder.parts()
        self._vertices = np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1)

    def vertices(self, motion: Motion) -> Floats:
        """All vertices (V, 3) in the world."""
        return self._skin(pose(motion, self.stride, self.scale))

    def posed(self, motion: Motion) -> tuple[Solid, Floats]:
        """The figure ready for drawing, and where the upper joint of each bone is (13, 3)."""
        bones = pose(motion, self.stride, self.scale)
        return Solid(self._skin(bones), self._quads, self._albedo, self._bumps), _joints(bones)

    def _skin(self, bones: Floats) -> Floats:
        blended = (self._weights @ bones[:, :3].reshape(len(bones), 12)).reshape(-1, 3, 4)
        return np.asarray(np.einsum("vij,vj->vi", blended, self._vertices))


_REST_JOINTS = np.array(
    [
        (0, 0, HIP[2]),
        (0, 0, 1.4),
        (0, 0, 1.64),
        *((side * x, y, z) for side in (1, -1) for x, y, z in (HIP, KNEE, ANKLE)),
        *((side * x, y, z) for side in (1, -1) for x, y, z in (SHOULDER, ELBOW)),
    ]
)


def _joints(bones: Floats) -> Floats:
    return np.asarray(np.einsum("bij,bj->bi", bones[:, :3, :3], _REST_JOINTS) + bones[:, :3, 3])


def _constant(colour: tuple[float, float, float]) -> Callable[[Floats], Floats]:
    return lambda middle: np.tile(np.array(colour), (len(middle), 1))


def _cloth(look: Look, middle: Floats) -> Floats:
    """The top's colour at points (N, 3) of the torso or the sleeves."""
    x, y, z = middle.T
    first, second = np.array(look.top_bgr), np.array(look.top_other_bgr)
    if look.top_pattern == "stripes":
        chosen = (z / 0.058 % 1) < 0.42
    elif look.top_pattern == "plaid":
        share = 0.5 * ((z / 0.09 % 1) < 0.4) + 0.5 * ((np.arctan2(x, y) / 0.62 % 1) < 0.4)
        return np.asarray(first + (second - first) * share[:, None] * 0.7)
    elif look.top_pattern == "panel":
        chosen = z > 1.27
    elif look.top_pattern == "open":
        chosen = (y > 0.03) & (np.abs(x) < 0.028 + 0.055 * np.clip((z - 0.9) / 0.55, 0, 1))
    else:
        chosen = np.zeros(len(z), bool)
    return np.where(chosen[:, None], second, first)


def _add_torso(builder: _Builder, look: Look) -> None:
    rings = resample(TORSO, 22)
    z = rings[:, 0]
    neck = _rise(z, 1.46, 0.03)
    upper = _rise(z, 1.2, 0.15)
    width = look.girth * (look.hips + (look.shoulders - look.hips) * upper)
    rings[:, 1] *= neck + (1 - neck) * width
    belly = 1 + 0.9 * (look.girth - 1) * (1 - upper)
    rings[:, 2] *= neck + (1 - neck) * look.girth * belly
    mesh = tube(np.stack([np.zeros(len(z)), rings[:, 3], z], axis=1), rings[:, 1:3], segments=14, power=2.4)
    at = mesh.vertices[:, 2]
    chest, head = _rise(at, 1.08, 0.12), _rise(at, 1.53, 0.04)

    def paint(middle: Floats) -> Floats:
        z = middle[:, 2]
        colour = np.where((z > look.hem_z)[:, None], _cloth(look, middle), np.array(look.trousers_bgr))
        if look.skirt_end_z is not None:
            colour[z < 1.0] = look.skirt_bgr  # what shows through its folds
        elif look.hem_z > 0.93:
            colour[np.abs(z - look.hem_z) < 0.016] = (30, 34, 40)  # a belt
        collar_z = 1.472 + 0.03 * (middle[:, 1] < 0)
        is_skin = (z > collar_z) | ((middle[:, 1] > 0.02) & (np.abs(middle[:, 0]) < (z - 1.40) * 0.7))
        colour[is_skin] = np.array(look.skin) * 0.9
        return colour

    weigh: dict[Bone, Floats | float] = {
        Bone.PELVIS: 1 - chest,
        Bone.CHEST: chest * (1 - head),
        Bone.HEAD: head,
    }
    builder.add(mesh, weigh, paint, creases=0.11)


def _add_leg(builder: _Builder, look: Look, side: int) -> None:
    rings = resample(LEG, 13)
    z = rings[:, 0]
    is_covered = z > look.trousers_end_z
    loose = np.where(is_covered, 1.06, 0.86) * (1 + 0.7 * (look.girth - 1) * (z > 0.3))
    loose = loose * np.where(z > 0.85, 0.86, 1.0)  # the hips belong to the torso
    x = side * np.interp(z, [ANKLE[2], KNEE[2], HIP[2]], [ANKLE[0], KNEE[0], HIP[0]])
    mesh = tube(np.stack([x, rings[:, 3], z], axis=1), rings[:, 1:3] * loose[:, None], segments=8)
    thigh, shin, foot = (
        (Bone.RIGHT_THIGH, Bone.RIGHT_SHIN, Bone.RIGHT_FOOT)
        if side > 0
        else (Bone.LEFT_THIGH, Bone.LEFT_SHIN, Bone.LEFT_FOOT)
    )
    at = mesh.vertices[:, 2]
    above_knee, above_hip = _rise(at, KNEE[2], 0.06), _rise(at, 0.95, 0.07)

    def paint(middle: Floats) -> Floats:
        colour = np.where(
            (middle[:, 2] > look.trousers_end_z)[:, None], np.array(look.trousers_bgr), np.array(look.skin)
        )
        if look.skirt_end_z is not None:
            colour[middle[:, 2] > look.skirt_end_z + 0.1] = look.skirt_bgr
        inner = np.clip(1 - side * middle[:, 0] / 0.1, 0, 1) * (middle[:, 2] > 0.45)
        return np.asarray(colour * (1 - 0.3 * inner)[:, None])  # less light comes between the legs

    weigh: dict[Bone, Floats | float] = {
        Bone.PELVIS: above_hip * 0.5,
        thigh: above_knee * (1 - above_hip * 0.5),
        shin: 1 - above_knee,
    }
    builder.add(mesh, weigh, paint, creases=0.12)
    rings = SHOE
    centres = np.stack([np.full(len(rings), side * ANKLE[0]), rings[:, 0], rings[:, 3]], axis=1)

    def paint_shoe(middle: Floats) -> Floats:
        is_sole = middle[:, 2] < 0.016
        return np.where(is_sole[:, None], np.array((120.0, 124.0, 126.0)), np.array(look.shoes_bgr))

    builder.add(tube(centres, rings[:, 1:3], segments=8, along_y=True, power=2.6), {foot: 1.0}, paint_shoe)


def _add_arm(builder: _Builder, look: Look, side: int) -> None:
    rings = resample(ARM, 13)
    z = rings[:, 0]
    sleeve = 1 + (0.16 if look.top_pattern == "open" else 0.08) * (z > look.sleeve_end_z)
    radii = rings[:, 1:3] * (sleeve * (1 + 0.8 * (look.girth - 1) * (z > 0.87)))[:, None]
    shoulder_x = SHOULDER[0] * look.shoulders * (0.4 + 0.6 * look.girth) - 0.008
    x = side * np.interp(z, [0.7, ELBOW[2], SHOULDER[2]], [0.215, shoulder_x + 0.022, shoulder_x])
    mesh = tube(np.stack([x, rings[:, 3] - 0.012, z], axis=1), radii, segments=7)
    upper, fore = (Bone.RIGHT_UPPER_ARM, Bone.RIGHT_FOREARM) if side > 0 else (Bone.LEFT_UPPER_ARM, Bone.LEFT_FOREARM)
    above_elbow, above_shoulder = _rise(mesh.vertices[:, 2], ELBOW[2], 0.045), _rise(mesh.vertices[:, 2], 1.45, 0.04)

    def paint(middle: Floats) -> Floats:
        inside = middle - (side * shoulder_x, 0, 0)  # no stripe of an open jacket's shirt on a sleeve
        cloth = _cloth(look, inside) if look.top_pattern != "open" else np.tile(look.top_bgr, (len(middle), 1))
        return np.where((middle[:, 2] > look.sleeve_end_z)[:, None], cloth, np.array(look.skin))

    weigh: dict[Bone, Floats | float] = {
        Bone.CHEST: above_shoulder * 0.6,
        upper: above_elbow * (1 - above_shoulder * 0.6),
        fore: 1 - above_elbow,
    }
    builder.add(mesh, weigh, paint, creases=0.10)


def _add_head(builder: _Builder, look: Look) -> None:
    rings = resample(HEAD, 13)
    segments = 16
    mesh = tube(np.stack([np.zeros(len(rings)), rings[:, 3], rings[:, 0]], axis=1), rings[:, 1:3], segments)
    vertices = mesh.vertices.copy()
    x, y, z = vertices.T
    is_nose = (np.abs(x) < 0.012) & (y > 0.05) & (np.abs(z - 1.61) < 0.022)
    vertices[is_nose, 1] += 0.016
    hairline = _hairline(look, vertices)
    volume = {"short": 1.09, "long": 1.12, "cap": 1.12, "bald": 1.0}[look.hair]
    middle = np.array([0.0, 0.0, 1.63])
    vertices[hairline] = middle + (vertices[hairline] - middle) * volume

    def paint(centre: Floats) -> Floats:
        x, y, z = centre.T
        colour = np.tile(np.array(look.skin), (len(centre), 1))
        front = y > 0.05
        colour[front & (np.abs(np.abs(x) - 0.031) < 0.014) & (np.abs(z - 1.645) < 0.009)] *= 0.38  # eyes
        colour[front & (np.abs(np.abs(x) - 0.031) < 0.018) & (np.abs(z - 1.667) < 0.008)] *= 0.6  # brows
        colour[front & (np.abs(x) < 0.024) & (np.abs(z - 1.567) < 0.008)] *= (0.62, 0.6, 0.8)  # mouth
        colour[_hairline(look, centre)] = look.hair_bgr if look.hair != "cap" else look.bag_bgr
        return colour

    builder.add(Mesh(vertices, mesh.quads), {Bone.HEAD: 1.0}, paint)


def _hairline(look: Look, points: Floats) -> NDArray[np.bool_]:
    """Which points (N, 3) of the head at rest are under hair or a cap."""
    if look.hair == "bald":
        return np.zeros(len(points), bool)
    _, y, z = points.T
    lowest = {"short": 1.575, "long": 1.53, "cap": 1.655}[look.hair]
    front = 1.70 if look.hair != "cap" else 1.675
    return np.asarray(z > np.interp(y, [-0.08, -0.01, 0.03, 0.06], [lowest, lowest + 0.03, 1.655, front]))


def _add_extras(builder: _Builder, look: Look) -> None:
    """Long hair, a skirt or coat, a bag."""
    if look.hair == "long":
        z = np.linspace(1.40, 1.70, 8)
        width = np.interp(z, [1.40, 1.46, 1.55, 1.70], [0.03, 0.085, 0.092, 0.06])
        depth = np.interp(z, [1.40, 1.46, 1.55, 1.70], [0.02, 0.04, 0.065, 0.05])
        mesh = tube(np.stack([0 * z, -0.085 + 0.1 * (z - 1.40), z], 1), np.stack([width, depth], 1), 12)
        fall = _rise(mesh.vertices[:, 2], 1.5, 0.1)
        builder.add(mesh, {Bone.HEAD: fall, Bone.CHEST: 1 - fall}, _constant(look.hair_bgr), creases=0.2)
    if look.skirt_end_z is not None:
        _add_skirt(builder, look, look.skirt_end_z)
    if look.bag == "backpack":
        _add_box(builder, look, {Bone.CHEST: 1.0}, (0, -0.185 * look.girth, 1.21), (0.13, 0.075, 0.21))
    elif look.bag == "shoulder":
        _add_box(builder, look, {Bone.PELVIS: 1.0}, (-0.215 * look.girth, -0.06, 0.86), (0.05, 0.13, 0.13))
    elif look.bag == "briefcase":
        _add_box(builder, look, {Bone.RIGHT_FOREARM: 1.0}, (0.225, 0.03, 0.55), (0.035, 0.19, 0.15))


def _add_skirt(builder: _Builder, look: Look, end_z: float) -> None:
    z = np.linspace(end_z, 1.0, 9)
    down = (1.0 - z) / (1.0 - end_z)
    radii = np.stack([(0.172 + 0.05 * down) * look.girth * look.hips, (0.13 + 0.05 * down) * look.girth], 1)
    mesh = tube(np.stack([0 * z, -0.008 + 0 * z, z], 1), radii, segments=14, power=2.2)
    hang = (1 - _rise(mesh.vertices[:, 2], 0.86, 0.14)) * 0.8
    right = _rise(mesh.vertices[:, 0], 0.0, 0.12)
    weigh: dict[Bone, Floats | float] = {
        Bone.PELVIS: 1 - hang,
        Bone.RIGHT_THIGH: hang * right,
        Bone.LEFT_THIGH: hang * (1 - right),
    }
    builder.add(mesh, weigh, _constant(look.skirt_bgr), creases=0.16)


def _add_box(
    builder: _Builder,
    look: Look,
    weigh: dict[Bone, Floats | float],
    middle: tuple[float, float, float],
    half: tuple[float, float, float],
) -> None:
    """A bag: a box with rounded edges."""
    share = np.array([-1.0, -0.92, -0.5, 0, 0.5, 0.92, 1.0])
    radii = np.outer(np.array([0.85, 1, 1, 1, 1, 1, 0.8]), half[:2])
    centres = np.tile(np.array(middle), (len(share), 1))
    centres[:, 2] += share * half[2]
    builder.add(tube(centres, radii, segments=12, power=5.0), weigh, _constant(look.bag_bgr), creases=0.05)
