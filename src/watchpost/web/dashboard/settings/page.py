"""The settings page: its sections, those that the reader's role may use, each made when it is first shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.access import Role
from watchpost.web.dashboard.frame import View, frame, use
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings import about, cameras, health, storage, tokens, users


@dataclass(frozen=True, slots=True)
class Section:
    """One section; its words are `settings.section.NAME`."""

    name: str
    icon: str
    role: Role
    build: Callable[[View, OwnApi], Awaitable[None]]


SECTIONS: Final = (
    Section("cameras", "videocam", Role.ADMIN, cameras.build),
    Section("users", "group", Role.ADMIN, users.build),
    Section("tokens", "key", Role.VIEWER, tokens.build),
    Section("storage", "storage", Role.OPERATOR, storage.build),
    Section("health", "monitor_heart", Role.OPERATOR, health.build),
    Section("about", "info", Role.VIEWER, about.build),
)


def page(request: Request) -> None:
    """Build the page."""
    with frame(request, "settings") as view:
        use("settings.css", "insights.css")
        sections = [each for each in SECTIONS if view.user.role.covers(each.role)]
        wanted = request.query_params.get("section", "")
        first = next((each for each in sections if each.name == wanted), sections[0])
        _build(view, OwnApi.of(request), sections, first)


def _build(view: View, api: OwnApi, sections: list[Section], first: Section) -> None:
    built: set[str] = set()
    bodies: dict[str, ui.element] = {}

    async def show(name: str) -> None:
        ui.navigate.history.replace(f"/settings?section={name}")
        if name in built:
            return
        built.add(name)
        bodies[name].clear()  # of what went wrong the last time
        section = next(each for each in sections if each.name == name)
        with bodies[name]:
            waiting = ui.spinner(size="lg").classes("wp-waiting")
            try:
                await section.build(view, api)
            except WatchpostError as error:
                built.discard(name)
                ui.label(str(error)).classes("wp-error").props("role=alert")
            waiting.delete()

    with (
        ui.tabs(on_change=lambda event: show(event.value))
        .props("no-caps inline-label mobile-arrows outside-arrows align=left")
        .classes("wp-sections") as tabs
    ):
        for section in sections:
            ui.tab(section.name, view.text(f"settings.section.{section.name}"), section.icon)
    with ui.tab_panels(tabs, animated=False).classes("wp-section-panels"):
        for section in sections:
            with ui.tab_panel(section.name):
                bodies[section.name] = ui.element("div").classes("wp-section")
    tabs.value = first.name
