"""Text to words: how Korean and English are found.

The same rules as the analyzer that the Elasticsearch store installs (`standard` tokenizer, `lowercase`, `cjk_width`,
`cjk_bigram`, see docs/search.md): runs of letters and digits are words, in small letters; Korean, Chinese and Japanese,
which are written without (reliable) spaces between words, become pairs of neighbouring characters, so that 정문 is
found in 정문에서. In the index each such character stands alone too, so that 문 is found in 정문.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_WORDS: Final = 1024
"""Words of one query text."""
MAX_WORD_LENGTH: Final = 255
"""Characters; a longer word is cut into pieces, as Elasticsearch does."""

_CJK: Final = (
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Kana, Han
)
_RUN: Final = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK: Final = re.compile(f"[{_CJK}]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and where it stands in the text."""

    text: str
    start: int
    end: int


def normalised(text: str) -> str:
    """Full and half width, composed and decomposed letters made the same (Unicode NFKC), in small letters."""
    return unicodedata.normalize("NFKC", text).lower()


def runs(text: str) -> Iterator[Word]:
    """The runs of letters and digits of a normalised text, cut where the script changes."""
    for match in _RUN.finditer(text):
        for start in range(match.start(), match.end(), MAX_WORD_LENGTH):
            end = min(start + MAX_WORD_LENGTH, match.end())
            yield Word(text[start:end], start, end)


def is_cjk(run: str) -> bool:
    """Whether a run is written in Korean, Chinese or Japanese."""
    return _IS_CJK.match(run) is not None


def index_words(text: str) -> list[str]:
    """The words under which a text is found, in order, with repetitions."""
    found = []
    for run in runs(normalised(text)):
        if is_cjk(run.text):
            found += list(run.text)
            found += _pairs(run.text)
        else:
            found.append(run.text)
    return found


def query_words(text: str) -> list[str]:
    """The words that a query text asks for, without repetitions."""
    found: list[str] = []
    for run in runs(normalised(text)):
        if is_cjk(run.text) and len(run.text) > 1:
            found += _pairs(run.text)
        else:
            found.append(run.text)
    return list(dict.fromkeys(found))


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]
