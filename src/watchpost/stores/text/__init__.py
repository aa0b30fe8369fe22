"""The text form for people, `person camera:gate zone:"side door" after:yesterday`, to the query language.

`compile_text(text, now_s, zone)` gives the JSON of a query. Keywords are those of all catalogues in `keywords/`, one
file a language; they may be mixed.
"""

from __future__ import annotations

from watchpost.stores.text.compile import compile_text

__all__ = ["compile_text"]
