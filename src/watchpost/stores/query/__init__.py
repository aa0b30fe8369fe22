"""The one query language of all stores: Elasticsearch's Query DSL, parsed once into a small typed tree.

`parse_search(body)` gives a `Search`; a store compiles it to what it speaks. Everything here is free of SQL and of
HTTP. What is not supported raises `QueryError`, which names it.
"""

from __future__ import annotations

from watchpost.stores.query.errors import QueryError
from watchpost.stores.query.request import Search, parse_search

__all__ = ["QueryError", "Search", "parse_search"]
