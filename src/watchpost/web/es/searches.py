"""`_search`, `_count` and `_delete_by_query`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from watchpost.stores.embedded.indices import Indices
from watchpost.stores.query import QueryError, Search, parse_search
from watchpost.stores.query.errors import illegal
from watchpost.web.es.wire import SOURCE_PARAMETERS, answer, check_parameters, read_object, source_parameters

Job = Callable[[Indices], Response]
_SHARDS: Final = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_HARMLESS: Final = ("request_cache", "preference", "search_type", "batched_reduce_size")


async def search(request: Request) -> Job:
    """`POST /INDEX/_search`; `size`, `from`, `sort`, `_source` and `track_total_hits` may stand in the address too."""
    check_parameters(request, "size", "from", "sort", "track_total_hits", *SOURCE_PARAMETERS, *_HARMLESS)
    wanted = parse_search({**(await read_object(request)), **_in_address(request)})
    return lambda indices: answer(request, indices.search(_index(request), wanted))


async def count(request: Request) -> Job:
    """`POST /INDEX/_count`."""
    check_parameters(request)
    wanted = await _query_alone(request)
    return lambda indices: answer(request, {"count": indices.count(_index(request), wanted), "_shards": _SHARDS})


async def delete_by_query(request: Request) -> Job:
    """`POST /INDEX/_delete_by_query`."""
    check_parameters(request, "conflicts", "wait_for_completion", "scroll_size", "slices")
    if request.query_params.get("wait_for_completion", "true") != "true":
        raise illegal("[wait_for_completion] false is not supported here")
    wanted = await _query_alone(request, is_required=True)

    def job(indices: Indices) -> Response:
        started_s = time.perf_counter()
        deleted = indices.delete_by_query(_index(request), wanted)
        figures = {"total": deleted, "deleted": deleted, "batches": 1, "version_conflicts": 0, "noops": 0}
        took_ms = int((time.perf_counter() - started_s) * 1000)
        return answer(request, {"took": took_ms, "timed_out": False, **figures, "failures": []})

    return job


async def _query_alone(request: Request, *, is_required: bool = False) -> Search:
    body = await read_object(request)
    if others := sorted(set(body) - {"query"}):
        raise QueryError(f"request does not support [{others[0][:64]}]")
    if is_required and "query" not in body:
        raise QueryError("query is missing", "action_request_validation_exception")
    return parse_search(body)


def _index(request: Request) -> str:
    return str(request.path_params.get("index", "_all"))


def _in_address(request: Request) -> dict[str, Any]:
    given: dict[str, Any] = dict(request.query_params)
    found: dict[str, Any] = {}
    for name in ("size", "from"):
        if name in given:
            if not given[name].isascii() or not given[name].isdecimal() or len(given[name]) > 9:
                raise illegal(f"Failed to parse int parameter [{name}] with value [{given[name][:64]}]")
            found[name] = int(given[name])
    if "sort" in given:
        found["sort"] = given["sort"].split(",")
    if (source := source_parameters(request)) is not None:
        found["_source"] = source
    if "track_total_hits" in given:
        value = given["track_total_hits"]
        found["track_total_hits"] = int(value) if value.isdecimal() and len(value) < 10 else value == "true"
    return found
