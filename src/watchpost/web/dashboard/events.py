"""The events page: a search in words, facets, what is found as pictures or as a table, and one event beside it.

All of the search is in the page's address, so that it can be kept and sent on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from fastapi import Request
from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.dashboard.event_details import EventDetails
from watchpost.web.dashboard.event_words import EventWords
from watchpost.web.dashboard.frame import View, frame, use
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.search_help import search_help
from watchpost.web.dashboard.zones import Zones, zones_of

_STATIC: Final = Path(__file__).parent.parent / "static"
_SHORTCUTS: Final = (
    ("s", "search"),
    ("j", "next_event"),
    ("k", "previous_event"),
    ("p", "play"),
    ("← →", "seek"),
    (", .", "frame_step"),
    ("< >", "pace"),
    ("f", "full"),
    ("b", "bookmark"),
    ("Esc", "close"),
)
_FACETS: Final = ("camera", "kind", "class_name", "zone")
_PAGE: Final = 60
"""Events asked for at once."""
_VIEWS: Final = ("grid", "table")
_EXPORTS: Final = {"csv": "CSV", "jsonl": "JSON"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page's address says."""

    q: str = ""
    """The search in words."""
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    day: str = ""
    """ISO 8601, at the cameras; empty: all days."""
    bookmarked: bool = False
    """Only those with a bookmark."""
    view: str = _VIEWS[0]
    event: str = ""
    """The id of the event that is open."""

    @classmethod
    def from_query(cls, query: Any) -> Self:
        """Of the address; what can not be meant is left out."""
        facets = {name: tuple(query.getlist(name)) for name in _FACETS if query.getlist(name)}
        view = query.get("view", _VIEWS[0])
        return cls(
            q=query.get("q", ""),
            facets=facets,
            day=query.get("day", ""),
            bookmarked=query.get("bookmarked", "") == "1",
            view=view if view in _VIEWS else _VIEWS[0],
            event=query.get("event", ""),
        )

    def search(self, zone: tzinfo, zone_name: str) -> dict[str, Any]:
        """The parameters by which the API finds the same; days and times are those of `zone`."""
        names = {name: list(values) for name, values in self.facets.items()}
        asked = {"q": self.q, **names, "bookmarked": self.bookmarked, "tz": zone_name, **self._bounds(zone)}
        return {name: value for name, value in asked.items() if value not in ("", [], False)}

    def _bounds(self, zone: tzinfo) -> dict[str, float]:
        """The day as seconds since 1970."""
        try:
            first = datetime.fromisoformat(self.day).replace(tzinfo=zone)
        except ValueError:
            return {}
        return {"since": first.timestamp(), "until": (first + timedelta(days=1)).timestamp()}

    def address(self) -> str:
        """Of the page that shows this."""
        given: dict[str, Any] = {"q": self.q, **self.facets, "day": self.day, "event": self.event}
        given |= {"bookmarked": "1" if self.bookmarked else "", "view": "" if self.view == _VIEWS[0] else self.view}
        query = urlencode({name: value for name, value in given.items() if value}, doseq=True)
        return f"/events?{query}" if query else "/events"


class EventResults(ui.element, component=_STATIC / "event_results.js"):
    """What was found, as pictures or as a table."""

    def __init__(self, view: View) -> None:
        super().__init__()
        columns = ("time", "camera", "what", "zone", "duration", "score", "marks")
        names = ("no_picture", "bookmarked", "noted", "judged")
        self._props["texts"] = {name: view.text(f"events.{name}") for name in names} | {
            "columns": {name: view.text(f"events.column.{name}") for name in columns}
        }

    def set_view(self, view: str) -> None:
        """`grid` or `table`."""
        self._props["view"] = view
        self.update()


def page(request: Request) -> None:
    """Build the page."""
    with frame(request, "events", shortcuts=_SHORTCUTS) as view:
        use("events.css")
        _Page(view, OwnApi.of(request), zones_of(view), Asked.from_query(request.query_params)).build()


class _Page:
    def __init__(self, view: View, api: OwnApi, zones: Zones, asked: Asked) -> None:
        self._view = view
        self._api = api
        self._zones = zones
        self._asked = asked
        self._words = EventWords(view.language, zones.of, view.services.clock.wall_time_s)
        self._next: str | None = None
        self._search_number = 0

    def build(self) -> None:
        with ui.element("div").classes("wp-browse") as self._whole:
            with ui.element("search").classes("wp-search"):
                self._build_query()
                self._build_facets()
                self._build_bar()
            with ui.element("div").classes("wp-found"):
                self._results = EventResults(self._view)
                self._results.set_view(self._asked.view)
                self._results.on("open", lambda event: self._open(event.args))
                self._results.on("close", self._close)
                self._results.on("more", self._more)
                self._empty = ui.label().classes("wp-empty").props("role=status")
            self._details = EventDetails(
                self._view,
                self._api,
                self._words,
                on_close=self._close,
                on_step=lambda step: self._results.run_method("move", step),
                on_change=self._changed,
            )
        ui.timer(0, self._search, once=True)

    def _build_query(self) -> None:
        text = self._view.text
        search = text("events.search")
        with ui.element("div").classes("wp-line"):
            self._query = (
                ui.input(placeholder=text("events.search_hint"), value=self._asked.q)
                .props(f'outlined dense clearable maxlength=1000 aria-label="{search}"')
                .classes("wp-query")
                .on("keydown.enter", self._ask)
                .on("clear", self._ask)
            )
            ui.button(search, icon="search", on_click=self._ask).props("unelevated color=primary")
            how = search_help(self._view, self._try_example)
            label = text("events.how_to_search")
            ui.button(icon="help_outline", on_click=how.open).props(f'flat round aria-label="{label}"').tooltip(label)
        self._problem = ui.label().classes("wp-error").props("role=alert")

    def _build_facets(self) -> None:
        with ui.element("div").classes("wp-facets"):
            self._facets = {name: self._facet(name) for name in _FACETS}
            self._day = ui.input(self._view.text("events.facet.day"), value=self._asked.day, on_change=self._ask).props(
                "type=date outlined dense stack-label clearable"
            )

    def _build_bar(self) -> None:
        text = self._view.text
        with ui.element("div").classes("wp-line"):
            self._count = ui.label().classes("wp-note wp-count").props("role=status")
            self._bookmarked = ui.checkbox(
                text("events.only_bookmarked"), value=self._asked.bookmarked, on_change=self._ask
            ).props("dense")
            names = {name: text(f"events.view.{name}") for name in _VIEWS}
            ui.toggle(names, value=self._asked.view, on_change=lambda event: self._show_as(event.value)).props(
                "dense unelevated"
            )
            self._exports = {
                kind: ui.button(name, icon="download").props(f'flat dense aria-label="{text(f"events.export.{name}")}"')
                for kind, name in _EXPORTS.items()
            }

    def _facet(self, name: str) -> ui.select:
        chosen = list(self._asked.facets.get(name, ()))
        return ui.select(
            {each: self._facet_name(name, each) for each in chosen},
            label=self._view.text(f"events.facet.{name}"),
            multiple=True,
            clearable=True,
            value=chosen,
            with_input=True,
            on_change=self._ask,
        ).props("outlined dense options-dense use-chips")

    def _facet_name(self, facet: str, value: str) -> str:
        if facet == "kind":
            return self._words.kind(value)
        return self._words.class_name(value) if facet == "class_name" else value

    async def _ask(self) -> None:
        """Search anew if something else is asked for."""
        facets = {name: tuple(select.value or ()) for name, select in self._facets.items()}
        asked = replace(
            self._asked,
            q=(self._query.value or "").strip(),
            facets={name: values for name, values in facets.items() if values},
            day=self._day.value or "",
            bookmarked=bool(self._bookmarked.value),
            event="",
        )
        if replace(self._asked, event="") != asked:
            self._asked = asked
            await self._search()

    async def _search(self) -> None:
        self._search_number += 1
        number = self._search_number
        ui.navigate.history.replace(self._asked.address())
        try:
            answer = await self._api.get("/api/events/search", **self._parameters(), limit=_PAGE, facets=True)
        except WatchpostError as error:
            self._problem.text = str(error)
            return
        if number != self._search_number:
            return  # the reader has asked something else meanwhile
        self._problem.text = ""
        rows = self._rows(answer)
        self._results.run_method("show", rows, self._next is not None, self._asked.event or None)
        self._empty.text = "" if rows else self._view.text("events.nothing_found")
        self._show_facets(answer["facets"])
        self._show_exports()
        await self._open(self._asked.event)

    async def _more(self) -> None:
        number = self._search_number
        try:
            answer = await self._api.get("/api/events/search", **self._parameters(), limit=_PAGE, after=self._next)
        except WatchpostError as error:
            self._problem.text = str(error)
            self._results.run_method("append", [], False)
            return
        if number == self._search_number:
            rows = self._rows(answer)
            self._results.run_method("append", rows, self._next is not None)

    def _parameters(self) -> dict[str, Any]:
        return self._asked.search(self._zones.page, self._zones.name)

    def _rows(self, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._next = answer["next"]
        return [self._row(event) for event in answer["events"]]

    def _row(self, event: Mapping[str, Any]) -> dict[str, Any]:
        words = self._words
        return {
            "id": event["id"],
            "what": words.what(event),
            "where": words.where(event),
            "camera": event["camera"],
            "zone": event["zone"] or "",
            "time": words.time(event),
            "duration": words.duration(event),
            "score": f"{event['score']:.2f}",
            "picture": snapshot_path(event["id"]) if event["has_snapshot"] else None,
            "box": event["box"],
            **marks_of(event),
        }

    async def _open(self, event_id: str) -> None:
        """Show all about an event; without an id, of none."""
        event = None
        if event_id:
            try:
                event = await self._api.get(f"/api/events/{quote(event_id, safe='')}")
            except WatchpostError:
                self._problem.text = self._view.text("events.gone")
        self._asked = replace(self._asked, event="" if event is None else event["id"])
        ui.navigate.history.replace(self._asked.address())
        self._whole.classes(**{"remove" if event is None else "add": "wp-open"})
        self._details.show(event)

    async def _close(self) -> None:
        self._results.run_method("choose", None)
        await self._open("")

    async def _changed(self, event_id: str) -> None:
        event = await self._api.get(f"/api/events/{quote(event_id, safe='')}")
        self._results.run_method("mark", event_id, marks_of(event))
        if self._asked.event == event_id:
            self._details.show(event)

    def _show_as(self, view: str) -> None:
        self._asked = replace(self._asked, view=view)
        self._results.set_view(view)
        ui.navigate.history.replace(self._asked.address())

    def _show_facets(self, facets: Mapping[str, Any]) -> None:
        """The values that there are, with how often; those that are chosen stay, also where nothing is left of them."""
        for name, select in self._facets.items():
            counts = {each["value"]: each["count"] for each in facets[name]}
            options = {value: f"{self._facet_name(name, value)} ({count})" for value, count in counts.items()}
            for value in select.value or ():
                options.setdefault(value, self._facet_name(name, value))
            if options != select.options:
                select.set_options(options)
        total = sum(each["count"] for each in facets["kind"])
        key = "events.found" if facets["since"] is None else "events.found_more"
        self._count.text = self._view.text(key, count=f"{total:,}")

    def _show_exports(self) -> None:
        query = self._parameters()
        for kind, button in self._exports.items():
            more = {"bom": "true"} if kind == "csv" else {}
            button.props(f'href="/api/events/export.{kind}?{urlencode(query | more, doseq=True)}"')

    async def _try_example(self, example: str) -> None:
        self._query.value = example
        await self._ask()


def snapshot_path(event_id: str) -> str:
    """Where the picture of an event is."""
    return f"/api/events/{quote(event_id, safe='')}/snapshot.jpg"


def marks_of(event: Mapping[str, Any]) -> dict[str, bool]:
    """What people have said of an event, for the list."""
    marks = event["marks"]
    return {"bookmarked": marks["bookmark"], "noted": marks["notes"] > 0, "judged": marks["false_alarm"]}
