"""Requests to JSON and answers from it, as Elasticsearch has them on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from watchpost.stores.query import QueryError
from watchpost.stores.query.errors import illegal, unsupported

MAX_BODY_BYTES: Final = 20_000_000
"""Of one request; clients cut a bulk into pieces."""
VERSION: Final = "9.0.0"
"""The version of Elasticsearch whose dialect this is; clients compare its first number with their own."""
PRODUCT: Final = {"X-Elastic-Product": "Elasticsearch"}
"""What official clients look for in each answer before they go on."""

_JSON_TYPES: Final = ("application/json", "application/vnd.elasticsearch+json")
_LINE_TYPES: Final = (*_JSON_TYPES, "application/x-ndjson", "application/vnd.elasticsearch+x-ndjson")
_ANYWHERE: Final = frozenset(
    {"pretty", "human", "error_trace", "timeout", "master_timeout", "wait_for_active_shards", "refresh"}
    | {"allow_no_indices", "expand_wildcards", "ignore_unavailable"}
)
"""Parameters that change nothing here: writes are seen at once, and there is one shard."""


def check_parameters(request: Request, *known: str) -> None:
    """Raise `QueryError` for a parameter of the address that is not supported."""
    for name in request.query_params:
        if name not in _ANYWHERE and name not in known:
            raise unsupported(f"request [{request.url.path[:128]}] with the parameter [{name[:64]}]")


async def read_body(request: Request, *, is_lines: bool = False) -> bytes:
    """The body. Raises `QueryError` for one that is too large or says that it is something else than JSON.

    The type is asked for because a foreign web page can send forms and plain text without being asked, but no JSON.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise QueryError(f"a request holds at most {MAX_BODY_BYTES} bytes", "content_too_long_exception", 413)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind not in (_LINE_TYPES if is_lines else _JSON_TYPES):
        raise QueryError(f"Content-Type header [{kind[:64]}] is not supported", "media_type_header_exception", 406)
    return bytes(body)


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object, empty where there is none. Raises `QueryError`."""
    body = await read_body(request)
    return parse_object(body) if body.strip() else {}


def parse_object(text: bytes) -> dict[str, Any]:
    """A JSON object. Raises `QueryError`."""
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise QueryError(f"the request is no JSON: {str(error)[:128]}", "parse_exception") from None
    if not isinstance(data, dict):
        raise QueryError("the request is no JSON object", "parse_exception")
    return data


def answer(request: Request, data: Any, status: int = 200) -> Response:
    """An answer, in the type that the request asks for."""
    is_pretty = request.query_params.get("pretty") in ("", "true")
    text = json.dumps(data, ensure_ascii=False, indent=2 if is_pretty else None, default=str)
    wish = request.headers.get("accept", "")
    kind = "application/json"
    if "application/vnd.elasticsearch+json" in wish:
        version = "8" if "compatible-with=8" in wish else "9"
        kind = f"application/vnd.elasticsearch+json;compatible-with={version}"
    return Response(text + ("\n" if is_pretty else ""), status, PRODUCT, kind)


def error_body(error: QueryError, **more: Any) -> dict[str, Any]:
    """An error in Elasticsearch's shape."""
    cause = {"type": error.kind, "reason": error.reason, **more}
    return {"error": {"root_cause": [cause], **cause}, "status": error.status}


def refusal(kind: str, reason: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """An error for a request that was not let in."""
    return JSONResponse(error_body(QueryError(reason, kind, status)), status, {**PRODUCT, **(headers or {})})


def flag(request: Request, name: str) -> bool:
    """A parameter that is true when it is there without a value."""
    value = request.query_params.get(name)
    if value not in (None, "", "true", "false"):
        raise illegal(f"Failed to parse value [{value[:64]}] as only [true] or [false] are allowed.")
    return value in ("", "true")


SOURCE_PARAMETERS: Final = ("_source", "_source_includes", "_source_excludes")


def source_parameters(request: Request) -> Any:
    """What `_source`, `_source_includes` and `_source_excludes` in the address ask for, `None` where none is there."""
    given = request.query_params
    if "_source" in given:
        return {"true": True, "false": False}.get(given["_source"], given["_source"].split(","))
    lists = {name: given.get(f"_source_{name}", "").split(",") for name in ("includes", "excludes")}
    asked = {name: [each for each in values if each] for name, values in lists.items()}
    return asked if any(asked.values()) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
