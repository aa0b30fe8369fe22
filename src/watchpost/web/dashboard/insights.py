"""The insights page: what happened and how the server does, as charts over the cameras and the span that are chosen."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from fastapi import Request
from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.dashboard import plots_activity, plots_system
from watchpost.web.dashboard.event_words import class_name
from watchpost.web.dashboard.frame import View, frame, use
from watchpost.web.dashboard.insights_data import SPANS, Asked, InsightsData, processor_cores
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.plot import Plot
from watchpost.web.dashboard.plot_card import PlotCard
from watchpost.web.dashboard.zones import zones_of

_WEEKDAYS: Final = tuple(f"weekday.{number}" for number in range(1, 8))
_WORDS: Final = (
    *("events", "hour", "day", "time", "in", "out", "crossings", "zone", "stay", "stay_s", "seconds", "minutes"),
    *("hours", "row", "column", "others", "class", "share", "camera", "there", "p50", "p95", "p50_s", "p95_s"),
    *("delay", "fps", "decoded", "analysed", "dropped", "percent", "gigabytes", "cpu", "gpu", "detector"),
    *("memory", "gpu_memory", "person_seconds", "machine_cpu", "whole_picture"),
)
"""Words of the charts: `insights.words.NAME`."""


def page(request: Request) -> None:
    """Build the page."""
    with frame(request, "insights") as view:
        use("insights.css")
        api = OwnApi.of(request)
        data = InsightsData(view, api, zones_of(view))
        _Page(view, data, Asked.from_query(request.query_params)).build()


class _Page:
    def __init__(self, view: View, data: InsightsData, asked: Asked) -> None:
        self._view = view
        self._asked = asked
        self._data = data
        self._words = {name: view.text(f"insights.words.{name}") for name in (*_WORDS, *_WEEKDAYS)}
        self._cards: list[PlotCard] = []

    def build(self) -> None:
        self._build_filters()
        self._section("activity")
        with ui.element("div").classes("wp-charts"):
            self._card("activity", self._activity, is_wide=True)
            self._card("crossings", self._crossings)
            self._card("dwell", self._dwell)
            self._card("composition", self._composition)
            self._card("heat", self._heat)
        self._section("system")
        with ui.element("div").classes("wp-charts"):
            self._card("uptime", self._uptime, is_wide=True)
            self._card("presence", self._presence, is_wide=True)
            self._card("delay", self._delay)
            self._card("load", self._load)
            self._card("use", self._use)
            self._card("memory", self._memory)
        ui.timer(0, self._begin, once=True)

    def _build_filters(self) -> None:
        text, asked = self._view.text, self._asked
        with ui.element("search").classes("wp-filters"):
            spans = {name: text(f"insights.spans.{name}") for name in SPANS}
            self._span = ui.toggle(spans, value=asked.span, on_change=self._ask).props("dense no-caps unelevated")
            self._cameras = ui.select(
                list(asked.cameras),
                label=text("insights.cameras"),
                value=list(asked.cameras),
                multiple=True,
                clearable=True,
                with_input=True,
                on_change=self._ask,
            ).props("outlined dense options-dense use-chips")
            self._zone = ui.select(
                [asked.zone] if asked.zone else [],
                label=text("insights.zone"),
                value=asked.zone or None,
                clearable=True,
                with_input=True,
                on_change=self._ask,
            ).props("outlined dense options-dense")
            label = text("insights.refresh")
            ui.button(icon="refresh", on_click=self._refresh).props(f'flat round aria-label="{label}"').tooltip(label)
        self._problem = ui.label().classes("wp-error").props("role=alert")

    def _section(self, name: str) -> None:
        ui.label(self._view.text(f"insights.sections.{name}")).classes("wp-heading").props("role=heading aria-level=2")

    def _card(self, name: str, load: Callable[[], Awaitable[Plot]], *, is_wide: bool = False) -> None:
        self._cards.append(PlotCard(self._view, name, load, is_wide=is_wide))

    async def _begin(self) -> None:
        self._data.ask(self._asked)
        try:
            names = [each["name"] for each in await self._data.cameras()]
            self._cameras.set_options(sorted({*names, *self._asked.cameras}))
            zones = await self._data.zone_names()
            self._zone.set_options(sorted({*zones, *([self._asked.zone] if self._asked.zone else [])}))
        except WatchpostError as error:
            self._problem.text = str(error)
        await self._refresh()

    async def _ask(self) -> None:
        asked = Asked(tuple(self._cameras.value or ()), self._zone.value or "", self._span.value)
        if asked != self._asked:
            self._asked = asked
            ui.navigate.history.replace(asked.address())
            await self._refresh()

    async def _refresh(self) -> None:
        self._data.ask(self._asked)
        await asyncio.gather(*(card.refresh() for card in self._cards))

    async def _activity(self) -> Plot:
        return plots_activity.by_hour_and_day(await self._data.hours(), self._words)

    async def _crossings(self) -> Plot:
        step_s = 3600.0 if self._asked.step == "hour" else 86_400.0
        return plots_activity.crossings(await self._data.crossings(), step_s, self._words)

    async def _dwell(self) -> Plot:
        edges_s, zones = await self._data.stays()
        whole = self._words["whole_picture"]
        stays = [(zone["zone"] or whole, zone["histogram"], zone["p50_s"], zone["p95_s"]) for zone in zones]
        return plots_activity.dwell_times(edges_s, stays, self._words)

    async def _composition(self) -> Plot:
        counts: Counter[str] = Counter()
        for name, count in (await self._data.classes()).items():
            counts[class_name(self._view.language, name)] += count
        return plots_activity.composition(counts, self._words)

    async def _heat(self) -> Plot:
        places = await self._data.places()
        if places is None:
            return Plot()
        plot = plots_activity.over_picture(places.cells, places.picture, places.ratio, self._words)
        return replace(plot, note=places.camera)

    async def _uptime(self) -> Plot:
        found = await self._data.presence()
        return plots_system.presence(found.cameras, found.times, found.live, self._words)

    async def _presence(self) -> Plot:
        found = await self._data.presence()
        if not any(share for row in found.recorded for share in row):
            return Plot()
        return plots_system.presence(found.cameras, found.times, found.recorded, self._words)

    async def _delay(self) -> Plot:
        return plots_system.delays(await self._data.delays(), self._words)

    async def _load(self) -> Plot:
        words = self._words
        names = {f"{name}_fps": (words[name], 1.0) for name in ("decoded", "analysed", "dropped")}
        return plots_system.over_time(*await self._data.figures(names), words["fps"], words)

    async def _use(self) -> Plot:
        words = self._words
        core = 100 / processor_cores()
        names = {
            "machine_cpu_cores": (words["machine_cpu"], core),
            "cpu_cores": (words["cpu"], core),
            "detector_busy": (words["detector"], 100.0),
        }
        for number in await self._data.gpus():
            names[f"gpu{number}_busy"] = (f"{words['gpu']} {number}", 100.0)
            names[f"gpu{number}_memory_used"] = (f"{words['gpu_memory']} {number}", 100.0)
        return plots_system.over_time(*await self._data.figures(names), words["percent"], words, most=100)

    async def _memory(self) -> Plot:
        words = self._words
        return plots_system.over_time(
            *await self._data.figures({"memory_mb": (words["memory"], 1e-3)}), words["gigabytes"], words
        )
