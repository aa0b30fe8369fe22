"""A camera's zones and lines, for those who draw them over its live picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from watchpost.web.access import Viewer, check_sees
from watchpost.web.services import Services

Points = list[tuple[float, float]]


class Shapes(BaseModel):
    """By their names; points are x, y in fractions of the picture, 0-1. Masks are black in the picture itself."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    zones: dict[str, Points]
    """Three corners or more."""
    lines: dict[str, Points]
    """Two points or more; who walks along from the first one has *in* at the right."""


def router(services: Services) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/cameras", tags=["cameras"])

    @routes.get("/{camera:path}/shapes", summary="A camera's zones and lines")
    def shapes(user: Viewer, camera: str) -> Shapes:
        check_sees(user, camera)
        found = services.configuration().cameras.get(camera)
        if found is not None:
            return Shapes(zones=_lists(found.zones), lines=_lists(found.lines))
        if services.hub.status(camera) is None:
            raise HTTPException(404, "no such camera")
        return Shapes(zones={}, lines={})  # of a demo, whose cameras stand in no file

    return routes


def _lists(shapes: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, Points]:
    return {name: list(points) for name, points in shapes.items()}
