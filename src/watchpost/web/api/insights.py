"""What happened, added up; and what the server remembers of itself. Every figure is told in docs/insights.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from watchpost.runtime.footprints import Grid
from watchpost.runtime.history import History
from watchpost.runtime.history.delays import HOUR_S, quantile_s
from watchpost.runtime.history.states import SEEING
from watchpost.stores import EventStore
from watchpost.stores.query.dates import parse_zone
from watchpost.stores.query.errors import illegal
from watchpost.web import insights, uptime
from watchpost.web.access import User, Viewer, check_sees, may_see
from watchpost.web.questions import Clause, Names, Question, WallTime, Zone, refusals
from watchpost.web.services import Services

_WEEK_S: Final = 7 * 86_400.0


class Span(BaseModel):
    """A time and some cameras; without a time, the last week."""

    model_config = ConfigDict(extra="forbid")

    since: WallTime | None = None
    until: WallTime | None = None
    tz: Zone = "UTC"
    """The time zone of hours and days: `Asia/Seoul`, `+09:00`."""
    camera: Names = []

    def bounds(self, now_s: float) -> tuple[float, float]:
        """Beginning and end, in seconds since 1970. Raises `QueryError` for a time that is none."""
        until_s = now_s if self.until is None else self.until
        since_s = until_s - _WEEK_S if self.since is None else self.since
        if since_s >= until_s:
            raise illegal("until is not after since")
        return since_s, until_s

    def cameras(self, user: User) -> frozenset[str] | None:
        """Those that are asked for and may be seen, `None` for all."""
        if not self.camera:
            return user.cameras
        return frozenset(each for each in self.camera if may_see(user, each))


class Counted(Span):
    """Which events are counted; all that is given must hold."""

    q: Annotated[str, Field(max_length=1000)] = ""
    """The text form of a search."""
    kind: Names = []
    class_name: Names = []
    zone: Names = []

    def clauses(self, user: User, now_s: float) -> list[Clause]:
        """What must hold, for a `filter`. Raises `QueryError`."""
        since_s, until_s = self.bounds(now_s)
        asked = Question(
            q=self.q, tz=self.tz, camera=self.camera, kind=self.kind, class_name=self.class_name, zone=self.zone
        )
        ended = {"range": {"end.time": {"gte": round(since_s * 1000), "lt": round(until_s * 1000)}}}
        return [*asked.clauses(user, now_s), ended]


class Stepped(Counted):
    """The same over time."""

    step: insights.Step = "day"


class Grouped(Stepped):
    """The same over time and by a field."""

    by: insights.By | None = None


class Parted(Counted):
    """The same by a field."""

    by: insights.By = "class_name"


class Stretch(Span):
    """A time in steps."""

    step: uptime.Step = "hour"


class Outages(Span):
    """Which of the times when cameras showed nothing."""

    least_s: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    """At least so long."""
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000


class Wanted(BaseModel):
    """Some of the figures over time."""

    model_config = ConfigDict(extra="forbid")

    since: WallTime | None = None
    until: WallTime | None = None
    name: Names = []
    """Nothing: all."""


def router(services: Services) -> APIRouter:
    """The routes over events, and those over the history and the recordings."""
    routes = APIRouter(prefix="/api/insights", tags=["insights"])
    _add_events(routes, services)
    if services.history is not None:
        _add_history(routes, services, services.history)
    return routes


def _add_events(routes: APIRouter, services: Services) -> None:
    def ask() -> insights.Ask:
        store: EventStore | None = services.store()
        if store is None:
            raise HTTPException(503, "this server keeps no events")
        return store.query

    now_s = services.clock.wall_time_s

    @routes.get("/counts", summary="Events over time, also by camera, kind, class or zone")
    def counts(user: Viewer, asked: Annotated[Grouped, Query()]) -> dict[str, Any]:
        with refusals():
            insights.check_span(*asked.bounds(now_s()), asked.step)
            steps = insights.counts(ask(), asked.clauses(user, now_s()), asked.step, asked.tz, asked.by)
            return {"step": asked.step, "steps": steps, "total": sum(each["count"] for each in steps)}

    @routes.get("/hours", summary="Events by day and hour: a heat map")
    def hours(user: Viewer, asked: Annotated[Counted, Query()]) -> dict[str, Any]:
        with refusals():
            span = asked.bounds(now_s())
            insights.check_span(*span, "hour")
            zone = parse_zone(asked.tz)
            return insights.hours_of_days(ask(), asked.clauses(user, now_s()), *span, asked.tz, zone)

    @routes.get("/crossings", summary="Who crossed the lines, and which way")
    def crossings(user: Viewer, asked: Annotated[Stepped, Query()]) -> dict[str, Any]:
        with refusals():
            insights.check_span(*asked.bounds(now_s()), asked.step)
            found = insights.crossings(ask(), asked.clauses(user, now_s()), asked.step, asked.tz)
            return {"step": asked.step, **found}

    @routes.get("/stays", summary="How long people stayed, by zone")
    def stays(user: Viewer, asked: Annotated[Counted, Query()]) -> dict[str, Any]:
        with refusals():
            zones = insights.stays(ask(), asked.clauses(user, now_s()))
            return {"edges_s": list(insights.STAY_EDGES_S), "zones": zones}

    @routes.get("/composition", summary="What the events are made of: by class, kind, camera or zone")
    def composition(user: Viewer, asked: Annotated[Parted, Query()]) -> dict[str, Any]:
        with refusals():
            return {"by": asked.by, **insights.composition(ask(), asked.clauses(user, now_s()), asked.by)}

    @routes.get("/places", summary="Where in a camera's picture people stood: a heat map")
    def places(
        user: Viewer,
        camera: Annotated[str, Query(min_length=1, max_length=256)],
        since: Annotated[WallTime | None, Query()] = None,
        until: Annotated[WallTime | None, Query()] = None,
        source: Literal["tracks", "events"] = "tracks",
    ) -> dict[str, Any]:
        check_sees(user, camera)
        with refusals():
            asked = Counted(since=since, until=until, camera=[camera])
            span = asked.bounds(now_s())
            if source == "events":
                grid, events = insights.event_feet(ask(), asked.clauses(user, now_s()))
                return _grid_json(grid, "events") | {"events": events}
            if services.history is None:
                raise HTTPException(404, "this server keeps no history")
            history = services.history()
            if history is None:
                raise HTTPException(503, "the history can not be used; the server's log says why")
            return _grid_json(history.footprints.between(camera, *span), "seconds")


def _add_history(routes: APIRouter, services: Services, kept: Callable[[], History | None]) -> None:
    now_s = services.clock.wall_time_s

    def opened() -> History:
        history = kept()
        if history is None:
            raise HTTPException(503, "the history can not be used; the server's log says why")
        return history

    @routes.get("/uptime", summary="Which cameras saw and recorded what share of each hour or day")
    def up(user: Viewer, asked: Annotated[Stretch, Query()]) -> dict[str, Any]:
        with refusals():
            bounds = uptime.edges(*asked.bounds(now_s()), asked.step, parse_zone(asked.tz))
        cameras = asked.cameras(user)
        states = uptime.state_s(opened().states.between(bounds[0], bounds[-1], cameras), bounds)
        archive = None if services.recordings is None else services.recordings()
        recorded = {} if archive is None else uptime.recorded_s(archive, bounds, now_s(), cameras)
        return {
            "edges": bounds,
            "cameras": uptime.matrix(bounds, now_s(), states, recorded, opened().states.known_since()),
        }

    @routes.get("/outages", summary="When cameras showed nothing, and why, the newest first")
    def outages(user: Viewer, asked: Annotated[Outages, Query()]) -> list[dict[str, Any]]:
        with refusals():
            span = asked.bounds(now_s())
        found = [
            {
                "camera": each.camera,
                "since": each.since_s,
                "until": each.until_s,
                "state": each.state,
                "reason": each.reason,
            }
            for each in opened().states.between(*span, asked.cameras(user))
            if each.state not in (SEEING, "ended") and each.until_s - each.since_s >= asked.least_s
        ]
        found.sort(key=lambda each: float(str(each["since"])), reverse=True)
        return found[: asked.limit]

    @routes.get("/delays", summary="How late alerts were: from the camera's picture to the event")
    def delays(user: Viewer, asked: Annotated[Span, Query()]) -> dict[str, Any]:
        with refusals():
            span = asked.bounds(now_s())
        found = opened().delays.between(*span, asked.cameras(user))
        return _delays_json(found)

    @routes.get("/figures", summary="Load, processor, memory, disk and GPU over time")
    def figures(_user: Viewer, asked: Annotated[Wanted, Query()]) -> dict[str, Any]:
        with refusals():
            span = Span(since=asked.since, until=asked.until).bounds(now_s())
        step_s, series = opened().figures.between(*span, now_s(), set(asked.name) or None)
        return {
            "step_s": step_s,
            "figures": {each.name: {"at": each.at_s, "mean": each.mean, "most": each.most} for each in series},
        }


def _grid_json(grid: Grid, unit: str) -> dict[str, Any]:
    rows, columns = grid.shape
    return {"columns": columns, "rows": rows, "unit": unit, "cells": np.round(grid.astype(float), 2).tolist()}


def _delays_json(found: Mapping[tuple[int, str], Counter[int]]) -> dict[str, Any]:
    hours: dict[int, Counter[int]] = {}
    cameras: dict[str, Counter[int]] = {}
    for (hour_s, camera), bins in found.items():
        hours.setdefault(hour_s, Counter()).update(bins)
        cameras.setdefault(camera, Counter()).update(bins)

    def told(bins: Counter[int]) -> dict[str, Any]:
        return {"count": bins.total(), "p50_s": quantile_s(bins, 0.5), "p95_s": quantile_s(bins, 0.95)}

    everything: Counter[int] = sum(hours.values(), Counter())
    return {
        "step_s": HOUR_S,
        "all": told(everything),
        "steps": [{"time": hour_s, **told(hours[hour_s])} for hour_s in sorted(hours)],
        "cameras": [{"camera": camera, **told(cameras[camera])} for camera in sorted(cameras)],
    }
