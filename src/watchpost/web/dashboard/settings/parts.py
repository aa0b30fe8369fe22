"""What the sections of the settings share."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from nicegui import ui

from watchpost.errors import WatchpostError
from watchpost.web.dashboard.frame import View


def columns(view: View, section: str, names: Iterable[str], numbers: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Columns of a table; `numbers` are those on the right."""
    to_the_right = set(numbers)
    return [
        {
            "name": name,
            "field": name,
            "label": view.text(f"settings.{section}.{name}"),
            "align": "right" if name in to_the_right else "left",
            "sortable": True,
        }
        for name in names
    ]


def table(columns: list[dict[str, Any]], rows: list[dict[str, Any]], row_key: str, **more: Any) -> ui.table:
    """A dense table without pages: only the rows in view are drawn, so that hundreds cost no more than a screenful."""
    return (
        ui.table(columns=columns, rows=rows, row_key=row_key, **more)
        .props("flat dense virtual-scroll :rows-per-page-options=[0] binary-state-sort")
        .classes("wp-settings-table")
    )


@contextmanager
def form() -> Iterator[ui.dialog]:
    """A dialog that is open once its elements are made, and gone when it is closed.

    It belongs to the page and not to what it was opened from, which may be gone before.
    """
    with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("wp-form"):
        yield dialog
    dialog.on("hide", dialog.delete)
    dialog.open()


async def attempt(action: Callable[[], Awaitable[object]], done: str, problem: ui.label) -> bool:
    """Do it, and tell that it is done or, in its place, why not. Whether it is done."""
    client = ui.context.client
    try:
        await action()
    except WatchpostError as error:
        problem.text = str(error)
        return False
    with client:  # what was clicked may be gone by now
        ui.notify(done, type="positive")
    return True


def confirm(view: View, title: str, what: str, action: str, on_yes: Callable[[], Awaitable[object]], done: str) -> None:
    """Ask before something that is not undone."""
    with form() as dialog:
        ui.label(title).classes("wp-heading")
        ui.label(what)
        problem = ui.label().classes("wp-error").props("role=alert")

        async def sure() -> None:
            if await attempt(on_yes, done, problem):
                dialog.close()

        with ui.element("div").classes("wp-actions"):
            ui.button(view.text("common.cancel"), on_click=dialog.close).props("flat")
            ui.button(action, on_click=sure).props("unelevated color=negative").classes("wp-sure")


def day(wall_time_s: float | None, otherwise: str) -> str:
    """A day and time on this machine's clocks."""
    return otherwise if wall_time_s is None else f"{datetime.fromtimestamp(wall_time_s):%Y-%m-%d %H:%M}"


def size(count: float) -> str:
    """Bytes as disks are sold.

    >>> size(1_500_000_000), size(820)
    ('1.5 GB', '820 B')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def tile(figure: str, words: str) -> None:
    """One figure, large, and what it is."""
    with ui.element("div").classes("wp-tile"):
        ui.html(f"<b>{html.escape(figure)}</b><span>{html.escape(words)}</span>", sanitize=False)
