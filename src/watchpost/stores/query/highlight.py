"""`highlight`: the words that were found, marked in the text that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchpost.stores.query.errors import QueryError, illegal, unsupported
from watchpost.stores.query.tree import Bool, Match, MultiMatch, Prefix, Query, Terms
from watchpost.stores.query.words import is_cjk, normalised, query_words, runs

_OPTIONS: Final = ("pre_tags", "post_tags", "fragment_size", "number_of_fragments", "require_field_match", "type")


@dataclass(frozen=True, slots=True)
class HighlightField:
    """How one field is marked."""

    name: str
    pre_tag: str = "<em>"
    post_tag: str = "</em>"
    fragment_size: int = 100
    """Characters."""
    fragments: int = 5
    """0: the whole text."""
    needs_field_match: bool = True
    """Whether only words that were asked for in this very field are marked."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """What is to be marked."""

    fields: tuple[HighlightField, ...]


def parse_highlight(data: object) -> Highlight:
    """`{"fields": {"text": {...}}, "pre_tags": ["<b>"], ...}`. Raises `QueryError`."""
    if not isinstance(data, Mapping):
        raise QueryError("[highlight] takes an object")
    shared = {name: value for name, value in data.items() if name != "fields"}
    fields = data.get("fields")
    if isinstance(fields, list):
        fields = {name: options for item in fields if isinstance(item, Mapping) for name, options in item.items()}
    if not isinstance(fields, Mapping) or len(fields) > 32:
        raise QueryError("[highlight] needs [fields], at most 32 of them")
    return Highlight(tuple(_field(name, {**shared, **_mapping(options)}) for name, options in fields.items()))


def marked(field: HighlightField, texts: Iterable[str], words: frozenset[str]) -> list[str]:
    """The pieces of texts in which words stand, with the words marked; empty where there are none."""
    pieces: list[str] = []
    for text in texts:
        spans = _spans(text, words)
        if not spans:
            continue
        if field.fragments == 0:
            pieces.append(_with_tags(field, text, spans, 0, len(text)))
            continue
        at = 0
        for start, _end in spans:
            if start < at:
                continue
            begin = max(at, min(start - field.fragment_size // 4, len(text) - field.fragment_size))
            at = max(begin + field.fragment_size, _end)
            pieces.append(_with_tags(field, text, spans, begin, min(at, len(text))))
    return pieces[: field.fragments] if field.fragments else pieces


def asked_words(query: Query, field: str | None) -> frozenset[str]:
    """The words that a query asks for in a field, or in any with `None`; those of `must_not` are left out.

    A word that ends in `*` stands for all that begin with it.
    """
    if isinstance(query, Bool):
        parts = (*query.must, *query.filter, *query.should)
        return frozenset().union(*(asked_words(part, field) for part in parts))
    if isinstance(query, MultiMatch):
        return frozenset().union(*(asked_words(part, field) for part in query.matches))
    if not isinstance(query, Match | Terms | Prefix) or (field is not None and query.field != field):
        return frozenset()
    if isinstance(query, Prefix):
        return frozenset({f"{normalised(query.text)}*"})
    texts = (query.text,) if isinstance(query, Match) else query.values
    return frozenset(word for text in texts for word in query_words(str(text)))


def _spans(text: str, words: frozenset[str]) -> list[tuple[int, int]]:
    """Where words stand in a text, in order, neighbours joined."""
    small, places = _normalised_with_places(text)
    prefixes = tuple(word[:-1] for word in words if word.endswith("*"))
    spans: list[tuple[int, int]] = []

    def add(start: int, end: int) -> None:
        first, last = places[start], places[end - 1] + 1
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))

    for run in runs(small):
        if is_cjk(run.text):
            for size in (1, 2):
                for at in range(len(run.text) - size + 1):
                    if run.text[at : at + size] in words:
                        add(run.start + at, run.start + at + size)
        elif run.text in words or (prefixes and run.text.startswith(prefixes)):
            add(run.start, run.end)
    return _joined(spans)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _normalised_with_places(text: str) -> tuple[str, list[int]]:
    """The normalised text, and for each of its characters the place in `text` that it comes from."""
    small = normalised(text)
    if len(small) == len(text):
        return small, list(range(len(text)))
    parts, places = [], []
    for place, character in enumerate(text):
        part = normalised(character)
        parts.append(part)
        places += [place] * len(part)
    return "".join(parts), places


def _with_tags(field: HighlightField, text: str, spans: list[tuple[int, int]], begin: int, end: int) -> str:
    out, at = [], begin
    for start, stop in spans:
        if begin <= start and stop <= end:
            out += [text[at:start], field.pre_tag, text[start:stop], field.post_tag]
            at = stop
    return "".join([*out, text[at:end]])


def _field(name: object, options: Mapping[str, Any]) -> HighlightField:
    if not isinstance(name, str) or not name or len(name) > 512:
        raise QueryError("[highlight] has a field without a name")
    if "*" in name:
        raise unsupported("[highlight] with wildcards in the names of fields")
    for option in options:
        if option not in _OPTIONS:
            raise unsupported(f"[{str(option)[:64]}] in [highlight]")
    return HighlightField(
        name,
        _tag(options.get("pre_tags", ["<em>"])),
        _tag(options.get("post_tags", ["</em>"])),
        _number("fragment_size", options.get("fragment_size", 100), 1),
        _number("number_of_fragments", options.get("number_of_fragments", 5), 0),
        options.get("require_field_match", True) is not False,
    )


def _tag(value: object) -> str:
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, str) or len(first) > 256:
        raise illegal("[pre_tags] and [post_tags] take a text of up to 256 characters")
    return first


def _number(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 1_000_000:
        raise illegal(f"[{name}] is a whole number from {least} up")
    return value


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise QueryError("[highlight] takes an object for each field")
    return value
