"""A YAML text as plain data that remembers where everything was written. Never runs a tag, never unfolds a bomb."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from watchpost.config.composed import compose

MAX_BYTES: Final = 1 << 20
_MAX_NODES: Final = 100_000
_MAX_DEPTH: Final = 32
_NAMES_UNDER: Final = (("cameras",), ("models",), ("zones",), ("lines",))
_TAG: Final = "tag:yaml.org,2002:"
_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_VARIABLE_NAME: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)

Path = tuple[str | int, ...]
"""The way from the top of the document to a value: keys and list indices."""


class Position(NamedTuple):
    """A place in the file; both count from 1."""

    line: int
    column: int


class Fault(NamedTuple):
    """Something wrong with the text itself."""

    position: Position
    path: Path
    message: str
    spoils_value: bool = True
    """The value at `path` is not what was meant: what else seems wrong with it is no news."""


@dataclass(slots=True)
class Document:
    """What a YAML text says, and where."""

    data: Any = None
    faults: list[Fault] = field(default_factory=list)
    keys: dict[Path, Position] = field(default_factory=dict)
    """Where the key of a mapping's value stands (for an item of a list, the item)."""
    values: dict[Path, Position] = field(default_factory=dict)
    """Where the value stands."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Values that came from the environment, with the names of their variables."""


def parse(content: bytes, environment: Mapping[str, str] | None) -> Document:
    """Read a YAML document (UTF-8, with or without a byte order mark) and put in `${NAME}` from `environment`; `None`
    leaves texts as they are written.

    Problems of the text are in `faults`; after a fault of syntax there is no data.
    """
    document = Document()
    if len(content) > MAX_BYTES:
        document.faults.append(Fault(Position(1, 1), (), f"the file is larger than {MAX_BYTES >> 20} MiB"))
        return document
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = "this is not UTF-8 text; save the file with the encoding UTF-8"
        document.faults.append(Fault(Position(line, column), (), message))
        return document
    try:
        root = compose(text).root
    except YAMLError as error:
        document.faults.append(_syntax_fault(error, text))
    except RecursionError:
        document.faults.append(Fault(Position(1, 1), (), "the file is nested too deeply"))
    except Exception as error:  # the parser meets some garbled texts with errors of any class
        document.faults.append(Fault(Position(1, 1), (), f"this is no YAML ({type(error).__name__})"))
    else:
        if root is not None:
            try:
                document.data = _Builder(document, environment).build(root, (), 0)
            except _TooMuchError as error:
                document.faults = [error.fault]
    return document


class _TooMuchError(Exception):
    """The document is no configuration but an attack, or a great mistake: no use to read on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Builder:
    """Turns YAML nodes into plain data and writes down positions and faults."""

    def __init__(self, document: Document, environment: Mapping[str, str] | None) -> None:
        self._document = document
        self._environment = environment
        self._count = 0

    def build(self, node: Node, path: Path, depth: int) -> Any:
        position = _position(node.start_mark)
        self._document.values[path] = position
        self._document.keys.setdefault(path, position)
        self._count += 1
        if self._count > _MAX_NODES or depth > _MAX_DEPTH:
            message = "this is nested too deeply, or its aliases (*name) unfold to too much"
            raise _TooMuchError(Fault(position, path, message))
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and str(node.tag).startswith(_TAG):
            return self._scalar(node, path)
        self._fault(position, path, f"the tag {_short_tag(node)} is not allowed here; take it away")
        return None

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        built: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            position = _position(key_node.start_mark)
            if key_node.tag == f"{_TAG}merge":
                merged.update(self._merged(value_node, path, depth))
                continue
            if not isinstance(key_node, ScalarNode):
                self._fault(position, path, "a key must be plain text; put quotes around a text with { or [")
                continue
            key = str(key_node.value)
            place = (*path, key)
            if key in built:
                first = self._document.keys[place].line
                message = f"{key!r} is here twice, first in line {first}; take one away"
                self._document.faults.append(Fault(position, place, message, spoils_value=False))
                continue
            self._document.keys[place] = position
            value = self.build(value_node, place, depth + 1)
            if value is None and getattr(value_node, "value", None) == "":
                self._document.values[place] = position
                if path[-1:] not in _NAMES_UNDER:
                    continue  # a setting with nothing behind it counts as not written; a name does not
            built[key] = value
        return {**merged, **built}

    def _merged(self, node: Node, path: Path, depth: int) -> dict[str, Any]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for source in reversed(sources):  # of several, an earlier one wins
            if not isinstance(source, MappingNode):
                self._fault(_position(source.start_mark), path, "<<: takes a mapping, such as <<: *gate")
                continue
            merged.update(self.build(source, path, depth + 1) or {})
        return merged

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text: str = node.value
        match str(node.tag).removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return _integer(text)
            case "float":
                return _float(text)
            case "str" | "timestamp" | "value":
                return self._expanded(text, _position(node.start_mark), path)
            case _:
                message = f"the tag {_short_tag(node)} is not allowed here; take it away"
                self._fault(_position(node.start_mark), path, message)
                return None

    def _expanded(self, text: str, position: Position, path: Path) -> str:
        environment = self._environment
        if environment is None:
            return text

        def value_of(found: re.Match[str]) -> str:
            if found[1] is None:  # `$${` stands for `${`
                return "${"
            parts = _VARIABLE_NAME.fullmatch(found[1])
            if parts is None:
                message = "write ${NAME} or ${NAME:-default} for a variable, and $${ for the characters ${"
                self._fault(position, path, message)
                return ""
            value = environment.get(parts[1])
            if value is not None:
                self._document.secrets[value] = parts[1]
                return value
            if parts[2] is None:
                message = f"the environment variable {parts[1]} is not set; set it, or write ${{{parts[1]}:-default}}"
                self._fault(position, path, message)
            return parts[2] or ""

        return _VARIABLE.sub(value_of, text)

    def _fault(self, position: Position, path: Path, message: str) -> None:
        self._document.faults.append(Fault(position, path, message))


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _short_tag(node: Node) -> str:
    return str(node.tag).replace(_TAG, "!!")


def _integer(text: str) -> int | str:
    for base in (10, 0):
        try:
            return int(text, base)
        except ValueError:
            continue
    return text


def _float(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


_ADVICE: Final = (
    ("\\t", "a tab stands here; YAML is indented with spaces alone"),
    ("mapping values are not allowed", "a colon too many: quote text that holds ': ', or mend the line above"),
    ("expected <block end>", "indentation does not fit the lines above; a group begins in one column"),
    ("could not find expected ':'", "this key lacks its colon; write key: value with a space after the colon"),
    ("unexpected end of stream", "these quotes are never closed; add the closing quote"),
    ("expected ',' or ']'", "this list is never closed, or a comma is missing; write [a, b]"),
    ("expected ',' or '}'", "this group is never closed, or a comma is missing; write {a: 1, b: 2}"),
    ("undefined alias", "there is no &anchor of this name above; put quotes around a text that begins with *"),
    ("unknown escape", "a backslash in double quotes begins an escape; write the text in single quotes"),
    ("cannot start any token", "no text can begin with this character; put quotes around the text"),
    ("expected a single document", "a second document begins here; write everything in one, without ---"),
    ("undefined tag handle", "a tag is not allowed here; put quotes around a text that begins with !"),
)  # fmt: skip
"""What YAML's parser says, and what that means to whoever wrote the file."""


def _syntax_fault(error: YAMLError, text: str) -> Fault:
    if isinstance(error, ReaderError):
        before = text[: error.position]
        position = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Fault(position, (), "a control character stands here; delete it")
    if not isinstance(error, MarkedYAMLError):
        return Fault(Position(1, 1), (), "this is no YAML")
    problem = " ".join(f"{error.problem or ''} {error.context or ''}".split())
    mark = error.problem_mark or error.context_mark
    if any(sign in problem for sign in ("end of stream", "expected ',' or", "could not find expected ':'")):
        mark = error.context_mark or mark  # where the quote, bracket or key began says more than where it ends
    advice = next((said for sign, said in _ADVICE if sign in problem), problem)
    return Fault(_position(mark) if mark else Position(1, 1), (), advice)
