"""Meshes of quadrilaterals: tubes around limbs and pillars, and filling them into a picture patch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watchpost.scene.camera import GroundCamera

Floats = NDArray[np.floating]

_SUPERSAMPLING = 2
_SUBPIXEL_BITS = 4
_SHADE_ONE = 150.0
"""The grey level that stands for a brightness factor of 1 while drawing."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Vertices (V, 3) in metres, quads (Q, 4) of vertex numbers, counter-clockwise seen from outside."""

    vertices: Floats
    quads: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Patch:
    """A drawn object: where its top left corner lies in the picture, and its pixels."""

    left: int
    top: int
    bgra: NDArray[np.uint8]
    """(h, w, 4), the colours multiplied by the coverage in the fourth channel."""
    depth: float
    """Metres from the camera along its axis: nearer objects hide it."""

    def clipped(self, width: int, height: int) -> tuple[slice, slice, NDArray[np.uint8]] | None:
        """Rows and columns of the picture that it covers, and the part of `bgra` for them."""
        rows, columns = self.bgra.shape[:2]
        x0, y0 = max(self.left, 0), max(self.top, 0)
        x1, y1 = min(self.left + columns, width), min(self.top + rows, height)
        if x0 >= x1 or y0 >= y1:
            return None
        part = self.bgra[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left]
        return slice(y0, y1), slice(x0, x1), part


def resample(table: Floats, count: int) -> Floats:
    """`count` rows between the rows of `table` (N, K), spaced evenly by the first column."""
    order = np.argsort(table[:, 0])
    at = np.linspace(table[0, 0], table[-1, 0], count)
    return np.stack([np.interp(at, table[order, 0], column) for column in table[order].T], axis=1)


def tube(centres: Floats, radii: Floats, segments: int, *, along_y: bool = False, power: float = 2.0) -> Mesh:
    """A closed tube: elliptic rings of `radii` (R, 2) around `centres` (R, 3), from bottom to top.

    The rings lie flat, or upright across the y axis with `along_y` (then from front to back). `power` above
    2 makes the ellipses squarer (a superellipse). Angle 0 is the front (+y) or, with `along_y`, the top.
    The vertices run ring by ring, the quads likewise: (R - 1) x `segments` of them, then the two ends' fans.
    """
    angle = np.arange(segments) * (2 * np.pi / segments)
    sine, cosine = np.sin(angle), np.cos(angle)
    sine = np.sign(sine) * np.abs(sine) ** (2 / power)
    cosine = np.sign(cosine) * np.abs(cosine) ** (2 / power)
    rings = np.repeat(centres[:, None, :], segments, axis=1)
    rings[:, :, 0] += radii[:, 0, None] * sine
    rings[:, :, 2 if along_y else 1] += radii[:, 1, None] * cosine
    count = len(centres)
    ring, segment = np.meshgrid(np.arange(count - 1), np.arange(segments), indexing="ij")
    following = (segment + 1) % segments
    sides = np.stack(
        [
            ring * segments + segment,
            (ring + 1) * segments + segment,
            (ring + 1) * segments + following,
            ring * segments + following,
        ],
        axis=-1,
    ).reshape(-1, 4)
    around = np.arange(segments)
    bottom = np.full(segments, count * segments)
    top = bottom + 1
    last = (count - 1) * segments
    fans = [
        np.stack([bottom, around, (around + 1) % segments, bottom], axis=-1),
        np.stack([top, last + (around + 1) % segments, last + around, top], axis=-1),
    ]
    vertices = np.concatenate([rings.reshape(-1, 3), centres[[0, -1]]])
    return Mesh(vertices, np.concatenate([sides, *fans]))


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp far away and light from all around."""

    direction: Floats
    """Unit vector (3,) towards the lamp."""
    key: float = 0.62
    """Strength of the lamp on a surface that faces it."""
    ambient: float = 0.52
    """Light from everywhere; surfaces that look up get a little more, those that look down less."""

    def shade(self, normals: Floats) -> Floats:
        """Brightness factors (Q,) of surfaces with normals (Q, 3), about 0.3-1.3."""
        facing = normals @ self.direction
        wrapped = np.clip((facing + 0.25) / 1.25, 0, None)
        return np.asarray(self.ambient + 0.12 * normals[:, 2] + self.key * wrapped)


@dataclass(frozen=True, slots=True)
class Solid:
    """A mesh in the world with the look of its quads."""

    vertices: Floats
    """(V, 3) metres."""
    quads: NDArray[np.intp]
    """(Q, 4)"""
    albedo: Floats
    """(Q, 3) BGR, 0-255."""
    bumps: Floats | None = None
    """(Q, 3) what folds and grain add to the unit normals."""


def _normals(corners: Floats) -> Floats:
    """Unit normals (Q, 3) of quads (Q, 4, 3), outwards."""
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    length = np.sqrt(np.einsum("qi,qi->q", normal, normal))
    return np.asarray(normal / np.maximum(length, 1e-9)[:, None])


def draw(camera: GroundCamera, light: Light, solid: Solid, depth: float, brightness: float = 1.0) -> Patch | None:
    """Draw a solid, its far quads first; `None` where nothing of it faces the camera."""
    pixels, depths = camera.project(solid.vertices)
    low = np.floor(pixels.min(axis=0)).astype(int) - 2
    width, height = np.ceil(pixels.max(axis=0)).astype(int) + 2 - low
    outlines = pixels[solid.quads]
    diagonals = outlines[:, 2:] - outlines[:, :2]
    area = diagonals[:, 0, 0] * diagonals[:, 1, 1] - diagonals[:, 0, 1] * diagonals[:, 1, 0]
    facing = np.flatnonzero(area < 0)  # counter-clockwise from outside, while y points down
    if not len(facing):
        return None
    order = facing[np.argsort(-depths[solid.quads[facing]].sum(axis=1))]
    normals = _normals(solid.vertices[solid.quads[order]])
    if solid.bumps is not None:
        normals = normals + solid.bumps[order]
    shade = np.clip(light.shade(normals) * (_SHADE_ONE * brightness), 1, 255)
    canvas = np.zeros((height * _SUPERSAMPLING, width * _SUPERSAMPLING, 4), np.uint8)
    # OpenCV counts from pixel centres
    subpixels = ((outlines[order] - low) * _SUPERSAMPLING - 0.5) * (1 << _SUBPIXEL_BITS)
    colours = np.concatenate([np.clip(solid.albedo[order], 0, 255), shade[:, None]], axis=1)
    for points, colour in zip(subpixels.round().astype(np.int32), colours.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, points, colour, cv2.LINE_8, _SUBPIXEL_BITS)
    return Patch(int(low[0]), int(low[1]), _lit(canvas, int(width), int(height)), depth)


def _lit(canvas: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Scale the canvas of albedo and shade down and light it, with the steps of shade between quads smoothed."""
    size = (width, height)
    shade = canvas[:, :, 3]
    coverage = cv2.resize((shade > 0).astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    side = max(1, height // 60) * 2 + 1
    weight = cv2.blur(cv2.blur(coverage, (side, side), borderType=cv2.BORDER_CONSTANT), (side, side))
    smooth = cv2.blur(cv2.blur(small[:, :, 3], (side, side), borderType=cv2.BORDER_CONSTANT), (side, side))
    factor = smooth.astype(np.float32) * (255 / _SHADE_ONE) / np.maximum(weight, 1)
    lit = cv2.multiply(small[:, :, :3], cv2.merge([factor] * 3), dtype=cv2.CV_8U)
    return np.asarray(cv2.merge([*cv2.split(lit), coverage]), np.uint8)
