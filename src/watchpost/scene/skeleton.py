"""The bones of a person: where the joints lie at rest, and the transforms of a walking pose.

At rest a person stands at the origin, faces +y, with the arms hanging down; +x is the right side.
Lengths are those of somebody 1.75 m tall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from watchpost.scene.gait import SideAngles, Stride, side_angles

Floats = NDArray[np.floating]

STATURE_M = 1.75
SOLES = np.array([[0.0, -0.08, 0.0], [0.0, 0.18, 0.0]])
"""Heel and toe of a foot at rest, relative to x of its ankle."""


class Bone(IntEnum):
    """The rows of a pose."""

    PELVIS = 0
    CHEST = 1
    HEAD = 2
    RIGHT_THIGH = 3
    RIGHT_SHIN = 4
    RIGHT_FOOT = 5
    LEFT_THIGH = 6
    LEFT_SHIN = 7
    LEFT_FOOT = 8
    RIGHT_UPPER_ARM = 9
    RIGHT_FOREARM = 10
    LEFT_UPPER_ARM = 11
    LEFT_FOREARM = 12


WAIST_Z, NECK_Z = 1.04, 1.49
HIP, KNEE, ANKLE = (0.088, 0.0, 0.93), (0.092, 0.0, 0.50), (0.094, -0.01, 0.085)
SHOULDER, ELBOW = (0.178, -0.01, 1.425), (0.198, -0.015, 1.135)


@dataclass(frozen=True, slots=True)
class Motion:
    """What a body is doing at one moment."""

    x: float
    y: float
    """Where the pelvis is above the ground, metres."""
    heading: float
    """Radians, clockwise from +y."""
    phase: float
    """Walking cycles so far."""
    pace: float
    """0 stands, 1 walks."""
    look: float
    """Turn of the head, radians."""


def _rotation(axis: int, angle: float) -> Floats:
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = np.eye(4)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i] = matrix[j, j] = cosine
    matrix[i, j], matrix[j, i] = -sine, sine
    return matrix


def _about(joint: tuple[float, float, float], rotation: Floats) -> Floats:
    """`rotation` (4, 4) about a joint at rest."""
    matrix = rotation.copy()
    point = np.array(joint)
    matrix[:3, 3] = point - rotation[:3, :3] @ point
    return matrix


def _mirrored(joint: tuple[float, float, float], side: int) -> tuple[float, float, float]:
    return side * joint[0], joint[1], joint[2]


def pose(motion: Motion, stride: Stride, scale: float) -> Floats:
    """The transforms (13, 4, 4) of all bones from rest to the world, for a body `scale` times 1.75 m tall."""
    right = side_angles(motion.phase, motion.pace, stride)
    left = side_angles(motion.phase + 0.5, motion.pace, stride)
    swing = math.cos(2 * math.pi * motion.phase) * motion.pace
    bones = np.empty((len(Bone), 4, 4))
    pelvis = _rotation(2, -0.07 * swing) @ _rotation(1, 0.035 * math.sin(2 * math.pi * motion.phase) * motion.pace)
    bones[Bone.PELVIS] = _about((0.0, 0.0, HIP[2]), pelvis)
    lean = _rotation(0, -0.035 - 0.03 * motion.pace) @ _rotation(2, 0.16 * swing)
    bones[Bone.CHEST] = bones[Bone.PELVIS] @ _about((0.0, 0.0, WAIST_Z), lean)
    nod = _rotation(0, -0.06) @ _rotation(2, -0.09 * swing - motion.look)
    bones[Bone.HEAD] = bones[Bone.CHEST] @ _about((0.0, -0.01, NECK_Z), nod)
    _limbs(bones, right, side=1, first_leg=Bone.RIGHT_THIGH, first_arm=Bone.RIGHT_UPPER_ARM)
    _limbs(bones, left, side=-1, first_leg=Bone.LEFT_THIGH, first_arm=Bone.LEFT_UPPER_ARM)
    return _to_world(bones, motion, scale)


def _limbs(bones: Floats, angles: SideAngles, *, side: int, first_leg: Bone, first_arm: Bone) -> None:
    leg, arm = int(first_leg), int(first_arm)
    bones[leg] = bones[Bone.PELVIS] @ _about(_mirrored(HIP, side), _rotation(0, angles.hip))
    bones[leg + 1] = bones[leg] @ _about(_mirrored(KNEE, side), _rotation(0, -angles.knee))
    turned_out = _rotation(2, -0.12 * side) @ _rotation(0, angles.ankle)
    bones[leg + 2] = bones[leg + 1] @ _about(_mirrored(ANKLE, side), turned_out)
    hang = _rotation(0, angles.shoulder) @ _rotation(1, -0.09 * side)
    bones[arm] = bones[Bone.CHEST] @ _about(_mirrored(SHOULDER, side), hang)
    bend = _rotation(1, 0.06 * side) @ _rotation(0, angles.elbow)
    bones[arm + 1] = bones[arm] @ _about(_mirrored(ELBOW, side), bend)


def _to_world(bones: Floats, motion: Motion, scale: float) -> Floats:
    """Put the lowest sole on the ground, then turn, scale and move to where the person is."""
    lowest = math.inf
    for foot, side in ((Bone.RIGHT_FOOT, 1), (Bone.LEFT_FOOT, -1)):
        soles = SOLES + np.array([side * ANKLE[0], 0.0, 0.0])
        lowest = min(lowest, float((soles @ bones[foot, 2, :3] + bones[foot, 2, 3]).min()))
    world = _rotation(2, -motion.heading)
    world[:3, :3] *= scale
    world[:3, 3] = motion.x, motion.y, -lowest * scale
    return np.asarray(world @ bones)


def stride_length_m(stride: Stride, scale: float) -> float:
    """How far a walking cycle carries a body, so that its standing foot does not slide: metres."""
    phases = np.linspace(0.08, 0.5, 12)
    ankle = np.array([*ANKLE, 1.0])
    ahead = [(pose(Motion(0, 0, 0, phase, 1, 0), stride, scale)[Bone.RIGHT_FOOT] @ ankle)[1] for phase in phases]
    return float(-np.polyfit(phases, ahead, 1)[0])
