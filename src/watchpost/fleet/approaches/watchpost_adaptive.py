"""Watchpost as it runs by default: the analysis rate falls while all that is seen goes its steady way.

The others, `watchpost` too, analyse whoever is seen at one rate, so that only the video side differs.
"""

from __future__ import annotations

from watchpost.config.models import LIVE_LEAST_FPS
from watchpost.fleet.approaches.watchpost import Watchpost
from watchpost.fleet.stage import Stage
from watchpost.runtime.adaptive import AdaptiveOptions


def create(stage: Stage) -> Watchpost:
    """Ready to run."""
    return Watchpost(stage, AdaptiveOptions(full_fps=stage.fps, least_fps=min(LIVE_LEAST_FPS, stage.fps)))
