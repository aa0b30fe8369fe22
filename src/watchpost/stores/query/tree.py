"""A query as a tree: what `parse` makes and what stores compile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = str | int | float | bool
"""A value of a query: JSON without null, lists and objects."""
Operator = Literal["and", "or"]


@dataclass(frozen=True, slots=True)
class MatchAll:
    """Every document."""

    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class MatchNone:
    """No document."""


@dataclass(frozen=True, slots=True)
class Match:
    """Words of a text; on a field that is no text, the value itself."""

    field: str
    text: Scalar
    operator: Operator = "or"
    minimum: str | int | None = None
    """`minimum_should_match`, of the words."""
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class MultiMatch:
    """`Match` on any of several fields; the best field's score counts."""

    matches: tuple[Match, ...]
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """A field that holds one of these values exactly (`term` and `terms`)."""

    field: str
    values: tuple[Scalar, ...]
    ignores_case: bool = False
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of a range."""

    value: Scalar
    is_inclusive: bool


@dataclass(frozen=True, slots=True)
class Range:
    """A field with a value between two bounds; an absent bound is open."""

    field: str
    lower: Bound | None
    upper: Bound | None
    time_zone: str = "UTC"
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Exists:
    """A field that has a value."""

    field: str
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Ids:
    """Documents by their ids."""

    ids: tuple[str, ...]
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Prefix:
    """A field with a value that begins so."""

    field: str
    text: str
    ignores_case: bool = False
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Wildcard:
    r"""A field with a value of this shape: `*` is any text, `?` one character, a backslash takes the next as it is."""

    field: str
    pattern: str
    ignores_case: bool = False
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Bool:
    """Clauses combined; `filter` and `must_not` do not count for the score."""

    must: tuple[Query, ...] = ()
    filter: tuple[Query, ...] = ()
    should: tuple[Query, ...] = ()
    must_not: tuple[Query, ...] = ()
    minimum_should: int = 0
    """How many of `should` have to hold; more than there are: no document fits."""
    boost: float = 1.0


Query = MatchAll | MatchNone | Match | MultiMatch | Terms | Range | Exists | Ids | Prefix | Wildcard | Bool
