"""What the server is loaded with: how much it gives up at present, its processes and its models."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from watchpost.runtime.figures import Figures, ModelFigures, WorkerFigures
from watchpost.web.access import Operator


class Load(BaseModel):
    """As counted since the start."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    level: int
    """What is given up: 0 nothing, 1 and 2 the rate of quiet cameras, 3 the size of models; each with those before."""
    workers: list[WorkerFigures]
    """None where all cameras run in the server's own process."""
    models: list[ModelFigures]


def router(figures: Callable[[], Figures]) -> APIRouter:
    """The route; `figures` is that of `Services`."""
    routes = APIRouter(prefix="/api/settings", tags=["system"])

    @routes.get("/load", summary="What is given up under load, processes and models")
    def load(_user: Operator) -> Load:
        found = figures()
        level = int(found.batcher.get("level", 0))
        return Load(level=level, workers=list(found.workers), models=list(found.models))

    return routes
