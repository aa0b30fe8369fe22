"""Tokens by which programs ask the API as their owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui

from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings.parts import attempt, columns, confirm, day, form, table

_PATH: Final = "/api/accounts/tokens"
_COLUMNS: Final = ("name", "created", "used", "expires")
_DAY_S: Final = 86_400.0


async def build(view: View, api: OwnApi) -> None:
    """Build the section."""
    await _Tokens(view, api).build()


class _Tokens:
    def __init__(self, view: View, api: OwnApi) -> None:
        self._view = view
        self._api = api

    async def build(self) -> None:
        with ui.element("div").classes("wp-bar"):
            ui.button(self._text("add"), icon="add", on_click=self._form).props("unelevated color=primary")
        self._empty = ui.label(self._text("empty")).classes("wp-empty")
        self._table = table(columns(self._view, "tokens", _COLUMNS), [], "id")
        self._table.on("rowClick", lambda event: self._remove(event.args[1]))
        await self._load()

    async def _load(self) -> None:
        tokens = await self._api.get(_PATH)
        self._empty.visible, self._table.visible = not tokens, bool(tokens)
        self._table.rows = [
            {
                "id": token["id"],
                "name": token["name"],
                "created": day(token["created_s"], ""),
                "used": day(token["used_s"], self._text("never")),
                "expires": day(token["expires_s"], self._text("forever")),
            }
            for token in tokens
        ]

    def _form(self) -> None:
        text, view = self._text, self._view
        with form() as dialog:
            ui.label(text("add")).classes("wp-heading")
            name = ui.input(text("name"), placeholder=text("name_hint")).props("outlined dense autofocus maxlength=64")
            days = ui.number(text("days"), placeholder=text("forever"), min=1, max=3650, precision=0).props(
                "outlined dense clearable"
            )
            problem = ui.label().classes("wp-error").props("role=alert")

            async def make() -> None:
                wanted = {"name": name.value.strip(), "days": None if days.value is None else int(days.value)}
                made: dict[str, Any] = {}

                async def ask() -> None:
                    made.update(await self._api.post(_PATH, wanted))

                if await attempt(ask, view.text("common.saved"), problem):
                    dialog.close()
                    self._show_once(made["secret"])
                    await self._load()

            with ui.element("div").classes("wp-actions"):
                ui.button(view.text("common.cancel"), on_click=dialog.close).props("flat")
                ui.button(view.text("common.save"), on_click=make).props("unelevated color=primary")

    def _show_once(self, token: str) -> None:
        """The only time that anybody sees it: the server keeps its digest."""
        with form() as dialog:
            dialog.props("persistent")
            ui.label(self._text("once")).classes("wp-heading")
            ui.input(value=token).props("outlined readonly").classes("wp-secret")
            ui.label(self._text("header")).classes("wp-note")

            def copy() -> None:
                ui.clipboard.write(token)
                ui.notify(self._view.text("common.copied"))

            with ui.element("div").classes("wp-actions"):
                ui.button(self._view.text("common.copy"), icon="content_copy", on_click=copy).props("flat")
                ui.button(self._view.text("common.close"), on_click=dialog.close).props("unelevated color=primary")

    def _remove(self, row: Mapping[str, Any]) -> None:
        text = self._text

        async def remove() -> None:
            await self._api.delete(f"{_PATH}/{quote(row['id'], safe='')}")
            await self._load()

        confirm(
            self._view,
            text("remove_title", name=row["name"]),
            text("remove_what"),
            text("remove"),
            remove,
            text("removed"),
        )

    def _text(self, key: str, **values: object) -> str:
        return self._view.text(f"settings.tokens.{key}", **values)
