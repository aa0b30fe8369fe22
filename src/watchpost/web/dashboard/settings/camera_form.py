"""The dialog in which a camera is added or changed: its address is tried, and a picture shows whether it is it."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.dashboard.frame import View, camera_path
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings.parts import attempt, confirm, form

_MODES: Final = ("off", "events", "continuous")
_MAX_NAME: Final = 64


class CameraForm:
    """The form of one camera, or without a `name` of a new one. `on_done` is awaited when the file was changed."""

    def __init__(
        self,
        view: View,
        api: OwnApi,
        settings: Mapping[str, Any],
        name: str | None,
        on_done: Callable[[], Awaitable[None]],
    ) -> None:
        self._view = view
        self._api = api
        self._version: str = settings["version"]
        self._models: list[str] = settings["models"]
        self._name = name
        shown: Mapping[str, Any] = settings["cameras"][name] if name is not None else {"effective": {}, "written": {}}
        self._before: Mapping[str, Any] = shown["effective"]
        self._has_own_recording = "recording" in shown["written"]
        defaults = settings["written"].get("defaults") or {}
        self._common_recording: Mapping[str, Any] = defaults.get("recording") or {}
        self._on_done = on_done

    def open(self) -> None:
        """Show it."""
        with form() as self._dialog:
            self._build()

    def _build(self) -> None:
        text, before = self._text, self._before
        ui.label(text("add") if self._name is None else self._name).classes("wp-heading")
        self._source = ui.input(text("source"), value=before.get("source", ""), placeholder=text("source_hint"))
        hint = "" if self._name is None else f'hint="{html.escape(text("keep_source"), quote=True)}"'
        self._source.props(f"outlined dense autofocus maxlength=2000 autocomplete=off {hint}").classes("wp-source")
        self._look = ui.element("div").classes("wp-look")
        with self._look:
            ui.label(text("untested"))
        self._tested = ui.label().classes("wp-note").props("role=status")
        ui.button(text("test"), icon="visibility", on_click=self._test).props("outline").classes("wp-test")
        self._new_name = ui.input(text("name")).props(f"outlined dense maxlength={_MAX_NAME} autocomplete=off")
        self._new_name.classes("wp-name").visible = self._name is None
        models = list(dict.fromkeys([*self._models, *([before["model"]] if before else [])]))
        self._model = ui.select(models, label=text("model"), value=before.get("model", models[0] if models else None))
        self._model.props("outlined dense")
        modes = {mode: self._view.text(f"recording.{mode}") for mode in _MODES}
        mode = before["recording"]["mode"] if before else self._common_recording.get("mode", "events")
        self._mode = ui.select(modes, label=text("recording"), value=mode).props("outlined dense")
        self._enabled = ui.switch(text("enabled"), value=before.get("enabled", True))
        ui.label(text("zones")).classes("wp-note")
        if self._name is not None:
            ui.label(text("no_rename")).classes("wp-note")
        self._problem = ui.label().classes("wp-error").props("role=alert")
        self._build_actions()

    def _build_actions(self) -> None:
        view = self._view
        with ui.element("div").classes("wp-actions"):
            if self._name is not None:
                ui.button(self._text("remove"), icon="delete", on_click=self._ask_to_remove).props(
                    "flat color=negative"
                ).classes("wp-first")
                ui.button(self._text("open"), icon="open_in_new").props(f'flat href="{camera_path(self._name)}"')
            ui.button(view.text("common.cancel"), on_click=self._dialog.close).props("flat")
            ui.button(view.text("common.save"), on_click=self._save).props("unelevated color=primary").classes(
                "wp-save"
            )

    async def _test(self) -> None:
        """Let the server connect, and show what it sees."""
        source = self._source.value.strip()
        is_own = self._name is not None and source == self._before["source"]
        asked: dict[str, Any] = {} if is_own else {"source": source}
        if self._name is not None:
            asked["camera"] = self._name
        if not is_own and self._before:
            asked["options"] = self._before["options"]
        self._show_look(self._text("testing"))
        try:
            seen = await self._api.post("/api/settings/test-source", asked)
        except WatchpostError as error:
            self._show_look(self._text("test_failed", why=error))
            return
        fps = "?" if seen["fps"] is None else f"{seen['fps']:g}"
        self._tested.text = self._text(
            "tested", width=seen["width"], height=seen["height"], codec=seen["codec"].upper(), fps=fps
        )
        self._look.clear()
        with self._look:
            ui.html(f'<img src="{seen["picture"]}" alt="{html.escape(source)}">', sanitize=False)

    def _show_look(self, words: str) -> None:
        self._tested.text = ""
        self._look.clear()
        with self._look:
            ui.label(words).props("role=status")

    async def _save(self) -> None:
        if self._name is None:
            name = self._new_name.value.strip()
            camera, done = self._new_camera(), self._text("added", name=name)
            is_done = await attempt(
                lambda: self._api.put(_path(name), camera, version=self._version), done, self._problem
            )
        else:
            name = self._name
            body, done = {"set": self._changes()}, self._text("changed", name=name)
            is_done = not body["set"] or await attempt(
                lambda: self._api.patch(_path(name), body, version=self._version), done, self._problem
            )
        if is_done:
            self._dialog.close()
            await self._on_done()

    def _new_camera(self) -> dict[str, Any]:
        """What is to stand in the file: nothing that is as for all cameras anyway."""
        camera: dict[str, Any] = {"source": self._source.value.strip()}
        if len(self._models) > 1:
            camera["model"] = self._model.value
        if self._mode.value != self._common_recording.get("mode", "off"):
            camera["recording"] = self._recording()
        return camera if self._enabled.value else camera | {"enabled": False}

    def _changes(self) -> dict[str, Any]:
        """Only what is different is written, so that the file keeps what it says of the rest."""
        before = self._before
        wanted = {"source": self._source.value.strip(), "model": self._model.value, "enabled": self._enabled.value}
        changes: dict[str, Any] = {f"/{name}": value for name, value in wanted.items() if value != before[name]}
        if self._mode.value != before["recording"]["mode"]:
            changes |= (
                {"/recording/mode": self._mode.value} if self._has_own_recording else {"/recording": self._recording()}
            )
        return changes

    def _recording(self) -> dict[str, Any]:
        """A camera's own section replaces that of `defaults` as a whole: it takes the rest along."""
        return {**self._common_recording, "mode": self._mode.value}

    def _ask_to_remove(self) -> None:
        name = str(self._name)

        async def remove() -> None:
            await self._api.delete(_path(name), version=self._version)
            self._dialog.close()
            await self._on_done()

        text = self._text
        confirm(
            self._view,
            text("remove_title", name=name),
            text("remove_what"),
            text("remove"),
            remove,
            text("removed", name=name),
        )

    def _text(self, key: str, **values: object) -> str:
        return self._view.text(f"settings.cameras.{key}", **values)


def _path(name: str) -> str:
    return f"/api/settings/cameras/{quote(name, safe='')}"
