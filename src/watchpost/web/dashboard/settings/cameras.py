"""The cameras of the configuration file: found among hundreds, added by address after a look, changed, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings.camera_form import CameraForm
from watchpost.web.dashboard.settings.parts import columns, table

_COLUMNS: Final = ("name", "state", "source", "model", "recording", "enabled")
_STATES_EVERY_S: Final = 5.0
_STATE_CELL: Final = """
<q-td :props="props"><span class="wp-state" :data-state="props.row.state_key">{{ props.value }}</span></q-td>
"""
_ENABLED_CELL: Final = """
<q-td :props="props">
  <i class="material-icons" role="img" :aria-label="props.value">{{ props.row.is_on ? "check" : "remove" }}</i>
</q-td>
"""


async def build(view: View, api: OwnApi) -> None:
    """Build the section."""
    await _Cameras(view, api).build()


class _Cameras:
    def __init__(self, view: View, api: OwnApi) -> None:
        self._view = view
        self._api = api
        self._settings: Mapping[str, Any] = {"cameras": {}, "models": [], "version": ""}
        self._states: dict[str, str] = {}

    async def build(self) -> None:
        text = self._text
        with ui.element("div").classes("wp-bar"):
            label = text("filter")
            needle = ui.input(placeholder=label).props(f'outlined dense clearable debounce=150 aria-label="{label}"')
            needle.classes("wp-filter")
            self._count = ui.label().classes("wp-note").props("role=status")
            ui.button(text("add"), icon="add", on_click=lambda: self._open(None)).props(
                "unelevated color=primary"
            ).classes("push")
        self._problem = ui.label().classes("wp-error").props("role=alert")
        self._empty = ui.label(text("empty")).classes("wp-empty")
        self._table = table(columns(self._view, "cameras", _COLUMNS), [], "name")
        self._table.add_slot("body-cell-state", _STATE_CELL)
        self._table.add_slot("body-cell-enabled", _ENABLED_CELL)
        self._table.bind_filter_from(needle, "value", lambda value: value or "")
        self._table.on("rowClick", lambda event: self._open(event.args[1]["name"]))
        await self._load()
        ui.timer(_STATES_EVERY_S, self._load_states)

    async def _load(self) -> None:
        self._settings = await self._api.get("/api/settings")
        await self._load_states()

    async def _load_states(self) -> None:
        try:
            states = {each["name"]: _state_of(each) for each in await self._api.get("/api/cameras")}
        except WatchpostError as error:
            self._problem.text = str(error)
            return
        self._problem.text = ""
        rows = [
            self._row(name, camera["effective"], states.get(name)) for name, camera in self._settings["cameras"].items()
        ]
        if rows != self._table.rows:  # hundreds of rows are not sent again for nothing
            self._table.rows = rows
        self._count.text = self._text("count", count=len(rows))
        self._empty.visible, self._table.visible = not rows, bool(rows)

    def _row(self, name: str, settings: Mapping[str, Any], state: str | None) -> dict[str, Any]:
        text = self._view.text
        shown = state if settings["enabled"] else None
        return {
            "name": name,
            "state": text(f"watch.{shown}") if shown else "",
            "state_key": shown or "",
            "source": settings["source"],
            "model": settings["model"],
            "recording": text(f"recording.{settings['recording']['mode']}"),
            "enabled": text("common.yes" if settings["enabled"] else "common.no"),
            "is_on": settings["enabled"],
        }

    async def _open(self, name: str | None) -> None:
        try:
            await self._load()  # a change is made from what the file says now
        except WatchpostError as error:
            self._problem.text = str(error)
            return
        if name is None or name in self._settings["cameras"]:
            CameraForm(self._view, self._api, self._settings, name, self._load).open()

    def _text(self, key: str, **values: object) -> str:
        return self._view.text(f"settings.cameras.{key}", **values)


def _state_of(status: Mapping[str, Any]) -> str:
    """What the wall calls it: a live camera may sleep, or be too heavy."""
    if status["state"] == "live" and status["gate"] in ("asleep", "heavy"):
        return str(status["gate"])
    return str(status["state"])
