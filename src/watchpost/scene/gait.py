"""How people walk: joint angles over the gait cycle.

The curves of hip, knee and ankle follow the sagittal angles of level walking that gait laboratories publish
(Winter, Biomechanics and Motor Control of Human Movement, 4th edition, appendix A: rounded by hand to a few
points a curve); the arms swing against the leg of their side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_SAMPLES = 128

# share of the cycle from heel strike : degrees
_HIP: dict[float, float] = {0: 25, 0.1: 24, 0.2: 18, 0.3: 8, 0.4: -3, 0.5: -11, 0.56: -9, 0.62: -1}
_HIP |= {0.7: 14, 0.8: 26, 0.88: 30}
_KNEE: dict[float, float] = {0: 4, 0.06: 10, 0.13: 17, 0.2: 15, 0.3: 8, 0.4: 5, 0.5: 11, 0.56: 22, 0.62: 38}
_KNEE |= {0.72: 60, 0.8: 51, 0.88: 27, 0.95: 7}
_ANKLE: dict[float, float] = {0: 1, 0.06: -6, 0.15: 0, 0.3: 7, 0.45: 10, 0.52: 4, 0.6: -15, 0.64: -17}
_ANKLE |= {0.72: -7, 0.8: 0, 0.9: 2}


def _curve(points: dict[float, float]) -> list[float]:
    """A smooth periodic curve in radians through points: linear between them, then low-passed."""
    at = np.arange(_SAMPLES) / _SAMPLES
    linear = np.interp(at, list(points), list(points.values()), period=1.0)
    spectrum = np.fft.rfft(linear)
    spectrum[9:] = 0
    curve: list[float] = np.radians(np.fft.irfft(spectrum, _SAMPLES)).tolist()
    return curve


_CURVES = {"hip": _curve(_HIP), "knee": _curve(_KNEE), "ankle": _curve(_ANKLE)}


def _at(name: str, phase: float) -> float:
    before, share = divmod(phase % 1.0 * _SAMPLES, 1.0)
    curve, index = _CURVES[name], int(before) % _SAMPLES
    return curve[index] * (1 - share) + curve[(index + 1) % _SAMPLES] * share


@dataclass(frozen=True, slots=True)
class SideAngles:
    """The angles of one side of the body in radians; flexion is positive."""

    hip: float
    knee: float
    ankle: float
    shoulder: float
    elbow: float


@dataclass(frozen=True, slots=True)
class Stride:
    """How somebody moves: the lively swing wide, the weary hardly at all. All factors are around 1."""

    leg_swing: float = 1.0
    arm_swing: float = 1.0


def side_angles(phase: float, pace: float, stride: Stride) -> SideAngles:
    """Angles of one side at `phase` of its cycle (0 is heel strike); `pace` 0 stands, 1 walks."""
    legs = pace * stride.leg_swing
    swing = math.cos(2 * math.pi * phase)
    return SideAngles(
        hip=legs * _at("hip", phase),
        knee=legs * _at("knee", phase) + 0.04,
        ankle=legs * _at("ankle", phase),
        shoulder=math.radians(3 - 21 * pace * stride.arm_swing * swing),
        elbow=math.radians(14 + pace * stride.arm_swing * (8 + 9 * (1 - swing))),
    )
