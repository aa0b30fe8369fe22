"""`label_map.pbtxt`: the classes of TFRecord data, `item { id: 1 name: 'cat' display_name: "Cat" }`; ids from 1.

The syntax is protocol buffers' text format, as far as label maps use it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchpost.datasets.labels import read_text, write_text
from watchpost.errors import WatchpostError

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*) | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<word>[A-Za-z_]\w*) | (?P<number>-?\d+) | (?P<mark>[{}:,;<>\[\]])""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Item:
    """One class."""

    id: int
    name: str
    """What records write as the class's text; in some data sets a code such as /m/01g317."""
    display_name: str


def read(path: Path) -> tuple[Item, ...]:
    """The classes in the order of their ids. Raises `WatchpostError` naming file and line."""
    tokens = _Tokens(path, read_text(path))
    items: dict[int, Item] = {}
    names: set[str] = set()
    while tokens.kind:
        line = tokens.line
        if tokens.take() != "item":
            raise WatchpostError(f"{path}:{line}: expected item {{ id: 1 name: 'cat' }}.")
        if tokens.text == ":":
            tokens.take()
        item = _item(tokens, f"{path}:{line}")
        if item.id in items:
            raise WatchpostError(f"{path}:{line}: id {item.id} is there twice.")
        if item.name in names:
            raise WatchpostError(f"{path}:{line}: the name {item.name!r} is there twice.")
        items[item.id] = item
        names.add(item.name)
    if not items:
        raise WatchpostError(f"{path}:1: the label map holds no item.")
    return tuple(items[id_] for id_ in sorted(items))


def write(class_names: Sequence[str], path: Path) -> None:
    """Write a label map with ids from 1. Raises `WatchpostError`."""
    items = (
        f"item {{\n  id: {index}\n  name: {_quoted(name)}\n  display_name: {_quoted(name)}\n}}\n"
        for index, name in enumerate(class_names, start=1)
    )
    write_text(path, "\n".join(items))


def _item(tokens: _Tokens, place: str) -> Item:
    fields: dict[str, str] = {}
    opening = tokens.take()
    if opening not in ("{", "<"):
        raise WatchpostError(f"{place}: expected {{ after item.")
    while tokens.text not in ("}", ">"):
        line = f"{tokens.path}:{tokens.line}"
        if tokens.kind != "word":
            raise WatchpostError(f"{line}: expected id, name or display_name, or }} at the item's end.")
        key = tokens.take()
        if tokens.take() != ":":
            raise WatchpostError(f"{line}: expected : after {key}.")
        kind, value = tokens.kind, tokens.take()
        if key == "id" and kind != "number":
            raise WatchpostError(f"{line}: id must be a whole number, found {value[:40] or 'nothing'}.")
        if key in ("name", "display_name") and kind != "string":
            raise WatchpostError(f"{line}: {key} must be in quotes, found {value[:40] or 'nothing'}.")
        if kind not in ("string", "number", "word"):
            raise WatchpostError(f"{line}: {key} has no value that a label map may have.")
        fields[key] = _unquoted(value) if kind == "string" else value
        if tokens.text in (",", ";"):
            tokens.take()
    tokens.take()
    if "id" not in fields:
        raise WatchpostError(f"{place}: the item has no id.")
    number = int(fields["id"])
    if number < 1:
        raise WatchpostError(f"{place}: id {number}: ids count from 1 (0 is the background).")
    name = fields.get("name") or fields.get("display_name")
    if not name:
        raise WatchpostError(f"{place}: the item has no name.")
    return Item(number, name, fields.get("display_name") or name)


class _Tokens:
    """The words of the file, one after the other; at the end `kind` is empty."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self._source, self._position = path, text, 0
        self.kind = self.text = ""
        self.line = 1
        self._next()

    def take(self) -> str:
        """The present word; goes on to the next one."""
        text = self.text
        self._next()
        return text

    def _next(self) -> None:
        while self._position < len(self._source):
            self.line = self._source.count("\n", 0, self._position) + 1
            match = _TOKEN.match(self._source, self._position)
            if match is None:
                found = self._source[self._position : self._position + 20].splitlines()[0]
                raise WatchpostError(f"{self.path}:{self.line}: this is no label map: {found!r}.")
            self._position = match.end()
            if match.lastgroup != "space":
                self.kind, self.text = str(match.lastgroup), match.group()
                return
        self.kind = self.text = ""


def _unquoted(text: str) -> str:
    """Escapes are bytes in octal or hexadecimal, or single characters; together they are UTF-8."""

    def byte(match: re.Match[str]) -> str:
        octal, hexadecimal, plain = match.groups()
        if plain is not None:
            return _ESCAPED.get(plain, plain)
        return bytes([(int(octal, 8) if octal else int(hexadecimal, 16)) & 0xFF]).decode("utf-8", "surrogateescape")

    joined = _ESCAPE.sub(byte, text[1:-1])
    return joined.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"
