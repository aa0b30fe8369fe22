"""Bodies: they stand on the ground, walk without sliding, and have the size they should."""

from __future__ import annotations

import math

import numpy as np
import pytest

from watchpost.scene.camera import GroundCamera
from watchpost.scene.figure import Figure
from watchpost.scene.gait import Stride
from watchpost.scene.mesh import Light, Solid, draw, tube
from watchpost.scene.skeleton import ANKLE, Bone, Motion, pose, stride_length_m
from watchpost.scene.wardrobe import dress


def figure(seed: int) -> tuple[Figure, float]:
    rng = np.random.default_rng(seed)
    look = dress(rng)
    return Figure(look, rng), look.stature_m


def walking(phase: float, x: float = 0.0, y: float = 8.0, heading: float = 0.0) -> Motion:
    return Motion(x=x, y=y, heading=heading, phase=phase, pace=1.0, look=0.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_standing_body_is_as_tall_as_its_look_says_and_stands_on_the_ground(seed: int) -> None:
    body, stature_m = figure(seed)
    vertices = body.vertices(Motion(x=1.0, y=8.0, heading=0.7, phase=0.0, pace=0.0, look=0.0))
    assert vertices[:, 2].min() == pytest.approx(0, abs=0.02)
    assert vertices[:, 2].max() == pytest.approx(stature_m, abs=0.06)
    assert vertices[:, :2].mean(axis=0) == pytest.approx([1.0, 8.0], abs=0.1)


@pytest.mark.parametrize("phase", np.linspace(0, 1, 9))
def test_a_walking_body_keeps_a_sole_on_the_ground(phase: float) -> None:
    body, _ = figure(1)
    assert body.vertices(walking(phase))[:, 2].min() == pytest.approx(0, abs=0.03)


def test_the_standing_foot_hardly_slides() -> None:
    stride = Stride()
    length = stride_length_m(stride, 1.0)
    phases = np.linspace(0.1, 0.45, 10)
    ankle = np.array([*ANKLE, 1.0])
    places = [pose(walking(phase, y=phase * length), stride, 1.0)[Bone.RIGHT_FOOT] @ ankle for phase in phases]
    assert np.ptp(np.array(places)[:, 1]) < 0.08
    assert 1.1 < length < 1.6


def test_heading_turns_the_nose() -> None:
    body, _ = figure(2)
    for heading, expected in ((0.0, (0, 1)), (math.pi / 2, (1, 0))):
        motion = Motion(x=0, y=0, heading=heading, phase=0, pace=0, look=0)
        transform = pose(motion, body.stride, 1.0)[Bone.HEAD, :3, :3]
        assert (transform @ (0, 1, 0))[:2] == pytest.approx(expected, abs=0.2)


def test_a_ball_is_drawn_round_where_the_camera_sees_it() -> None:
    camera = GroundCamera(400, 300, height_m=1.0, pitch=0.0, yaw=0.0, focal=300)
    height = np.linspace(-1, 1, 25)
    radius = np.sqrt(1 - height**2) * 0.5
    ball = tube(np.stack([0 * height, 0 * height + 5, 1 + 0.5 * height], 1), np.stack([radius, radius], 1), 32)

    solid = Solid(ball.vertices, ball.quads, np.full((len(ball.quads), 3), 200.0))
    patch = draw(camera, Light(np.array([0, 0, 1.0])), solid, 5.0)
    assert patch is not None
    rows, columns = np.nonzero(patch.bgra[..., 3] > 127)
    assert patch.left + columns.mean() == pytest.approx(199.5, abs=0.7)
    assert patch.top + rows.mean() == pytest.approx(149.5, abs=0.7)
    assert np.ptp(columns) == pytest.approx(60, abs=2)
    assert np.ptp(rows) == pytest.approx(60, abs=2)
    lit = patch.bgra[..., 1]
    assert lit[rows.min() + 8, int(columns.mean())] > 1.4 * lit[rows.max() - 8, int(columns.mean())]


def test_the_edge_of_the_picture_projects_to_its_edge() -> None:
    camera = GroundCamera(1280, 720, height_m=2.8, pitch=0.2, yaw=0.05, focal=1100)
    for side, column in ((-1, 0), (1, 1280)):
        for z in (0.0, 1.8):
            x = camera.edge_x(8.0, side, z)
            assert camera.project(np.array([[x, 8.0, z]]))[0][0, 0] == pytest.approx(column, abs=1e-6)


def test_a_plane_projects_like_its_points() -> None:
    camera = GroundCamera(1280, 720, height_m=2.8, pitch=0.2, yaw=-0.1, focal=1100)
    matrix = camera.plane_to_pixels(np.array([1.0, 2, 0]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    u, v, w = matrix @ (0.5, 6.0, 1.0)
    assert camera.project(np.array([[1.5, 8.0, 0.0]]))[0][0] == pytest.approx((u / w, v / w))
