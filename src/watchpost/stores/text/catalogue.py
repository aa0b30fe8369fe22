"""The keywords of the text form, in all languages at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

KEYWORDS: Final = Path(__file__).parent / "keywords"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What people write, in small letters, to what is meant."""

    fields: dict[str, str]
    times: dict[str, str]
    units: dict[str, float]
    """Seconds."""
    words: dict[str, str]
    has: dict[str, str]
    values: dict[str, str]
    """Names of classes and kinds that the events hold in English."""


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """All languages' keywords."""
    merged: dict[str, dict[str, str]] = {part: {} for part in Catalogue.__slots__}
    units: dict[str, float] = {}
    for file in sorted(KEYWORDS.glob("*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        units |= data.pop("units")
        for part, entries in data.items():
            merged[part] |= entries
    merged.pop("units")
    return Catalogue(units=units, **merged)
