"""The pages' words: one catalogue per language, chosen by the reader's switch or the browser's wish."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Final

LANGUAGES: Final = {"en": "English", "ko": "한국어"}
LOCALES: Final = Path(__file__).parent / "locales"
_PAGES: Final = Path(__file__).parent / "pages"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Key -> text of one of `LANGUAGES`; keys are `page.name`, as they are nested in the file."""
    return dict(_flat(json.loads((LOCALES / f"{language}.json").read_text("utf-8"))))


def choose_language(chosen: str | None, accept_language: str, default: str) -> str:
    """What the reader chose, else the best of an Accept-Language header (RFC 9110, section 12.5.4), else `default`.

    >>> choose_language(None, "fr, ko-KR;q=0.8, en;q=0.5", "en")
    'ko'
    """
    if chosen in LANGUAGES:
        return chosen
    wishes = []
    for place, part in enumerate(accept_language[:500].split(",")):
        tag, _, weight = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES:
            wishes.append((-_quality(weight), place, language))
    return min(wishes)[2] if wishes else default


def render_page(name: str, language: str, **values: str) -> str:
    """`pages/NAME.html` with `${key}` replaced by the language's texts and by `values`, all of them escaped."""
    page = Template((_PAGES / f"{name}.html").read_text("utf-8"))
    texts = {key.replace(".", "_"): text for key, text in catalogue(language).items()}
    escaped = {key: html.escape(text) for key, text in (texts | values).items()}
    return page.substitute(escaped, language=language)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, str):
            yield prefix + key, value
        else:
            yield from _flat(value, f"{prefix}{key}.")


def _quality(weight: str) -> float:
    try:
        return float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
    except ValueError:
        return 0.0
