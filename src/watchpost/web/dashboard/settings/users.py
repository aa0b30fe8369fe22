"""Who may log in: users, their roles and, of viewers, the cameras that they may see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui

from watchpost.web.access import Role
from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings.parts import attempt, columns, confirm, day, form, table
from watchpost.web.passwords import MIN_PASSWORD_LENGTH

_PATH: Final = "/api/accounts/users"
_COLUMNS: Final = ("name", "role", "cameras", "created", "sessions", "tokens")


async def build(view: View, api: OwnApi) -> None:
    """Build the section."""
    await _Users(view, api).build()


class _Users:
    def __init__(self, view: View, api: OwnApi) -> None:
        self._view = view
        self._api = api
        self._users: list[Mapping[str, Any]] = []

    async def build(self) -> None:
        with ui.element("div").classes("wp-bar"):
            ui.button(self._text("add"), icon="person_add", on_click=lambda: self._form(None)).props(
                "unelevated color=primary"
            )
        self._empty = ui.label(self._text("empty")).classes("wp-empty")
        self._table = table(columns(self._view, "users", _COLUMNS, ("sessions", "tokens")), [], "name")
        self._table.on("rowClick", lambda event: self._form(event.args[1]["name"]))
        await self._load()

    async def _load(self) -> None:
        self._users = await self._api.get(_PATH)
        self._empty.visible = not self._users
        self._table.visible = bool(self._users)
        self._table.rows = [
            {
                "name": user["name"],
                "role": self._view.text(f"role.{user['role']}"),
                "cameras": self._text("all_cameras") if user["cameras"] is None else ", ".join(sorted(user["cameras"])),
                "created": day(user["created_s"], ""),
                "sessions": user["sessions"],
                "tokens": user["tokens"],
            }
            for user in self._users
        ]

    async def _form(self, name: str | None) -> None:
        """The dialog for a new user, or to change one."""
        user = next((each for each in self._users if each["name"] == name), None)
        cameras = [each["name"] for each in await self._api.get("/api/cameras")]
        with form() as dialog:
            _UserForm(self._view, self._api, dialog, user, cameras, self._load).build(
                None if user is None else lambda: self._remove(user["name"], dialog)
            )

    def _remove(self, name: str, form: ui.dialog) -> None:
        async def remove() -> None:
            await self._api.delete(_path_of(name))
            form.close()
            await self._load()

        text = self._text
        confirm(
            self._view,
            text("remove_title", name=name),
            text("remove_what"),
            self._view.text("common.delete"),
            remove,
            text("removed", name=name),
        )

    def _text(self, key: str, **values: object) -> str:
        return self._view.text(f"settings.users.{key}", **values)


class _UserForm:
    def __init__(
        self,
        view: View,
        api: OwnApi,
        dialog: ui.dialog,
        user: Mapping[str, Any] | None,
        cameras: list[str],
        on_done: Callable[[], Awaitable[None]],
    ) -> None:
        self._view = view
        self._api = api
        self._dialog = dialog
        self._user = user
        self._cameras = cameras
        self._on_done = on_done

    def build(self, on_remove: Callable[[], None] | None) -> None:
        text, view, user = self._text, self._view, self._user
        ui.label(text("add") if user is None else user["name"]).classes("wp-heading")
        self._name = ui.input(text("name")).props("outlined dense autofocus maxlength=64 autocomplete=off")
        self._name.visible = user is None
        roles = {role.value: f"{view.text(f'role.{role}')}: {text(f'hint.{role}')}" for role in Role}
        role = user["role"] if user else Role.VIEWER.value
        self._role = ui.select(roles, label=text("role"), value=role).props("outlined dense")
        chosen = sorted(user["cameras"] or ()) if user else []
        self._seen = ui.select(
            sorted({*self._cameras, *chosen}),
            label=text("cameras"),
            multiple=True,
            value=chosen,
            with_input=True,
            clearable=True,
        ).props(f'outlined dense use-chips options-dense hint="{text("only_viewers")}"')
        self._seen.bind_visibility_from(self._role, "value", lambda value: value == Role.VIEWER.value)
        label = text("password" if user is None else "new_password")
        self._password = ui.input(label, password=True, password_toggle_button=True).props(
            f'outlined dense autocomplete=new-password hint="{text("password_hint", count=MIN_PASSWORD_LENGTH)}"'
        )
        self._problem = ui.label().classes("wp-error").props("role=alert")
        with ui.element("div").classes("wp-actions"):
            if on_remove is not None:
                ui.button(view.text("common.delete"), icon="delete", on_click=on_remove).props(
                    "flat color=negative"
                ).classes("wp-first")
            ui.button(view.text("common.cancel"), on_click=self._dialog.close).props("flat")
            ui.button(view.text("common.save"), on_click=self._save).props("unelevated color=primary")

    async def _save(self) -> None:
        is_viewer = self._role.value == Role.VIEWER.value
        wanted: dict[str, Any] = {
            "role": self._role.value,
            "cameras": (self._seen.value or None) if is_viewer else None,
        }
        user = self._user
        if user is None:
            wanted |= {"name": self._name.value.strip(), "password": self._password.value}
            action = partial(self._api.post, _PATH, wanted)
            done = self._text("added", name=wanted["name"])
        else:
            wanted |= {"password": self._password.value} if self._password.value else {}
            action = partial(self._api.patch, _path_of(user["name"]), wanted)
            done = self._text("changed", name=user["name"])
        if await attempt(action, done, self._problem):
            self._dialog.close()
            await self._on_done()

    def _text(self, key: str, **values: object) -> str:
        return self._view.text(f"settings.users.{key}", **values)


def _path_of(name: str) -> str:
    return f"{_PATH}/{quote(name, safe='')}"
