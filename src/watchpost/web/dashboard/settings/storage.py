"""What recordings take, how fast they grow, and for how long there is room."""

from __future__ import annotations

from typing import Any, Final

from nicegui import ui

from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings.parts import columns, day, size, table, tile

_COLUMNS: Final = ("camera", "size", "oldest", "per_day", "kept")
_SORTED: Final = ("size", "per_day")


async def build(view: View, api: OwnApi) -> None:
    """Build the section."""

    def text(key: str, **values: object) -> str:
        return view.text(f"settings.storage.{key}", **values)

    found = await api.get("/api/settings/storage")
    other = found["disk_bytes"] - found["free_bytes"] - found["bytes"]
    with ui.element("div").classes("wp-tiles"):
        tile(size(found["bytes"]), text("recordings"))
        tile(size(found["bytes_a_day"]), text("rate"))
        tile(size(found["free_bytes"]), text("free"))
        full = found["days_until_full"]
        tile(text("enough") if full is None else text("days", count=f"{full:.0f}"), text("lasts"))
    _meter(
        (
            (found["bytes"], "var(--accent)", text("recordings")),
            (max(0, other), "var(--soft)", text("others")),
        ),
        found["disk_bytes"],
    )
    used = found["disk_bytes"] - found["free_bytes"]
    ui.label(text("used", used=size(used), total=size(found["disk_bytes"]), free=size(found["free_bytes"]))).classes(
        "wp-note"
    )
    ui.label(text("never_full") if full is None else text("full_in", count=f"{full:.0f}"))
    if not found["cameras"]:
        ui.label(text("empty")).classes("wp-empty")
        return
    names = columns(view, "storage", _COLUMNS, ("size", "per_day", "kept"))
    for column in names:
        if column["name"] in _SORTED:  # by what is meant, not by how it is written
            column[":sort"] = f"(a, b, one, other) => one.{column['name']}_bytes - other.{column['name']}_bytes"
    rows: list[dict[str, Any]] = [
        {
            "camera": each["camera"],
            "size": size(each["bytes"]),
            "size_bytes": each["bytes"],
            "oldest": day(each["oldest_s"], ""),
            "per_day": "" if each["bytes_a_day"] is None else size(each["bytes_a_day"]),
            "per_day_bytes": each["bytes_a_day"] or 0,
            "kept": text("unlimited") if each["keep_days"] is None else text("days", count=f"{each['keep_days']:g}"),
        }
        for each in sorted(found["cameras"], key=lambda each: -each["bytes"])
    ]
    table(names, rows, "camera").classes("plain")


def _meter(parts: tuple[tuple[float, str, str], ...], whole: float) -> None:
    label = ", ".join(f"{name} {size(count)}" for count, _, name in parts)
    with ui.element("div").classes("wp-meter").props(f'role=img aria-label="{label}"'):
        for count, colour, name in parts:
            ui.element("i").style(f"width: {100 * count / max(1.0, whole):.2f}%; background: {colour}").props(
                f'title="{name}"'
            )
