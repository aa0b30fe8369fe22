"""The routes of the dialect, as an application to be mounted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchpost.errors import WatchpostError
from watchpost.stores import EventStore
from watchpost.stores.embedded.indices import Indices
from watchpost.stores.query import QueryError
from watchpost.telemetry import redacted
from watchpost.web.access import Role, User, user_of
from watchpost.web.es import bulk, documents, searches
from watchpost.web.es import indices as indices_
from watchpost.web.es.wire import VERSION, answer, error_body

_THREADS: Final = 4
"""Requests that are worked on at once; the others wait."""

Job = Callable[[Indices], Response]
Prepare = Callable[[Request], Awaitable[Job]]
"""Reads a request and gives what is to be done with the store, in a thread of its own."""


def create_es_app(store: Callable[[], EventStore | None]) -> Starlette:
    """The application; `store` gives the store of the moment."""
    limiter = CapacityLimiter(_THREADS)

    def endpoint(prepare: Prepare, needed: Role) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            try:
                _check_may(user_of(request), needed)
                job = await prepare(request)
                indices = getattr(store(), "indices", None)
                if not isinstance(indices, Indices):
                    raise QueryError(
                        "the events are kept elsewhere: ask the cluster that the configuration names under store:",
                        "illegal_state_exception",
                        503,
                    )
                return await to_thread.run_sync(job, indices, limiter=limiter)
            except QueryError as error:
                return answer(request, error_body(error), error.status)
            except WatchpostError as error:
                failure = QueryError(redacted(str(error)), "store_exception", 503)
                return answer(request, error_body(failure), failure.status)

        return handle

    routes = [
        Route(path, endpoint(prepare, _needed(methods, prepare)), methods=methods) for path, methods, prepare in _ROUTES
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_handler})


def _needed(methods: list[str], prepare: Prepare) -> Role:
    """Who may: what is asked for is for those who see all, what is changed for admins."""
    reads = methods == ["GET"] or prepare in (searches.search, searches.count, indices_.refresh)
    return Role.VIEWER if reads else Role.ADMIN


def _check_may(user: User, needed: Role) -> None:
    if user.cameras is not None or not user.role.covers(needed):
        what = "all cameras" if user.role.covers(needed) else f"the role {needed}"
        raise QueryError(f"this takes a user with {what}", "security_exception", 403)


async def _info(request: Request) -> Job:
    data = {
        "name": "watchpost",
        "cluster_name": "watchpost",
        "cluster_uuid": "watchpost",
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "watchpost",
            "minimum_wire_compatibility_version": VERSION,
            "minimum_index_compatibility_version": VERSION,
        },
        "tagline": "Watchpost, in a dialect of Elasticsearch: see docs/search.md",
    }
    return lambda _: answer(request, data)


async def _no_handler(request: Request, error: Exception) -> Response:
    path, method = str(request.scope.get("path", ""))[:256], request.method
    status = 405 if getattr(error, "status_code", 400) == 405 else 400
    what = f"no handler found for uri [{path}] and method [{method}]; docs/search.md lists what is supported"
    return answer(request, error_body(QueryError(what, "illegal_argument_exception", status)), status)


_READ: Final = ["GET", "POST"]
_WRITE: Final = ["PUT", "POST"]
_ROUTES: Final[list[tuple[str, list[str], Prepare]]] = [
    ("/", ["GET"], _info),
    ("/_cat/indices", ["GET"], indices_.cat),
    ("/_cat/indices/{index}", ["GET"], indices_.cat),
    ("/_bulk", _WRITE, bulk.bulk),
    ("/_search", _READ, searches.search),
    ("/_count", _READ, searches.count),
    ("/_refresh", _READ, indices_.refresh),
    ("/_mapping", ["GET"], indices_.get_mapping),
    ("/_index_template", ["GET"], indices_.get_template),
    ("/_index_template/{name}", ["GET"], indices_.get_template),
    ("/_index_template/{name}", _WRITE, indices_.put_template),
    ("/_index_template/{name}", ["DELETE"], indices_.delete_template),
    ("/{index}/_bulk", _WRITE, bulk.bulk),
    ("/{index}/_search", _READ, searches.search),
    ("/{index}/_count", _READ, searches.count),
    ("/{index}/_refresh", _READ, indices_.refresh),
    ("/{index}/_mapping", ["GET"], indices_.get_mapping),
    ("/{index}/_mapping", _WRITE, indices_.put_mapping),
    ("/{index}/_delete_by_query", ["POST"], searches.delete_by_query),
    ("/{index}/_doc", ["POST"], documents.put),
    ("/{index}/_doc/{id:path}", ["GET"], documents.get),
    ("/{index}/_doc/{id:path}", _WRITE, documents.put),
    ("/{index}/_doc/{id:path}", ["DELETE"], documents.delete),
    ("/{index}/_create/{id:path}", _WRITE, documents.create),
    ("/{index}", ["GET"], indices_.get),
    ("/{index}", ["PUT"], indices_.create),
    ("/{index}", ["DELETE"], indices_.delete),
]
