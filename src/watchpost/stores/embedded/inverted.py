"""Queries as expressions of FTS5, for all that the index of words can answer by itself.

FTS5 walks its lists in the order of the rows' keys and stops when the page is full, so however common a word is, the
first page costs the same. Words stand between double quotes and hold neither quotes nor spaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from watchpost.stores.embedded.table import Field, Table, exact_word
from watchpost.stores.query.errors import QueryError
from watchpost.stores.query.minimum import least_of
from watchpost.stores.query.tree import Bool, Match, MultiMatch, Prefix, Query, Scalar, Terms
from watchpost.stores.query.words import MAX_WORDS, normalised, query_words, runs

NOTHING: Final = ""
"""The expression that fits no row; FTS5 has none."""


def spelt(value: Scalar) -> str:
    """A value as the text that a keyword field holds."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def words_of(match: Match, field: Field) -> list[str]:
    """The words of a match in the index of words. Raises `QueryError` for too many."""
    words = query_words(spelt(match.text))
    if len(words) > MAX_WORDS:
        raise QueryError(f"a text of a query holds at most {MAX_WORDS} words", "too_many_clauses")
    return [_quoted(f"{field.word_tag}:{word}") for word in words]


def expression(query: Query, table: Table) -> str | None:
    """The query for FTS5's MATCH, `NOTHING` where no row fits, `None` where FTS5 can not answer it."""
    if isinstance(query, Match):
        return _match(query, table)
    if isinstance(query, MultiMatch):
        return _joined([_match(each, table) for each in query.matches], "OR")
    if isinstance(query, Terms):
        return _terms(query, table)
    if isinstance(query, Prefix):
        return _prefix(query, table)
    if isinstance(query, Bool):
        return _bool(query, table)
    return None


def both(parts: Sequence[str]) -> str:
    """All of several expressions."""
    return _joined(list(parts), "AND") or NOTHING


def without(part: str, excluded: Sequence[str]) -> str:
    """An expression with others taken out."""
    taken = _joined([each for each in excluded if each], "OR")
    return f"({part} NOT {taken})" if part and taken else part


def _match(match: Match, table: Table) -> str | None:
    field = table.field(match.field)
    if field is None:
        return NOTHING
    if field.type != "text":
        return _terms(Terms(match.field, (match.text,)), table)
    words = words_of(match, field)
    if match.operator == "and" or len(words) < 2:
        return _joined(list(words), "AND")
    least = 1 if match.minimum is None else max(1, least_of(match.minimum, len(words)))
    if least > len(words):
        return NOTHING
    if least in (1, len(words)):
        return _joined(list(words), "OR" if least == 1 else "AND")
    return None


def _terms(terms: Terms, table: Table) -> str | None:
    field = table.field(terms.field)
    if field is None:
        return NOTHING
    if field.type == "text" and not terms.ignores_case:
        found = [spelt(value) for value in terms.values]
        return _joined([_quoted(f"{field.word_tag}:{word}") for word in found if _is_word(word)], "OR")
    if field.exact_tag is None or terms.ignores_case:
        return None
    return _joined([_quoted(exact_word(field.exact_tag, spelt(value))) for value in terms.values], "OR")


def _prefix(prefix: Prefix, table: Table) -> str | None:
    field = table.field(prefix.field)
    if field is None:
        return NOTHING
    if field.type != "text":
        return None
    text = prefix.text.lower() if prefix.ignores_case else prefix.text
    return f"{_quoted(f'{field.word_tag}:{text}')} *" if _is_word(text) else NOTHING


def _bool(query: Bool, table: Table) -> str | None:
    parts = [expression(each, table) for each in (*query.must, *query.filter)]
    if query.minimum_should > len(query.should):
        return NOTHING
    if query.minimum_should:
        if query.minimum_should not in (1, len(query.should)):
            return None
        optional = [expression(each, table) for each in query.should]
        parts.append(_joined(optional, "OR" if query.minimum_should == 1 else "AND"))
    excluded = [expression(each, table) for each in query.must_not]
    if not parts or None in parts or None in excluded:
        return None
    return without(both([part for part in parts if part is not None]), [each for each in excluded if each is not None])


def _joined(parts: list[str | None] | list[str], operator: str) -> str | None:
    kept = []
    for part in parts:
        if part is None:
            return None
        if part == NOTHING:
            if operator == "AND":
                return NOTHING
            continue
        kept.append(part)
    if len(kept) < 2:
        return kept[0] if kept else NOTHING
    return f"({f' {operator} '.join(kept)})"


def _is_word(text: str) -> bool:
    """Whether a text is one word as it stands in the index."""
    return text == normalised(text) and "".join(run.text for run in runs(text)) == text != ""


def _quoted(word: str) -> str:
    return f'"{word}"'
