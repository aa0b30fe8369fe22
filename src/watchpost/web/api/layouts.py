"""The wall's layouts: each user's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException
from fastapi import Path as InPath

from watchpost.web.access import Viewer
from watchpost.web.layouts import Layout, Layouts, TooManyLayoutsError

Name = Annotated[str, InPath(min_length=1, max_length=40)]


def router(layouts: Layouts) -> APIRouter:
    """The routes. Each answers with all layouts of the user as they are then."""
    routes = APIRouter(prefix="/api/layouts", tags=["layouts"])

    @routes.get("", summary="Your layouts of the wall, by name")
    def all_layouts(user: Viewer) -> dict[str, Layout]:
        return layouts.of(user.name)

    @routes.put("/{name:path}", summary="Save a layout, in place of any of that name")
    def put(user: Viewer, name: Name, layout: Layout) -> dict[str, Layout]:
        try:
            layouts.put(user.name, name, layout)
        except TooManyLayoutsError as error:
            raise HTTPException(409, str(error)) from None
        return layouts.of(user.name)

    @routes.delete("/{name:path}", summary="Delete a layout")
    def remove(user: Viewer, name: Name) -> dict[str, Layout]:
        if not layouts.remove(user.name, name):
            raise HTTPException(404, "no such layout")
        return layouts.of(user.name)

    return routes
