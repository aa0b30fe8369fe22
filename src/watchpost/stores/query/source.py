"""`_source`: which parts of a document a hit carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from watchpost.stores.query.errors import QueryError, illegal

MAX_PATTERNS: Final = 64


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Names of fields, `*` for any text; a name stands for everything below it."""

    is_wanted: bool = True
    includes: tuple[str, ...] = ()
    """Empty: everything."""
    excludes: tuple[str, ...] = ()

    def of(self, document: dict[str, Any]) -> dict[str, Any]:
        """What is left of a document."""
        if not self.includes and not self.excludes:
            return document
        return self._of(document, "")

    def _of(self, data: dict[str, Any], path: str) -> dict[str, Any]:
        left: dict[str, Any] = {}
        for name, value in data.items():
            here = f"{path}{name}"
            if _fits(here, self.excludes):
                continue
            is_chosen = not self.includes or _fits(here, self.includes)
            kept = self._below(value, f"{here}.", is_chosen=is_chosen)
            if kept is not None or (is_chosen and value is None):
                left[name] = kept
        return left

    def _below(self, value: Any, path: str, *, is_chosen: bool) -> Any:
        if isinstance(value, dict):
            inner = SourceFilter(True, () if is_chosen else self.includes, self.excludes)
            kept = inner._of(value, path)
            return kept if kept or (is_chosen and not value) else None
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            items = [self._below(item, path, is_chosen=is_chosen) for item in value]
            return [item for item in items if item is not None] or None
        return value if is_chosen else None


def parse_source(data: object) -> SourceFilter:
    """`false`, a name, a list of names, or `{"includes": [...], "excludes": [...]}`."""
    if data is None or data is True:
        return SourceFilter()
    if data is False:
        return SourceFilter(is_wanted=False)
    if isinstance(data, Mapping):
        for name in data:
            if name not in ("includes", "include", "excludes", "exclude"):
                raise QueryError(f"[_source] does not support [{str(name)[:64]}]")
        includes = data.get("includes", data.get("include", []))
        return SourceFilter(True, _names(includes), _names(data.get("excludes", data.get("exclude", []))))
    return SourceFilter(True, _names(data))


def _names(data: object) -> tuple[str, ...]:
    names = data if isinstance(data, list) else [data]
    if len(names) > MAX_PATTERNS:
        raise illegal(f"[_source] takes at most {MAX_PATTERNS} names")
    if not all(isinstance(name, str) and len(name) <= 512 and name.count("*") <= 4 for name in names):
        raise QueryError("[_source] takes names of fields, each with at most four *")
    return tuple(names)


def _fits(path: str, patterns: tuple[str, ...]) -> bool:
    return any(_pattern(each).fullmatch(path) for each in patterns)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
