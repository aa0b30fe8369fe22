"""What the charts of the insights page show: asked of the API, and made into the rows that the charts take."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.zones import Zones

SPANS: Final = {"day": 1, "week": 7, "month": 30, "quarter": 90}
"""Days by name."""
_DAY_S: Final = 86_400.0
_HOURLY_DAYS: Final = 7
"""Up to so many days are drawn by the hour, longer spans by the day."""
_MOST_HOURLY_DAYS: Final = 60
"""That the API tells by the hour at once."""
_MOST_CAMERAS: Final = 64
_PICTURE: Final = (16, 9)
"""Of a camera that has delivered none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page's address says."""

    cameras: tuple[str, ...] = ()
    """None: all."""
    zone: str = ""
    span: str = "week"

    @classmethod
    def from_query(cls, query: Any) -> Self:
        """Of the address; what can not be meant is left out."""
        span = query.get("span", "week")
        cameras = tuple(query.getlist("camera"))[:_MOST_CAMERAS]
        return cls(cameras, query.get("zone", ""), span if span in SPANS else "week")

    def address(self) -> str:
        """Of the page that shows this."""
        given = {"camera": self.cameras, "zone": self.zone, "span": "" if self.span == "week" else self.span}
        query = urlencode({name: value for name, value in given.items() if value}, doseq=True)
        return f"/insights?{query}" if query else "/insights"

    @property
    def step(self) -> str:
        """What is drawn as one: an `hour` or a `day`."""
        return "hour" if SPANS[self.span] <= _HOURLY_DAYS else "day"


@dataclass(frozen=True, slots=True)
class Presence:
    """How much of each step cameras were there, 0-1, `None` where it is not known."""

    cameras: list[str]
    times: list[datetime]
    live: list[list[float | None]]
    recorded: list[list[float | None]]


@dataclass(frozen=True, slots=True)
class Places:
    """Where people stood in a camera's picture."""

    camera: str
    cells: list[list[float]]
    """Seconds by row and column."""
    picture: str
    """Address of the camera's newest picture."""
    ratio: float
    """Its width by its height."""


class InsightsData:
    """Asks as the page's reader; what was asked for stays the same until `ask` is called. Raises `RefusedError`."""

    def __init__(self, view: View, api: OwnApi, zones: Zones) -> None:
        self._api = api
        self._zones = zones
        self._now_s = view.services.clock.wall_time_s
        self._asked = Asked()
        self._until_s = 0.0
        self._uptime: asyncio.Task[Mapping[str, Any]] | None = None

    def ask(self, asked: Asked) -> None:
        """From now on the answers are about this, up to now."""
        self._asked = asked
        self._until_s = self._now_s()
        self._uptime = None

    async def cameras(self) -> list[Mapping[str, Any]]:
        """All that the reader may see, as the API tells of them."""
        found: list[Mapping[str, Any]] = await self._api.get("/api/cameras")
        return found

    async def zone_names(self) -> list[str]:
        """Zones and lines at which something happened."""
        answer = await self._get("composition", by="zone", zone=None)
        return [part["value"] for part in answer["parts"]]

    async def hours(self) -> list[tuple[datetime, int]]:
        """Events by hour; hours without any are left out."""
        bounds = self._bounds()
        middle_s = (bounds["since"] + bounds["until"]) / 2
        halves = [{"until": middle_s}, {"since": middle_s}]  # of a quarter: so long a time is not told by the hour
        parts = halves if SPANS[self._asked.span] > _MOST_HOURLY_DAYS else [{}]
        answers = await asyncio.gather(*(self._get("hours", **part) for part in parts))
        return [
            (datetime.fromisoformat(day) + timedelta(hours=hour), count)
            for answer in answers
            for day, counts in zip(answer["days"], answer["counts"], strict=True)
            for hour, count in enumerate(counts)
            if count
        ]

    async def crossings(self) -> list[tuple[datetime, int, int]]:
        """Begin of each step in which somebody crossed a line, how many inward and outward."""
        answer = await self._get("crossings", step=self._asked.step)
        return [
            (self._clock(step["time"]), *(sum(line[way] for line in step["lines"].values()) for way in ("in", "out")))
            for step in answer["steps"]
        ]

    async def stays(self) -> tuple[list[float], list[Mapping[str, Any]]]:
        """Lower edges in seconds of a histogram, and for each zone its counts and percentiles."""
        answer = await self._get("stays")
        return answer["edges_s"], answer["zones"]

    async def classes(self) -> dict[str, int]:
        """Events by class."""
        answer = await self._get("composition", by="class_name")
        return {part["value"]: part["count"] for part in answer["parts"]}

    async def places(self) -> Places | None:
        """Of the camera that is chosen, of several the first; `None` where there is no camera."""
        known = {each["name"]: each for each in await self.cameras()}
        camera = next(iter((*self._asked.cameras, *known)), None)
        if camera is None:
            return None
        answer = await self._api.get("/api/insights/places", camera=camera, **self._bounds())
        status = known.get(camera, {})
        size = (status.get("width") or _PICTURE[0], status.get("height") or _PICTURE[1])
        picture = f"/api/cameras/{quote(camera, safe='')}/picture.jpg?width=640"
        return Places(camera, answer["cells"], picture, size[0] / size[1])

    async def presence(self) -> Presence:
        """How much of each step cameras were there and were recorded; both charts share one question."""
        if self._uptime is None:
            asked = self._bounds() | {
                "camera": list(self._asked.cameras),
                "step": self._asked.step,
                "tz": self._zones.name,
            }
            self._uptime = asyncio.ensure_future(self._api.get("/api/insights/uptime", **asked))
        answer = await self._uptime
        rows = answer["cameras"]
        return Presence(
            cameras=[row["camera"] for row in rows],
            times=[self._clock(edge) for edge in answer["edges"][:-1]],
            live=[row["live"] for row in rows],
            recorded=[row["recorded"] for row in rows],
        )

    async def delays(self) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile in seconds by camera."""
        answer = await self._api.get("/api/insights/delays", **self._bounds(), camera=list(self._asked.cameras))
        return {each["camera"]: (each["p50_s"], each["p95_s"]) for each in answer["cameras"] if each["count"]}

    async def figures(
        self, names: Mapping[str, tuple[str, float]]
    ) -> tuple[list[datetime], dict[str, list[float | None]]]:
        """Figures over time: for each of `names` what it is called in the chart and what it is multiplied by."""
        answer = await self._api.get("/api/insights/figures", **self._bounds(), name=list(names))
        found = answer["figures"]
        times = sorted({at for each in found.values() for at in each["at"]})
        lines: dict[str, list[float | None]] = {}
        for name, (shown, factor) in names.items():
            if name in found:
                values = dict(zip(found[name]["at"], found[name]["mean"], strict=True))
                lines[shown] = [None if at not in values else round(values[at] * factor, 3) for at in times]
        return [self._clock(at) for at in times], lines

    async def gpus(self) -> list[int]:
        """Numbers of the GPUs that there are figures of."""
        names = (f"gpu{number}_memory_used" for number in range(16))
        answer = await self._api.get("/api/insights/figures", **self._bounds(), name=list(names))
        return sorted(int(name[3:].partition("_")[0]) for name in answer["figures"])

    def _bounds(self) -> dict[str, Any]:
        return {"since": self._until_s - SPANS[self._asked.span] * _DAY_S, "until": self._until_s}

    async def _get(self, what: str, **more: Any) -> Any:
        asked = self._bounds() | {"camera": list(self._asked.cameras), "zone": self._asked.zone, "tz": self._zones.name}
        return await self._api.get(f"/api/insights/{what}", **(asked | more))

    def _clock(self, wall_time_s: float) -> datetime:
        """As the clocks of the page's zone showed it."""
        return datetime.fromtimestamp(wall_time_s, self._zones.page).replace(tzinfo=None)


def processor_cores() -> int:
    """Of this machine."""
    return os.cpu_count() or 1
