"""Waiting for what real processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

DEADLINE_S: Final = 60.0


def until(condition: Callable[[], bool]) -> bool:
    """Poll; true as soon as the condition holds, false when the deadline has passed."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
