"""How the server is: what the doctor finds and its cures, the load, processes and models."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, Final

from nicegui import ui

from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings.parts import columns, size, table, tile

_ICONS: Final = {"ok": "check_circle", "note": "info", "warning": "warning", "problem": "error"}
_WORST_FIRST: Final = ("problem", "warning", "note", "ok")


async def build(view: View, api: OwnApi) -> None:
    """Build the section."""
    body = ui.element("div").classes("wp-section")

    async def load() -> None:
        health, load = await api.get("/api/settings/health"), await api.get("/api/settings/load")
        body.clear()
        with body:
            _Health(view, health, load).build()

    with ui.element("div").classes("wp-bar"):
        ui.button(view.text("settings.health.again"), icon="refresh", on_click=load).props("outline")
    await load()


class _Health:
    def __init__(self, view: View, health: Mapping[str, Any], load: Mapping[str, Any]) -> None:
        self._view = view
        self._health = health
        self._load = load

    def build(self) -> None:
        self._build_tiles()
        self._heading("findings")
        findings = sorted(self._health["findings"], key=lambda each: _WORST_FIRST.index(each["level"]))
        ui.html("".join(_finding(each) for each in findings), sanitize=False, tag="ul").classes("wp-findings")
        self._heading("models")
        self._build_models()
        self._heading("processes")
        self._build_processes()

    def _build_tiles(self) -> None:
        health, text = self._health, self._text
        used = health["memory_bytes"] - health["memory_available_bytes"]
        with ui.element("div").classes("wp-tiles"):
            tile(f"{health['processor_percent']:.0f} %", text("processor", count=health["processors"]))
            tile(f"{health['server_processor_percent'] / 100:.1f}", text("server_cores"))
            tile(size(used), text("memory", total=size(health["memory_bytes"])))
            tile(size(health["server_memory_bytes"]), text("server_memory"))
            tile(f"{size(health['disk_free_bytes'])}", text("disk_free"))
            level = self._load["level"]
            tile(str(level), text(f"level_{level}"))

    def _build_models(self) -> None:
        text, models = self._text, self._load["models"]
        if not models:
            ui.label(text("no_models")).classes("wp-empty")
            return
        names = ("name", "state", "calls", "frames", "batch", "busy", "failed", "hangs", "restarts")
        rows = [
            {**model, "state": text("out" if model["is_out"] else "works"), "busy": f"{model['busy_s']:.0f} s"}
            for model in models
        ]
        table(columns(self._view, "health", names, names[2:]), rows, "name").classes("plain")

    def _build_processes(self) -> None:
        text, workers = self._text, self._load["workers"]
        if not workers:
            ui.label(text("no_processes")).classes("wp-note")
            return
        names = ("name", "state", "cameras", "starts")
        rows = [{**worker, "state": text("up" if worker["is_up"] else "down")} for worker in workers]
        table(columns(self._view, "health", names, names[2:]), rows, "name").classes("plain")

    def _heading(self, name: str) -> None:
        ui.label(self._text(name)).classes("wp-heading").props("role=heading aria-level=2")

    def _text(self, key: str, **values: object) -> str:
        return self._view.text(f"settings.health.{key}", **values)


def _finding(finding: Mapping[str, str]) -> str:
    cure = f'<p class="cure">{html.escape(finding["cure"])}</p>' if finding["cure"] else ""
    level = finding["level"]
    return (
        f'<li data-level="{level}"><i class="material-icons" role="img" aria-label="{level}">{_ICONS[level]}</i>'
        f"<p>{html.escape(finding['seen'])}</p>{cure}</li>"
    )
