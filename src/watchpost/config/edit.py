"""A YAML file made to say something else, with every byte that need not change left as it is.

Where what the file says and what it is to say differ, the text is cut and mended: comments, order, quotes and
`${VARIABLES}` of all the rest stay. The result is read again, and used only if it says what was meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from watchpost.config.composed import Piece, compose
from watchpost.config.document import parse
from watchpost.errors import ConfigError

_BOM: Final = "\ufeff"
_INDENT: Final = 2
_SHORT: Final = 80
"""Settings up to so many characters stand in one line, `{a: 1, b: 2}`."""
_PLAIN: Final = re.compile(r"[^\W\d_][\w.-]*(?: [\w.-]+)*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
"""What YAML, or a reader of its older version, takes for something else than text."""


class EditError(ConfigError):
    """The file can not be made to say this without changing more of it; its owner can."""


def written(content: bytes) -> dict[str, Any]:
    """What a file says, as it is written: no variables put in, no defaults. Raises `EditError` where it is no YAML."""
    document = parse(content, None)
    if document.faults:
        raise EditError(f"line {document.faults[0].position.line}: {document.faults[0].message}.")
    if document.data is not None and not isinstance(document.data, dict):
        raise EditError("the file holds no settings.")
    return document.data or {}


def rewritten(content: bytes, wanted: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> bytes:
    """The file that says `wanted` (plain data as JSON has it; texts as they are to stand in the file).

    `old` is what `written` tells of it, where somebody has asked already: a file of 300 cameras takes most of a second.
    Raises `EditError` where it takes more than changing the places that differ.
    """
    old = written(content) if old is None else old
    text = content.decode("utf-8-sig")
    try:
        new = _spliced(text, list(_Differences(text).of(old, wanted))).encode()
    except (ValueError, TypeError, RecursionError):  # no finite number, half a character, a nest without end
        raise EditError("this holds something that no file can say.") from None
    if content.startswith(_BOM.encode()):
        new = _BOM.encode() + new
    try:
        is_right = _is_same(_filled(written(new)), _filled(wanted))
    except EditError:
        is_right = False
    if not is_right:
        raise EditError("the file is written in a way that can not be changed from here; change it by hand.")
    return new


class _Splice(NamedTuple):
    """What stands from `start` to `end` becomes `text`."""

    start: int
    end: int
    text: str


def _spliced(text: str, splices: list[_Splice]) -> str:
    parts, done = [], 0
    for splice in sorted(splices, key=lambda one: (one.start, one.end)):  # of equal ones, the first stays first
        if splice.start < done:
            raise EditError("these changes are too close together; make them one after the other.")
        parts += [text[done : splice.start], splice.text]
        done = splice.end
    return "".join([*parts, text[done:]])


class _Differences:
    """Where a text has to be changed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def of(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Splice]:
        """The splices that turn what the text says into `new`."""
        root = compose(self._text).outline
        if root is None or (root.kind == "scalar" and not root.text):
            lines = self._added(new, 0)
            head = "" if not self._text or self._text.endswith("\n") else self._newline
            yield _Splice(len(self._text), len(self._text), head + self._newline.join([*lines, ""]))
        else:
            yield from self._changes(root, old, new)

    def _changes(self, node: Piece, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Splice]:
        if node.kind != "map" or node.anchor is not None:
            raise EditError("this is written once for several places (an &anchor); change it by hand.")
        removed = [name for name in old if name not in new]
        if any(name not in node.entries for name in removed):
            raise EditError("this setting comes from elsewhere in the file (<<: or an *alias); change it by hand.")
        staying = [entry for name, entry in node.entries.items() if name not in removed]
        if node.is_flow and removed:
            yield _Splice(node.start, node.end, _flow(new))
            return
        for name in removed:
            yield self._removal(*node.entries[name])
        for name, (key, value) in node.entries.items():
            if name not in new or (name in old and _is_same(old[name], new[name])):
                continue
            before = old.get(name)
            after = new[name]
            if value.kind == "map" and before and isinstance(before, dict) and after and isinstance(after, dict):
                yield from self._inside(node, key, value, before, after)
            else:
                yield self._replacement(node, key, value, after)
        added = {
            name: value
            for name, value in new.items()
            if name not in node.entries and not (name in old and _is_same(old[name], value))
        }
        if added:
            yield self._addition(node, staying, added)

    def _inside(
        self, parent: Piece, key: Piece, node: Piece, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Iterator[_Splice]:
        """The changes within a mapping, or a new one where nothing of it stays."""
        if node.anchor is None and not node.entries.keys() & new.keys():
            yield self._replacement(parent, key, node, new)
        else:
            yield from self._changes(node, old, new)

    def _removal(self, key: Piece, value: Piece) -> _Splice:
        start = self._line_start(key.start)
        if self._text[start : key.start].strip():
            raise EditError("this setting shares its line with others; change it by hand.")
        end = self._text.find("\n", value.end) + 1
        return _Splice(start, end or len(self._text), "")

    def _replacement(self, parent: Piece, key: Piece, old: Piece, new: Any) -> _Splice:
        if parent.is_flow:
            return _Splice(old.start, old.end, _flow(new))
        colon = self._text.index(":", key.end) + 1
        comment = ""
        end = old.end
        if old.start == old.end or (old.kind in ("map", "list") and not old.is_flow):
            rest = self._text[colon : self._line_end(colon)]
            if rest.strip().startswith("#"):  # a comment stands behind the key
                comment, end = rest, max(end, self._line_end(colon))
        lines = self._lines(new, key.column, is_block=_wants_lines(new))
        first, below = (f" {lines[0]}", []) if len(lines) == 1 and not lines[0].startswith(" ") else ("", lines)
        return _Splice(colon, max(colon, end), self._newline.join([first + comment, *below]))

    def _addition(self, node: Piece, staying: list[tuple[Piece, Piece]], added: Mapping[str, Any]) -> _Splice:
        if node.is_flow:
            inner = _flow(added)[1:-1]
            place = max((value.end for _, value in staying), default=node.start + 1)
            return _Splice(place, place, f", {inner}" if staying else inner)
        if not staying:
            raise EditError("nothing of what is written here stays; change it by hand.")
        place = self._line_end(max(value.end for _, value in staying))
        return _Splice(place, place, self._newline + self._newline.join(self._added(added, node.column)))

    def _added(self, settings: Mapping[str, Any], column: int) -> list[str]:
        """Lines with settings at this column; what has settings of its own gets lines of its own."""
        lines: list[str] = []
        for name, value in settings.items():
            below = self._lines(value, column, is_block=_wants_lines(value))
            head = f"{' ' * column}{_scalar(name)}:"
            if len(below) == 1 and not below[0].startswith(" "):
                lines.append(f"{head} {below[0]}")
            else:
                lines += [head, *below]
        return lines

    def _lines(self, value: Any, column: int, *, is_block: bool) -> list[str]:
        """A value in one line, or in indented lines below its key at this column."""
        if isinstance(value, dict) and value and is_block:
            return self._added(value, column + _INDENT)
        if isinstance(value, list) and value and is_block and all(isinstance(item, dict) for item in value):
            return [f"{' ' * (column + _INDENT)}- {_flow(item)}" for item in value]
        return [_flow(value)]

    def _line_start(self, place: int) -> int:
        return self._text.rfind("\n", 0, place) + 1

    def _line_end(self, place: int) -> int:
        """Where the line ends, before its line break."""
        end = self._text.find("\n", place)
        end = len(self._text) if end < 0 else end
        return end - 1 if end > place and self._text[end - 1] == "\r" else end


def _wants_lines(value: Any) -> bool:
    """Whether a value is easier to read in lines of its own: cameras, zones, groups of groups, and what is long."""
    if isinstance(value, dict) and ("source" in value or any(map(_has_parts, value.values()))):
        return True
    return len(_flow(value)) > _SHORT


def _has_parts(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, list | dict) for each in value))


def _flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Text without quotes where nobody could take it for something else, else in JSON's quotes, which YAML reads."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _is_same(one: Any, other: Any) -> bool:
    """Equality in which true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _filled(value: Any) -> Any:
    """Data without the groups that have nothing in them: a file may say `zones:` or leave that out."""
    if not isinstance(value, Mapping):
        return value
    kept = {str(key): _filled(each) for key, each in value.items()}
    return {key: each for key, each in kept.items() if each != {}}
