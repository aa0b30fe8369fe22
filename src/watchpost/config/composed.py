"""A YAML text read once for all who ask about it: its nodes, and where each piece of it stands.

YAML is read in Python: of 300 cameras that takes most of a second, and a change from the page asks for it five times.
The last text is remembered.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import Node
from ruamel.yaml.parser import Parser

_COLON: Final = re.compile(r"\s*:")


@dataclass(slots=True)
class Piece:
    """A piece of YAML and where it stands in the text: `start` to `end`, its last character's successor."""

    kind: Literal["scalar", "alias", "map", "list"]
    start: int
    end: int
    column: int
    text: str = ""
    is_flow: bool = False
    anchor: str | None = None
    entries: dict[str, tuple[Piece, Piece]] = field(default_factory=dict)
    """Of a mapping, by key: the key and the value."""


@dataclass(frozen=True, slots=True)
class Composed:
    """What a text holds; nobody changes it."""

    root: Node | None
    """The document's node, `None` where there is none."""
    outline: Piece | None
    """Where its pieces stand: aliases are not followed, and of lists the place alone is known."""


@functools.lru_cache(maxsize=1)
def compose(text: str) -> Composed:
    """Read a text. Raises `YAMLError` for one that is no YAML, and whatever else the parser meets in garbled ones."""
    events: list[Event] = []

    class Noting(Parser):
        def get_event(self) -> Any:
            event = super().get_event()
            events.append(event)
            return event

    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = Noting
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of anchors defined twice; YAML allows them
        root = yaml.compose(text)
    nodes = (event for event in events if isinstance(event, NodeEvent | CollectionEndEvent))
    first = next(nodes, None)
    return Composed(root, None if first is None else _piece(first, nodes, text))


def _piece(event: Event, events: Iterator[Event], text: str) -> Piece:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, AliasEvent):
        return Piece("alias", start, end, event.start_mark.column)
    if isinstance(event, ScalarEvent):
        end = max(start, len(text[:end].rstrip())) if event.style in ("|", ">") else end
        return Piece("scalar", start, end, event.start_mark.column, event.value, anchor=event.anchor)
    if isinstance(event, MappingStartEvent):
        node = Piece("map", start, end, event.start_mark.column, is_flow=bool(event.flow_style), anchor=event.anchor)
        while not isinstance(inner := next(events), CollectionEndEvent):
            key = _piece(inner, events, text)
            value = _piece(next(events), events, text)
            if value.kind == "scalar" and value.start == value.end and (colon := _COLON.match(text, key.end)):
                value.start = value.end = colon.end()  # nothing is written here; the parser says where the next is
            node.entries[key.text] = (key, value)
            node.end = max(node.end, value.end, key.end)
        node.end = inner.end_mark.index if node.is_flow else node.end
        return node
    if not isinstance(event, SequenceStartEvent):
        raise TypeError(f"no node begins with {event!r}")
    node = Piece("list", start, end, event.start_mark.column, is_flow=bool(event.flow_style), anchor=event.anchor)
    while not isinstance(inner := next(events), CollectionEndEvent):
        node.end = max(node.end, _piece(inner, events, text).end)
    node.end = inner.end_mark.index if node.is_flow else node.end
    return node
