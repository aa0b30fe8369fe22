"""The OpenAPI document (3.1) of the API, with the role that each route takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, APIWebSocketRoute

from watchpost.web.access import Needs, Role, Viewer
from watchpost.web.guard import CSRF_HEADER, SESSION_COOKIE

_DESCRIPTION = f"""What the pages show and do, for programs. Log in with `Authorization: Bearer TOKEN`, or with the
cookie of a session: then everything but GET wants the header `{CSRF_HEADER}` that `GET /api/accounts/me` tells."""
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
}
_REFUSAL = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
    "description": "Why not.",
}


def add_openapi(app: FastAPI) -> None:
    """Serve the document, to those who are logged in."""
    made: list[dict[str, Any]] = []

    @app.get("/api/openapi.json", include_in_schema=False)
    def document(_user: Viewer) -> dict[str, Any]:
        if not made:
            made.append(openapi(app))
        return made[0]


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document: each operation has its role as `x-role`, and no `security` where it is open to all."""
    document = get_openapi(title="Watchpost", version=_version(), description=_DESCRIPTION, routes=app.routes)
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    components.setdefault("schemas", {})["Refusal"] = _REFUSAL
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        role = role_of(route)
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            if role is not None:
                operation["x-role"] = role
                operation["security"] = [{name: []} for name in _SCHEMES]
            for status, why in _refusals(role):
                operation["responses"].setdefault(status, _described(why))
    return document


def role_of(route: APIRoute | APIWebSocketRoute) -> Role | None:
    """The role that a route takes, `None` for one that is open."""
    return next((each.call.role for each in _dependencies(route.dependant) if isinstance(each.call, Needs)), None)


def _dependencies(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield each
        yield from _dependencies(each)


def _refusals(role: Role | None) -> Iterator[tuple[str, str]]:
    if role is not None:
        yield "401", "Nobody is logged in."
        yield "403", "Another role is needed, or the request comes from another site."
    yield "404", "There is no such thing, or it may not be seen."
    yield "409", "It can not be done as things are."
    yield "413", "The request is too large."
    yield "503", "What is needed for it does not work at present."


def _described(why: str) -> dict[str, Any]:
    return {
        "description": why,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
    }


def _version() -> str:
    from importlib.metadata import version

    return version("watchpost")
