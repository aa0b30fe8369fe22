"""One event in full: its picture and its film, what is known of it, and what people say of it."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from nicegui import ui
from nicegui.events import KeyEventArguments

from watchpost.web.dashboard.event_opinions import EventOpinions
from watchpost.web.dashboard.event_words import EventWords
from watchpost.web.dashboard.frame import View, camera_path
from watchpost.web.dashboard.own_api import OwnApi

_STATIC: Final = Path(__file__).parent.parent / "static"
Event = Mapping[str, Any]
"""As `GET /api/events/ID` tells it."""


class EventShot(ui.element, component=_STATIC / "event_shot.js"):
    """The picture of an event with its box."""

    def __init__(self, source: str, box: list[float] | None, alt: str, missing: str) -> None:
        super().__init__()
        self._props.update({"source": source, "box": box, "alt": alt, "missing": missing})


class ClipPlayer(ui.element, component=_STATIC / "clip_player.js"):
    """The film of an event. Emits `missed` with `time` (seconds since 1970) and `boxes` in fractions of the picture."""

    def __init__(self, source: str, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._props.update({"source": source, "texts": dict(texts)})


class EventDetails:
    """The panel beside the results; hidden while no event is open.

    `on_step` is told 1 for the next event and -1 for the one before; `on_change` is awaited with the id of an event
    about which something was said.
    """

    def __init__(
        self,
        view: View,
        api: OwnApi,
        words: EventWords,
        *,
        on_close: Callable[[], Awaitable[None]],
        on_step: Callable[[int], object],
        on_change: Callable[[str], Awaitable[None]],
    ) -> None:
        self._view = view
        self._api = api
        self._words = words
        self._on_close = on_close
        self._on_step = on_step
        self._on_change = on_change
        self._opinions: EventOpinions | None = None
        label = view.text("events.details")
        self._panel = ui.element("aside").classes("wp-details").props(f'aria-label="{label}"')
        self._panel.visible = False
        ui.keyboard(on_key=self._key, repeating=False)

    def show(self, event: Event | None) -> None:
        """Open the panel on this event, or close it."""
        self._panel.clear()
        self._panel.visible = event is not None
        self._opinions = None
        if event is not None:
            with self._panel:
                self._build(event)

    def _build(self, event: Event) -> None:
        text, what = self._view.text, self._words.what(event)
        self._build_head(what)
        base = f"/api/events/{quote(event['id'], safe='')}"
        picture = f"{base}/snapshot.jpg" if event["has_snapshot"] else None
        if picture is not None:
            EventShot(picture, event["box"], text("events.snapshot", what=what), text("events.no_picture"))
        player = None
        if event["has_clip"]:
            player = self._build_player(base, what)
        else:
            ui.label(text("events.no_clip")).classes("wp-note")
        self._build_facts(event)
        self._build_links(event, base)
        self._build_opinions(event, player)

    def _build_head(self, what: str) -> None:
        with ui.element("div").classes("wp-line wp-details-head"):
            ui.html(html.escape(what), sanitize=False, tag="h2")
            for icon, key, action in (
                ("chevron_left", "previous_event", lambda: self._on_step(-1)),
                ("chevron_right", "next_event", lambda: self._on_step(1)),
                ("close", "close", self._on_close),
            ):
                name = self._view.text(f"shortcut.{key}")
                ui.button(icon=icon, on_click=action).props(f'flat round dense aria-label="{name}"').tooltip(name)

    def _build_player(self, base: str, what: str) -> ClipPlayer:
        text = self._view.text
        texts = {
            "label": text("events.clip", what=what),
            "missing": text("events.clip_fails"),
            "keys": text("events.clip_keys"),
            "mark": text("events.opinion.missed_how"),
            "cancel": text("common.cancel"),
            "save": text("common.save"),
        }
        return ClipPlayer(f"{base}/clip.mp4", texts)

    def _build_facts(self, event: Event) -> None:
        words = self._words
        facts = {
            "time": words.span(event),
            "duration": words.duration(event),
            "camera": event["camera"],
            "zone": event["zone"],
            "more": " · ".join(words.attributes(event)),
            "score": f"{event['score']:.2f}",
            "rule": event["rule"],
            "id": event["id"],
        }
        rows = "".join(
            f"<dt>{html.escape(self._view.text(f'events.fact.{name}'))}</dt><dd>{html.escape(str(value))}</dd>"
            for name, value in facts.items()
            if value
        )
        ui.html(rows, sanitize=False, tag="dl")

    def _build_links(self, event: Event, base: str) -> None:
        text = self._view.text
        moment = f"{camera_path(event['camera'])}?at={event['start']['wall_time_s']:.2f}"
        with ui.element("div").classes("wp-line"):
            ui.button(text("events.open_camera"), icon="videocam").props(f'flat dense href="{moment}"')
            if event["has_clip"]:
                ui.button(text("events.download_clip"), icon="download").props(
                    f'flat dense download="{quote(event["id"], safe="")}.mp4" href="{base}/clip.mp4"'
                )
            ui.button(text("events.copy_link"), icon="link", on_click=self._copy_link).props("flat dense")

    def _copy_link(self) -> None:
        ui.run_javascript("navigator.clipboard?.writeText(location.href)")
        ui.notify(self._view.text("events.link_copied"))

    def _build_opinions(self, event: Event, player: ClipPlayer | None) -> None:
        async def changed() -> None:
            await self._on_change(event["id"])

        opinions = EventOpinions(self._view, self._api, self._words, event, changed)
        self._opinions = opinions
        if player is not None:
            opinions.build(lambda: player.run_method("mark"))
            player.on("missed", lambda told: opinions.missed(told.args["time"], told.args["boxes"]))
        else:
            opinions.build(None)

    async def _key(self, key: KeyEventArguments) -> None:
        is_plain = not (key.modifiers.ctrl or key.modifiers.meta or key.modifiers.alt)
        if key.action.keydown and is_plain and key.key == "b" and self._opinions is not None and self._opinions.may_say:
            await self._opinions.toggle("bookmark")
