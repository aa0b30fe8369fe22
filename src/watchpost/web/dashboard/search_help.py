"""How to search, by examples that can be tried with a click."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from nicegui import ui

from watchpost.web.dashboard.frame import View

_EXAMPLES: Final = ("words", "fields", "time", "zone", "duration", "either", "without", "attribute", "picture")
"""Keys of the examples and of what they find: each language has its own, as it has its own words to search by."""


def search_help(view: View, on_example: Callable[[str], Awaitable[None]]) -> ui.dialog:
    """The dialog; `on_example` is given the example that was clicked."""

    async def choose(example: str) -> None:
        dialog.close()
        await on_example(example)

    with ui.dialog() as dialog, ui.card().classes("wp-search-help"):
        ui.label(view.text("events.how_to_search")).classes("wp-heading")
        ui.label(view.text("events.help.intro"))
        with ui.element("table"):
            for name in _EXAMPLES:
                example = view.text(f"events.help.{name}.example")
                with ui.element("tr"):
                    with ui.element("td"):
                        ui.button(example, on_click=partial(choose, example)).props("flat dense no-caps align=left")
                    with ui.element("td"):
                        ui.label(view.text(f"events.help.{name}.means"))
        ui.label(view.text("events.help.more")).classes("wp-note")
        ui.button(view.text("common.close"), on_click=dialog.close).props("flat").classes("self-end")
    return dialog
