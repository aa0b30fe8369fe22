"""The text form cut into its parts: words, quoted texts, `name:value`, a minus before a part, parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from watchpost.stores.query.errors import illegal

MAX_TEXT: Final = 2000
MAX_PARTS: Final = 200
_PART: Final = re.compile(
    r"""
    (?P<open>\() | (?P<close>\))
    | (?P<minus>-(?=[^\s)-]))
    | (?:(?P<name>[^\s:()"<>=-][^\s:()"<>=]*):(?P<sign><=|>=|<|>|=)?)?
      (?: "(?P<quoted>(?:\\.|[^"\\])*)" | (?P<word>[^\s()"]+) )?
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One part of the text."""

    kind: Literal["open", "close", "minus", "word"]
    value: str = ""
    name: str | None = None
    """What stands before the colon."""
    sign: str = ""
    """`<`, `<=`, `>`, `>=`, `=` or nothing."""
    is_quoted: bool = False


def tokens(text: str) -> Iterator[Token]:
    """The parts of a text. Raises `QueryError` for a quotation that does not end, and for too long a text."""
    if len(text) > MAX_TEXT:
        raise illegal(f"the search has more than {MAX_TEXT} characters")
    at = 0
    for _ in range(MAX_PARTS):
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return
        match = _PART.match(text, at)
        if match is None or match.end() == at:
            raise illegal("a quotation mark has no partner" if text[at] == '"' else f"what is {text[at : at + 20]!r}?")
        at = match.end()
        if match["name"] and match["quoted"] is None and text[at : at + 1] == '"':
            raise illegal("a quotation mark has no partner")
        yield _token(match)
    raise illegal(f"the search has more than {MAX_PARTS} parts")


def _token(match: re.Match[str]) -> Token:
    if match["open"]:
        return Token("open")
    if match["close"]:
        return Token("close")
    if match["minus"]:
        return Token("minus")
    quoted = match["quoted"]
    value = (match["word"] or "") if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
    if match["name"] and not value and quoted is None:
        raise illegal(f"{match['name']}: needs a value; write for instance {match['name']}:gate")
    return Token("word", value, match["name"], match["sign"] or "", quoted is not None)
