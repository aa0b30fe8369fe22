"""What people say of an event: bookmark, notes, "this was none", "here one was missed". Operators say it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.access import Role
from watchpost.web.dashboard.event_words import EventWords
from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi

_MAX_NOTE: Final = 1000
_MARKS: Final = {"bookmark": ("star", "star_border"), "false_alarm": ("flag", "outlined_flag")}
"""Kinds that an event has once, with their icons: said and not said."""
Event = Mapping[str, Any]


class EventOpinions:
    """The part of the panel about one event. `on_change` is awaited when something was said or taken back."""

    def __init__(
        self, view: View, api: OwnApi, words: EventWords, event: Event, on_change: Callable[[], Awaitable[None]]
    ) -> None:
        self._view = view
        self._api = api
        self._words = words
        self._event = event
        self._on_change = on_change
        self._path = f"/api/events/{quote(event['id'], safe='')}/notes"
        self.may_say = view.user.role.covers(Role.OPERATOR)

    def build(self, on_missed: Callable[[], object] | None) -> None:
        """Make the elements; `on_missed` is called when somebody wants to show what was missed, `None` where nothing is
        recorded in which it could be shown."""
        self._problem = ui.label().classes("wp-error").props("role=alert")
        if self.may_say:
            self._build_marks(on_missed)
        notes = [each for each in self._event["said"] if each["kind"] == "note"]
        if notes:
            with ui.element("ul").classes("wp-said"):
                for note in notes:
                    self._build_note(note)
        if self.may_say:
            self._build_new_note()

    def _build_marks(self, on_missed: Callable[[], object] | None) -> None:
        name = self._words.class_name(self._event["class_name"]).lower()
        with ui.element("div").classes("wp-line"):
            for kind, (said_icon, icon) in _MARKS.items():
                is_said = bool(self._event["marks"][kind])
                button = ui.button(
                    self._text(kind, what=name),
                    icon=said_icon if is_said else icon,
                    on_click=partial(self.toggle, kind),
                )
                button.props(f"{'unelevated' if is_said else 'outline'} dense aria-pressed={str(is_said).lower()}")
                button.classes(f"wp-mark-{kind}").tooltip(self._text(f"{kind}_hint"))
            if on_missed is not None:
                ui.button(self._text("missed"), icon="person_search", on_click=on_missed).props(
                    "outline dense"
                ).classes("wp-mark-missed").tooltip(self._text("missed_hint"))

    def _build_note(self, note: Mapping[str, Any]) -> None:
        with ui.element("li"):
            ui.label(note["text"])
            if self.may_say:
                label = self._view.text("common.delete")
                ui.button(icon="close", on_click=partial(self._take_back, note["id"])).props(
                    f'flat round dense size=sm aria-label="{label}"'
                )
            made = datetime.fromtimestamp(note["made"], self._words.zone_of(self._event["camera"]))
            ui.label(f"{note['author'] or self._text('somebody')} · {made:%Y-%m-%d %H:%M}").classes("wp-note")

    def _build_new_note(self) -> None:
        with ui.element("div").classes("wp-line wp-new-note"):
            self._new = ui.textarea(placeholder=self._text("note_hint")).props(
                f'outlined dense autogrow rows=1 maxlength={_MAX_NOTE} aria-label="{self._text("note")}"'
            )
            ui.button(self._text("note"), icon="add_comment", on_click=self._write).props("outline dense")

    async def _write(self) -> None:
        text = (self._new.value or "").strip()
        if text:
            await self._do(partial(self._api.post, self._path, {"kind": "note", "text": text}))

    async def _take_back(self, note_id: str) -> None:
        await self._do(partial(self._api.delete, f"/api/events/notes/{quote(note_id, safe='')}"))

    async def toggle(self, kind: str) -> None:
        """Say it, or take it back."""
        if self._event["marks"][kind]:
            await self._do(partial(self._api.delete, f"{self._path}/{kind}"))
        else:
            await self._do(partial(self._api.post, self._path, {"kind": kind}))

    async def missed(self, time: float, boxes: list[list[float]]) -> None:
        """Somebody in the picture at that time was not found; `boxes` say where."""
        said = {"camera": self._event["camera"], "time": time, "class_name": self._event["class_name"], "boxes": boxes}
        await self._do(partial(self._api.post, "/api/events/missed", said), self._text("missed_thanks"))

    async def _do(self, action: Callable[[], Awaitable[object]], done: str = "") -> None:
        try:
            await action()
        except WatchpostError as error:
            self._problem.text = str(error)
            return
        if done:
            ui.notify(done, type="positive")
        await self._on_change()  # the last thing: it makes the panel anew

    def _text(self, key: str, **values: object) -> str:
        return self._view.text(f"events.opinion.{key}", **values)
