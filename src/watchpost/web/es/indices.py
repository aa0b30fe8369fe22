"""Indices: made, shown and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from watchpost.stores.embedded.indices import Described, Indices
from watchpost.stores.query import QueryError
from watchpost.stores.query.errors import illegal, unsupported
from watchpost.web.es.wire import PRODUCT, answer, check_parameters, flag, read_object

Job = Callable[[Indices], Response]
_CAT: Final = ("health", "status", "index", "uuid", "pri", "rep", "docs.count", "docs.deleted", "store.size")


async def create(request: Request) -> Job:
    """`PUT /INDEX` with `settings` and `mappings`."""
    check_parameters(request)
    name, body = request.path_params["index"], await read_object(request)
    settings, mappings = _object(body, "settings"), _object(body, "mappings")
    if others := sorted(set(body) - {"settings", "mappings"}):
        raise unsupported(f"[{others[0][:64]}] of an index")

    def job(indices: Indices) -> Response:
        indices.create(name, settings, mappings)
        return answer(request, {"acknowledged": True, "shards_acknowledged": True, "index": name})

    return job


async def get(request: Request) -> Job:
    """`GET` and `HEAD /INDEX`."""
    check_parameters(request, "include_defaults", "flat_settings", "local", "features")

    def job(indices: Indices) -> Response:
        return answer(request, {each.name: _shown(each) for each in indices.describe(request.path_params["index"])})

    return job


async def delete(request: Request) -> Job:
    """`DELETE /INDEX`."""
    check_parameters(request)

    def job(indices: Indices) -> Response:
        indices.delete(request.path_params["index"])
        return answer(request, {"acknowledged": True})

    return job


async def get_mapping(request: Request) -> Job:
    """`GET /INDEX/_mapping`."""
    check_parameters(request, "local")

    def job(indices: Indices) -> Response:
        found = indices.describe(request.path_params.get("index", "_all"))
        return answer(request, {each.name: {"mappings": each.mapping} for each in found})

    return job


async def put_mapping(request: Request) -> Job:
    """`PUT /INDEX/_mapping`."""
    check_parameters(request)
    body = await read_object(request)

    def job(indices: Indices) -> Response:
        indices.put_mapping(request.path_params["index"], body)
        return answer(request, {"acknowledged": True})

    return job


async def refresh(request: Request) -> Job:
    """`POST /INDEX/_refresh`: writes are always seen at once."""
    check_parameters(request)

    def job(indices: Indices) -> Response:
        indices.check_exist(request.path_params.get("index", "_all"))
        return answer(request, {"_shards": {"total": 1, "successful": 1, "failed": 0}})

    return job


async def cat(request: Request) -> Job:
    """`GET /_cat/indices`, as text or, with `format=json`, as JSON."""
    check_parameters(request, "v", "format", "h", "s", "bytes")
    if request.query_params.get("s") not in (None, "index"):
        raise unsupported("[s] in _cat/indices other than index")
    columns = [name for name in request.query_params.get("h", ",".join(_CAT)).split(",") if name]
    if unknown := [name for name in columns if name not in _CAT]:
        raise illegal(f"_cat/indices has no column [{unknown[0][:64]}]; there are: {', '.join(_CAT)}")
    kind, has_headings = request.query_params.get("format", "text"), flag(request, "v")
    if kind not in ("text", "json"):
        raise unsupported("[format] other than text and json")

    def job(indices: Indices) -> Response:
        found = indices.describe(request.path_params.get("index", "_all"))
        rows = [_cat_row(each) for each in found]
        if kind == "json":
            return answer(request, [{name: row[name] for name in columns} for row in rows])
        lines = [columns] if has_headings else []
        lines += [[str(row[name] or "-") for name in columns] for row in rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = "".join(" ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)
        return PlainTextResponse(text, headers=PRODUCT)

    return job


async def put_template(request: Request) -> Job:
    """`PUT /_index_template/NAME`."""
    check_parameters(request, "create", "cause")
    body = await read_object(request)

    def job(indices: Indices) -> Response:
        indices.templates.put(request.path_params["name"], body)
        return answer(request, {"acknowledged": True})

    return job


async def get_template(request: Request) -> Job:
    """`GET /_index_template/NAME`."""
    check_parameters(request, "flat_settings", "local", "include_defaults")

    def job(indices: Indices) -> Response:
        found = indices.templates.get(request.path_params.get("name", "*"))
        listed = [{"name": name, "index_template": body} for name, body in found.items()]
        return answer(request, {"index_templates": listed})

    return job


async def delete_template(request: Request) -> Job:
    """`DELETE /_index_template/NAME`."""
    check_parameters(request)

    def job(indices: Indices) -> Response:
        indices.templates.delete(request.path_params["name"])
        return answer(request, {"acknowledged": True})

    return job


def _shown(index: Described) -> dict[str, Any]:
    own = index.settings.get("index", index.settings)
    settings = {
        **{name: value for name, value in own.items() if isinstance(name, str)},
        "creation_date": str(index.created_ms),
        "uuid": index.uuid,
        "provided_name": index.name,
        "number_of_shards": "1",
        "number_of_replicas": "0",
    }
    return {"aliases": {}, "mappings": index.mapping, "settings": {"index": settings}}


def _cat_row(index: Described) -> dict[str, str | None]:
    row = dict.fromkeys(_CAT)
    values = ("green", "open", index.name, index.uuid, "1", "0", str(index.documents), "0", None)
    return row | dict(zip(_CAT, values, strict=True))


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise QueryError(f"[{name}] takes an object", "parse_exception")
    return value
