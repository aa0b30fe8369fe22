"""The options that all rules about tracked objects share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from watchpost.errors import ConfigError
from watchpost.options import Fraction01, Options, Seconds


class ObjectOptions(Options):
    """Which objects count, and how sure a rule must be of them. Durations are seconds of camera time."""

    classes: frozenset[str] = frozenset()
    """Class names that count; empty: every class that the camera's detector reports."""
    minimum_score: Fraction01 = 0.0
    """An object counts once its best detection has reached this confidence; 0: the detector's threshold alone."""
    minimum_size: Fraction01 = 0.0
    """Boxes lower than this share of the frame's height are ignored."""
    confirm: Seconds = 0.3
    """An object is believed once it has been seen for this long ..."""
    sightings: int = Field(default=3, ge=1)
    """... and at least this often."""
    patience: Seconds = 2.0
    """An object is gone once it has not been seen for this long."""


def named_area(
    kind: str, wanted: str, areas: Mapping[str, NDArray[np.floating]], *, rule: str, camera: str
) -> NDArray[np.float64]:
    """The zone or line (K, 2) that a rule names. Raises `ConfigError` when the camera does not have it."""
    if wanted not in areas:
        known = f"it has: {', '.join(sorted(areas))}" if areas else f"it has no {kind}s at all"
        raise ConfigError(f"rule {rule!r} names the {kind} {wanted!r}, which camera {camera!r} does not have; {known}.")
    return np.asarray(areas[wanted], np.float64)
