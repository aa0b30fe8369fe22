"""How well a row fits: BM25 of the words (as FTS5 counts it), 1 for what fits exactly, summed over the clauses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from watchpost.stores.embedded.conditions import condition
from watchpost.stores.embedded.inverted import expression, words_of
from watchpost.stores.embedded.sql import FALSE, TRUE, Sql, plus
from watchpost.stores.embedded.table import Table
from watchpost.stores.query.errors import illegal
from watchpost.stores.query.tree import Bool, Match, MatchAll, MatchNone, MultiMatch, Query

_MAX_TEXTS: Final = 32
_ZERO: Final = Sql("0.0")


@dataclass(slots=True)
class Scores:
    """Collects what has to be joined while a score is compiled."""

    table: Table
    now_ms: int
    expressions: list[str] = field(default_factory=list)
    """For each joined table `s0`, `s1`, ... its FTS5 expression."""

    def of(self, query: Query, *, is_certain: bool = True) -> Sql:
        """The score of a clause; `is_certain`: the condition lets only rows through in which it holds."""
        if isinstance(query, MatchNone):
            return _ZERO
        if isinstance(query, MatchAll):
            return Sql(repr(query.boost))
        if isinstance(query, Match) and self._is_text(query):
            return self._words(query)
        if isinstance(query, MultiMatch):
            parts = [self.of(each, is_certain=len(query.matches) == 1 and is_certain) for each in query.matches]
            if len(parts) > 1:
                parts = [Sql(f"max({', '.join(p.text for p in parts)})", tuple(v for p in parts for v in p.values))]
            return Sql(f"({query.boost!r} * {parts[0].text})", parts[0].values)
        if isinstance(query, Bool):
            scored = [self.of(each, is_certain=is_certain) for each in query.must]
            scored += [self.of(each, is_certain=False) for each in query.should]
            total = plus([each for each in scored if each != _ZERO])
            total = Sql(f"({query.boost!r} * {total.text})", total.values)
            return total if is_certain else self._if_holds(query, total)
        worth = Sql(repr(query.boost))
        return worth if is_certain else self._if_holds(query, worth)

    def _if_holds(self, query: Query, score: Sql) -> Sql:
        holds = condition(query, self.table, self.now_ms)
        if holds in (TRUE, FALSE):
            return score if holds == TRUE else _ZERO
        return Sql(f"(CASE WHEN {holds.text} THEN {score.text} ELSE 0.0 END)", holds.values + score.values)

    def _is_text(self, query: Match) -> bool:
        found = self.table.field(query.field)
        return found is not None and found.type == "text"

    def _words(self, query: Match) -> Sql:
        words = expression(query, self.table)
        if words is None:  # of the words between one and all have to be there; each that is counts
            found = self.table.field(query.field)
            assert found is not None  # noqa: S101 - `_is_text` has looked
            words = " OR ".join(words_of(query, found))
        if not words:
            return _ZERO
        if len(self.expressions) >= _MAX_TEXTS:
            raise illegal(f"a search by score has at most {_MAX_TEXTS} texts; sort by a field, or write fewer")
        self.expressions.append(words)
        return Sql(f"({query.boost!r} * ifnull(s{len(self.expressions) - 1}.score, 0.0))")

    def tables(self, bounds: Sql) -> Sql:
        """The common table expressions of the texts, to stand after WITH; `bounds` are those of the rowid."""
        words = self.table.words
        parts = [
            f"s{number} AS MATERIALIZED (SELECT rowid AS row_key, -bm25({words}) AS score"  # noqa: S608 - own names
            f" FROM {words} WHERE {words} MATCH ? AND {bounds.text})"
            for number in range(len(self.expressions))
        ]
        return Sql(", ".join(parts), tuple(value for each in self.expressions for value in (each, *bounds.values)))

    def joins(self) -> str:
        """What to add after FROM."""
        return "".join(
            f" LEFT JOIN s{number} ON s{number}.row_key = {self.table.key}" for number in range(len(self.expressions))
        )
