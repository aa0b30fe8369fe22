"""`_bulk`: many writes in one request, as lines of JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from watchpost.stores.embedded.documents import Written
from watchpost.stores.embedded.indices import Action, Indices
from watchpost.stores.query import QueryError
from watchpost.stores.query.errors import illegal, unsupported
from watchpost.web.es.documents import written_body
from watchpost.web.es.wire import answer, check_parameters, parse_object, read_body

Job = Callable[[Indices], Response]
MAX_ACTIONS: Final = 50_000
_KINDS: Final[dict[str, Literal["index", "create", "delete"]]] = {
    "index": "index",
    "create": "create",
    "delete": "delete",
}
_STATUS: Final = {"created": 201, "updated": 200, "deleted": 200, "not_found": 404}


async def bulk(request: Request) -> Job:
    """`POST /_bulk` and `POST /INDEX/_bulk`."""
    check_parameters(request)
    body = await read_body(request, is_lines=True)
    if not body.endswith(b"\n"):
        raise illegal("The bulk request must be terminated by a newline [\\n]")
    actions = list(_actions(body, request.path_params.get("index")))
    if not actions:
        raise illegal("request body is required")

    def job(indices: Indices) -> Response:
        started_s = time.perf_counter()
        results = indices.bulk(actions)
        items = [_item(action, result) for action, result in zip(actions, results, strict=True)]
        took_ms = int((time.perf_counter() - started_s) * 1000)
        has_errors = any(isinstance(result, QueryError) for result in results)
        return answer(request, {"took": took_ms, "errors": has_errors, "items": items})

    return job


def _actions(body: bytes, default_index: str | None) -> Iterator[Action]:
    lines = (line for line in body.split(b"\n") if line.strip())
    for number, line in enumerate(lines):
        if number >= MAX_ACTIONS:
            raise illegal(f"a bulk request holds at most {MAX_ACTIONS} actions")
        described = parse_object(line)
        if len(described) != 1:
            raise illegal(f"Malformed action/metadata line [{number + 1}], expected one action")
        ((kind, options),) = described.items()
        chosen = _KINDS.get(kind)
        if chosen is None:
            raise unsupported(f"the action [{kind[:64]}] in a bulk request")
        if not isinstance(options, dict):
            raise illegal(f"Malformed action/metadata line [{number + 1}], expected an object")
        for name in options:
            if name not in ("_index", "_id"):
                raise unsupported(f"[{name[:64]}] in a bulk request")
        index, document_id = options.get("_index", default_index), options.get("_id")
        if not isinstance(index, str) or not isinstance(document_id, str | int | None):
            raise illegal(f"Malformed action/metadata line [{number + 1}]: index is missing or no text")
        source: dict[str, Any] | None = None
        if chosen != "delete":
            source_line = next(lines, None)
            if source_line is None:
                raise illegal("the last action of the bulk request has no source")
            source = parse_object(source_line)
        yield Action(chosen, index, None if document_id is None else str(document_id), source)


def _item(action: Action, result: Written | QueryError) -> dict[str, Any]:
    if isinstance(result, QueryError):
        error = {"type": result.kind, "reason": result.reason}
        return {action.kind: {"_index": action.index, "_id": action.id, "status": result.status, "error": error}}
    return {action.kind: {**written_body(result), "status": _STATUS[result.result]}}
