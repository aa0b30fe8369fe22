"""Single documents: written, read and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from watchpost.stores.embedded.documents import Written
from watchpost.stores.embedded.indices import Indices
from watchpost.stores.query.errors import illegal
from watchpost.stores.query.source import parse_source
from watchpost.web.es.wire import (
    SOURCE_PARAMETERS,
    answer,
    check_parameters,
    parse_object,
    read_body,
    source_parameters,
)

Job = Callable[[Indices], Response]


async def put(request: Request) -> Job:
    """`PUT /INDEX/_doc/ID` and `POST /INDEX/_doc`."""
    return await _write(request, only_new=request.query_params.get("op_type") == "create")


async def create(request: Request) -> Job:
    """`PUT /INDEX/_create/ID`: an error where there is one already."""
    return await _write(request, only_new=True)


async def _write(request: Request, *, only_new: bool) -> Job:
    check_parameters(request, "op_type")
    if request.query_params.get("op_type", "index") not in ("index", "create"):
        raise illegal("opType must be 'create' or 'index'")
    body = await read_body(request)
    if not body.strip():
        raise illegal("source is missing")
    source = parse_object(body)
    index, document_id = request.path_params["index"], request.path_params.get("id")

    def job(indices: Indices) -> Response:
        written = indices.put(index, document_id, source, only_new=only_new)
        return answer(request, written_body(written), 201 if written.result == "created" else 200)

    return job


async def get(request: Request) -> Job:
    """`GET` and `HEAD /INDEX/_doc/ID`."""
    check_parameters(request, "realtime", *SOURCE_PARAMETERS)
    wanted = parse_source(source_parameters(request))
    index, document_id = request.path_params["index"], request.path_params["id"]

    def job(indices: Indices) -> Response:
        found = indices.get(index, document_id)
        if found is None:
            return answer(request, {"_index": index, "_id": document_id, "found": False}, 404)
        body: dict[str, Any] = {
            "_index": index,
            "_id": document_id,
            "_version": found.version,
            "_seq_no": found.sequence,
            "_primary_term": 1,
            "found": True,
        }
        if wanted.is_wanted:
            body["_source"] = wanted.of(found.row.source)
        return answer(request, body)

    return job


async def delete(request: Request) -> Job:
    """`DELETE /INDEX/_doc/ID`."""
    check_parameters(request)
    index, document_id = request.path_params["index"], request.path_params["id"]

    def job(indices: Indices) -> Response:
        written = indices.remove(index, document_id)
        return answer(request, written_body(written), 404 if written.result == "not_found" else 200)

    return job


def written_body(written: Written) -> dict[str, Any]:
    """What a write answers."""
    return {
        "_index": written.index,
        "_id": written.id,
        "_version": written.version,
        "result": written.result,
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": written.sequence,
        "_primary_term": 1,
    }
