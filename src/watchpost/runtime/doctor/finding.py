"""What the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. Only a problem makes `watchpost doctor` exit with 1."""

    OK = "ok"
    NOTE = "note"
    """Nothing to do, but good to know."""
    WARNING = "warning"
    """It works now and may not later."""
    PROBLEM = "problem"
    """Something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was seen."""

    check: str
    """Which check saw it."""
    level: Level
    seen: str
    cure: str = ""
    """What to do about it; empty where nothing is to be done."""
