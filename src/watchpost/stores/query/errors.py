"""What is wrong with a request, in Elasticsearch's words: a type, a reason and an HTTP status."""

from __future__ import annotations

from typing import Final

from watchpost.errors import WatchpostError

SUPPORTED: Final = "docs/search.md lists what is supported"


class QueryError(WatchpostError):
    """A request that can not be answered; `kind` is Elasticsearch's name for the error, `status` that of HTTP."""

    def __init__(self, reason: str, kind: str = "parsing_exception", status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.status = status


def illegal(reason: str) -> QueryError:
    """An argument that can not be used."""
    return QueryError(reason, "illegal_argument_exception")


def unsupported(what: str) -> QueryError:
    """Something of Elasticsearch's that is not supported here."""
    return QueryError(f"{what} is not supported here; {SUPPORTED}", "illegal_argument_exception")
