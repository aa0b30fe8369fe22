"""Pieces of SQL with the values for their marks. Values never become text of a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL, and a value for each `?` in it, in order."""

    text: str
    values: tuple[Any, ...] = ()


TRUE: Final = Sql("1")
FALSE: Final = Sql("0")


def all_of(parts: Sequence[Sql]) -> Sql:
    """All of the conditions."""
    kept = [part for part in parts if part != TRUE]
    return FALSE if FALSE in kept else _joined(kept, "AND", TRUE)


def any_of(parts: Sequence[Sql]) -> Sql:
    """At least one of the conditions."""
    kept = [part for part in parts if part != FALSE]
    return TRUE if TRUE in kept else _joined(kept, "OR", FALSE)


def none_of(part: Sql) -> Sql:
    """A condition that does not hold, or is not known."""
    if part in (TRUE, FALSE):
        return FALSE if part == TRUE else TRUE
    return Sql(f"NOT ifnull({part.text}, 0)", part.values)


def at_least(number: int, parts: Sequence[Sql]) -> Sql:
    """At least `number` of the conditions."""
    if number <= 0:
        return TRUE
    if number > len(parts):
        return FALSE
    if number == 1:
        return any_of(parts)
    if number == len(parts):
        return all_of(parts)
    counted = _joined([Sql(f"ifnull({part.text}, 0)", part.values) for part in parts], "+", Sql("0"))
    return Sql(f"{counted.text} >= {number}", counted.values)


def plus(parts: Sequence[Sql]) -> Sql:
    """A sum."""
    return _joined(parts, "+", Sql("0.0"))


def _joined(parts: Sequence[Sql], operator: str, nothing: Sql) -> Sql:
    """In halves, as SQLite bounds the depth of expressions at 1000."""
    if not parts:
        return nothing
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = _joined(parts[:half], operator, nothing), _joined(parts[half:], operator, nothing)
    return Sql(f"({left.text} {operator} {right.text})", left.values + right.values)
