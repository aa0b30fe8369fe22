"""A pinhole camera above a ground plane.

World: metres, x to the right, y away from the camera, z up, the ground at z = 0, the camera above the origin.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating]


class GroundCamera:
    """Projects world points to pixels (Hartley and Zisserman, Multiple View Geometry, section 6.1).

    `height_m` above the ground, `pitch` and `yaw` in radians (down and to the right are positive),
    `focal` in pixels.
    """

    def __init__(self, width: int, height: int, *, height_m: float, pitch: float, yaw: float, focal: float) -> None:
        self.width = width
        self.height = height
        self.focal = focal
        right = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
        forward = np.array([math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), -math.sin(pitch)])
        self.position = np.array([0.0, 0.0, height_m])
        self._axes = np.stack([right, np.cross(forward, right), forward])

    def project(self, points: Points) -> tuple[Points, Points]:
        """World points (N, 3) as pixels (N, 2) and depth (N,) in metres along the optical axis."""
        seen = (points - self.position) @ self._axes.T
        depth = seen[:, 2]
        pixels = seen[:, :2] * (self.focal / depth)[:, None] + (self.width / 2, self.height / 2)
        return pixels, depth

    def depth_of(self, x: float, y: float) -> float:
        """Depth in metres of a point (x, y) on the ground, along the optical axis."""
        return float((np.array([x, y, 0.0]) - self.position) @ self._axes[2])

    def plane_to_pixels(self, origin: Points, along_u: Points, along_v: Points) -> Points:
        """The homography (3, 3) that takes plane coordinates (u, v) in metres to pixels.

        The plane is origin + u * along_u + v * along_v, all (3,).
        """
        to_image = np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1]])
        plane = np.stack([along_u, along_v, origin - self.position], axis=1)
        return np.asarray(to_image @ self._axes @ plane)

    def edge_x(self, y: float, side: int, z: float = 0.0) -> float:
        """World x at which the picture's left (-1) or right (+1) edge lies at distance `y`, height `z`."""
        right, _, forward = self._axes
        slope = side * self.width / 2 / self.focal
        rest = np.array([0.0, y, z]) - self.position
        # (x right.x + rest.right) = slope (x forward.x + rest.forward)
        return float((slope * (rest @ forward) - rest @ right) / (right[0] - slope * forward[0]))
