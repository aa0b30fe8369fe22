"""Small XML files from strangers: a tree whose elements know their lines, without entities, within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from watchpost.errors import WatchpostError

_MAX_BYTES: Final = 16 << 20
_MAX_DEPTH: Final = 32


@dataclass(slots=True)
class Element:
    """An element, its text without white space around it, and the elements in it."""

    tag: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, tag: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.tag == tag), None)

    def all(self, tag: str) -> list[Element]:
        """The children of that name."""
        return [child for child in self.children if child.tag == tag]

    def value(self, tag: str) -> str:
        """The text of the first child of that name, empty where there is none."""
        child = self.find(tag)
        return "" if child is None else child.text


def parse(path: Path) -> Element:
    """The root element of a file.

    Raises `WatchpostError` naming file and line for what is no XML, declares a document type (and with it
    entities, the way of XML bombs and of files read by stealth), or is too large or too deep.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else None
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None
    except ValueError:
        raise WatchpostError(f"{path.parent} can hold no file of the name {path.name!r}.") from None
    if data is None:
        raise WatchpostError(f"{path} is larger than {_MAX_BYTES >> 20} MiB: that is no label file.")
    parser = expat.ParserCreate()
    parser.buffer_text = True
    top = Element("", 1)
    stack = [top]

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if len(stack) > _MAX_DEPTH:
            raise WatchpostError(f"{path}:{parser.CurrentLineNumber}: elements lie more than {_MAX_DEPTH} deep.")
        element = Element(tag, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    def end(_tag: str) -> None:
        element = stack.pop()
        element.text = element.text.strip()

    def characters(text: str) -> None:
        stack[-1].text += text

    def doctype(*_: Any) -> None:
        line = parser.CurrentLineNumber
        raise WatchpostError(f"{path}:{line}: a label file must not declare a document type (DOCTYPE).")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise WatchpostError(f"{path}:{error.lineno}: this is not XML: {reason}.") from None
    except (LookupError, ValueError) as error:  # an encoding that nobody knows
        raise WatchpostError(f"{path}:1: this XML can not be read: {error}.") from None
    return top.children[0]
