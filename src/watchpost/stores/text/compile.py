"""The text form to a query: parts stand side by side and all hold; `or`, `-` and parentheses combine them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from watchpost.stores.query.errors import QueryError, illegal
from watchpost.stores.query.parse import is_text, parse_query
from watchpost.stores.query.words import query_words
from watchpost.stores.text.catalogue import catalogue
from watchpost.stores.text.times import duration_s, time_span
from watchpost.stores.text.tokens import Token, tokens

_MAX_DEPTH: Final = 8
_BOUNDS: Final = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
Clause = dict[str, Any]


def compile_text(text: str, now_s: float, zone: tzinfo | None = None) -> Clause:
    """The query of a text such as `person camera:gate -zone:"side door" after:yesterday duration:>30s`.

    `zone` is that of its times; `None` is this machine's. Raises `QueryError`, one line that says what is wrong.
    """
    if not is_text(text):
        raise illegal("the search holds signs that are no text")
    compiler = _Compiler(list(tokens(text)), now_s, zone)
    clause = compiler.alternatives(0)
    if compiler.at < len(compiler.tokens):
        raise illegal("a closing parenthesis has no partner")
    parse_query(clause)  # within the bounds of all queries
    return clause


class _Compiler:
    def __init__(self, found: list[Token], now_s: float, zone: tzinfo | None) -> None:
        self.tokens = found
        self.at = 0
        self._now_s = now_s
        self._zone = zone

    def alternatives(self, depth: int) -> Clause:
        """`a b or c`: a and b, or c."""
        if depth > _MAX_DEPTH:
            raise illegal(f"parentheses may be nested {_MAX_DEPTH} deep, not deeper")
        ways = [self._all(depth)]
        while self._is_word("or"):
            self.at += 1
            ways.append(self._all(depth, is_needed=True))
        return ways[0] if len(ways) == 1 else {"bool": {"should": ways, "minimum_should_match": 1}}

    def _all(self, depth: int, *, is_needed: bool = False) -> Clause:
        held: list[Clause] = []
        excluded: list[Clause] = []
        while self.at < len(self.tokens) and self.tokens[self.at].kind != "close" and not self._is_word("or"):
            is_excluded = False
            while self.at < len(self.tokens) and (self.tokens[self.at].kind == "minus" or self._is_word("not")):
                is_excluded = not is_excluded
                self.at += 1
            if self.at >= len(self.tokens) or self.tokens[self.at].kind == "close" or self._is_word("or"):
                raise illegal("nothing follows the - or not")
            (excluded if is_excluded else held).append(self._part(depth))
        if is_needed and not held and not excluded:
            raise illegal("nothing stands beside the or")
        if not held and not excluded:
            return {"match_all": {}}
        if len(held) == 1 and not excluded:
            return held[0]
        return {"bool": {"must": held} | ({"must_not": excluded} if excluded else {})}

    def _part(self, depth: int) -> Clause:
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "open":
            clause = self.alternatives(depth + 1)
            if self.at >= len(self.tokens):
                raise illegal("an opening parenthesis has no partner")
            self.at += 1
            return clause
        if token.name is None:
            return _words("text", token)
        return self._named(token)

    def _named(self, token: Token) -> Clause:
        name = token.name or ""
        field = catalogue().fields.get(name.lower())
        if field is None and name.lower().startswith("attributes."):
            field = f"attributes.{name[len('attributes.') :]}"
        if field is None:
            known = ", ".join(sorted(catalogue().fields))
            raise illegal(f"there is no {name[:64]!r} to search by; there are: {known}, attributes.NAME")
        special: dict[str, Callable[[Token], Clause]] = {
            "after": self._after,
            "before": self._before,
            "on": self._on,
            "has": _has,
            "duration_s": lambda each: _figure("duration_s", each, duration_s),
            "score": lambda each: _figure("score", each, _number),
            "track_id": lambda each: _figure("track_id", each, _number),
        }
        if field in special:
            return special[field](token)
        if field.startswith("attributes."):
            return _attribute(field, token)
        if token.sign not in ("", "="):
            raise illegal(f"{name}: is a name; it takes no {token.sign}")
        if field.endswith(".text"):
            exact = field.removesuffix(".text")
            return {"term": {exact: token.value}} if token.sign == "=" else _words(field, token)
        if field == "id":
            return {"ids": {"values": [token.value]}}
        meant = catalogue().values.get(token.value.lower(), token.value.lower())
        return {"terms": {field: list(dict.fromkeys([token.value, meant]))}}

    def _after(self, token: Token) -> Clause:
        self._no_sign(token)
        return {"range": {"end.time": {"gte": _iso(self._span(token)[0])}}}

    def _before(self, token: Token) -> Clause:
        self._no_sign(token)
        return {"range": {"start.time": {"lt": _iso(self._span(token)[0])}}}

    def _on(self, token: Token) -> Clause:
        self._no_sign(token)
        begin, end = self._span(token)
        if begin == end:
            raise illegal(f"{token.name}: takes a day, such as yesterday or 2026-05-01")
        bounds = [{"range": {"end.time": {"gte": _iso(begin)}}}, {"range": {"start.time": {"lt": _iso(end)}}}]
        return {"bool": {"must": bounds}}

    def _span(self, token: Token) -> tuple[datetime, datetime]:
        return time_span(token.value, self._now_s, self._zone)

    @staticmethod
    def _no_sign(token: Token) -> None:
        if token.sign:
            raise illegal(f"{token.name}: takes a time and no {token.sign}")

    def _is_word(self, meaning: str) -> bool:
        if self.at >= len(self.tokens):
            return False
        token = self.tokens[self.at]
        is_plain = token.kind == "word" and token.name is None and not token.is_quoted
        return is_plain and catalogue().words.get(token.value.lower()) == meaning


def _words(field: str, token: Token) -> Clause:
    value = token.value
    if value.endswith("*") and not token.is_quoted:
        return _beginning(field, value.rstrip("*"))
    if not query_words(value):
        raise illegal(f"{value[:64]!r} holds no word to search for")
    clause: Clause = {"match": {field: {"query": value, "operator": "and"}}}
    meant = None if token.is_quoted else catalogue().values.get(value.lower())
    if meant is None:
        return clause
    other = {"match": {field: {"query": meant, "operator": "and"}}}
    return {"bool": {"should": [clause, other], "minimum_should_match": 1}}


def _beginning(field: str, value: str) -> Clause:
    """`gat*`: the last word is the beginning of one."""
    words = query_words(value)
    if not words or value[-1:].isspace() or "*" in value:
        raise illegal("* stands at the end of a word, as in gat*")
    return {
        "bool": {
            "must": [{"match": {field: {"query": word, "operator": "and"}}} for word in words[:-1]]
            + [{"prefix": {field: {"value": words[-1]}}}]
        }
    }


def _figure(field: str, token: Token, read: Callable[[str], float]) -> Clause:
    low, is_span, high = token.value.partition("..")
    if is_span and not token.sign:
        bounds = {name: read(end) for name, end in (("gte", low), ("lte", high)) if end}
        if not bounds:
            raise illegal(f"{token.name}: needs a number on one side of ..")
        return {"range": {field: bounds}}
    value = read(token.value)
    return {"range": {field: {_BOUNDS[token.sign]: value}}} if token.sign in _BOUNDS else {"term": {field: value}}


def _attribute(field: str, token: Token) -> Clause:
    if token.sign in _BOUNDS:
        return {"range": {field: {_BOUNDS[token.sign]: _number(token.value)}}}
    if not token.is_quoted:
        if token.value.lower() in ("true", "false"):
            return {"term": {field: token.value.lower() == "true"}}
        with suppress(QueryError):  # a name, then
            return {"term": {field: _number(token.value)}}
    return {"term": {field: token.value}}


def _has(token: Token) -> Clause:
    field = catalogue().has.get(token.value.lower())
    if field is None:
        raise illegal(f"{token.name}: takes one of {', '.join(sorted(catalogue().has))}")
    return {"term": {field: True}} if field == "has_snapshot" else {"exists": {"field": field}}


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise illegal(f"{text[:64]!r} is no number") from None
    if not abs(number) < 1e15:
        raise illegal(f"{text[:64]!r} is no number to search for")
    return int(number) if number.is_integer() else number


def _iso(moment: datetime) -> str:
    try:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        raise illegal("a time lies beyond all calendars") from None
