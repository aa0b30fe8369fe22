"""`watchpost events`: what happened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from watchpost.clock import Clock
    from watchpost.stores import EventFilter, EventStore
    from watchpost.types import Event

_OVER: Final = frozenset({"left", "exited", "thinned"})
"""Kinds that tell of an end; they are listed with its time, all others with their beginning."""
_POLL_S: Final = 1.0
_LATE_S: Final = 600.0
"""With --follow: how much later than it happened an event may reach the store and still be shown."""
_HEADINGS: Final = ("time", "camera", "kind", "class", "track", "zone", "duration", "score")
_WIDTHS: Final = (23, 16, 9, 10, 6, 12, 9, 5)


def events(
    store: Annotated[Path, typer.Option(help="The event database, or the data folder that holds watchpost.db.")] = Path(
        "watchpost-data"
    ),
    camera: Annotated[list[str] | None, typer.Option(help="Of this camera alone; may be repeated.")] = None,
    class_name: Annotated[
        list[str] | None, typer.Option("--class", help="Of this class alone, such as person; may be repeated.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="appeared, left, entered, exited, dwelt, crossed, crowded, thinned, load_changed ...; may be repeated."
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Words that camera, rule, kind, class, zone or attributes hold.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2h (ago), today, yesterday, 2026-05-01 or 2026-05-01T14:30.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before then; written like --since.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of a table.")] = False,
    snapshots: Annotated[
        Path | None, typer.Option(help="Write the events' pictures into this folder.", show_default=False)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events until Ctrl-C.")] = False,
) -> None:
    """List events, the newest last, in this machine's time zone.

    Examples:

        watchpost events --since 2h --camera gate

        watchpost events --class person --kind crossed --since yesterday --until today

        watchpost events --text "yard in" --json --snapshots pictures
    """
    from watchpost.clock import SystemClock
    from watchpost.stores import EventFilter

    clock = SystemClock()
    now_s = clock.wall_time_s()
    query = EventFilter(
        text=text,
        cameras=frozenset(camera or ()),
        class_names=frozenset(class_name or ()),
        kinds=frozenset(kind or ()),
        since_wall_time_s=None if since is None else parse_time(since, now_s),
        until_wall_time_s=None if until is None else parse_time(until, now_s),
        limit=limit,
    )
    opened = open_store(store)
    try:
        before = opened.search(_recent(query, now_s)) if follow else []
        found = opened.search(query)[::-1]
        list_events(found, as_json=as_json, as_lines=follow)
        if snapshots is not None:
            save_snapshots(found, opened, snapshots)
        if follow:
            for event in _followed(opened, query, {event.id for event in [*before, *found]}, clock):
                list_events([event], as_json=as_json, as_lines=True)
                if snapshots is not None:
                    save_snapshots([event], opened, snapshots)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        opened.close()


def parse_time(text: str, now_s: float, zone: tzinfo | None = None) -> float:
    """`2h` (ago), `now`, `today`, `yesterday`, or an ISO date or time: in `zone`, or in this machine's, unless it says
    its own.

    Seconds since 1970-01-01 UTC. Raises `WatchpostError` for anything else.
    """
    from watchpost.errors import WatchpostError
    from watchpost.options import parse_seconds

    word = text.strip().lower()
    today = datetime.combine(datetime.fromtimestamp(now_s, zone).date(), time(), zone)
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    if word == "now":
        return now_s
    if word in named:
        return named[word].timestamp()
    try:
        if re.search("[a-z]$", word) and not word.endswith("z"):
            return now_s - parse_seconds(word.removesuffix(" ago"))
        given = datetime.fromisoformat(text.strip())
        return (given if given.tzinfo else given.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise WatchpostError(
            f"{text!r} is no time; write for instance 2h, today, yesterday, 2026-05-01 or 2026-05-01T14:30."
        ) from None


def open_store(path: Path) -> EventStore:
    """The event store at a path, or in a data folder. Raises `WatchpostError` where there is none."""
    from watchpost.errors import WatchpostError
    from watchpost.stores import sqlite

    file = path / "watchpost.db" if path.is_dir() else path
    if not file.is_file():
        raise WatchpostError(f"there is no event store at {file}. Name the server's data folder with --store.")
    return sqlite.create(sqlite.Options(path=file))


def _followed(store: EventStore, query: EventFilter, seen: set[str], clock: Clock) -> Iterator[Event]:
    """The events that are added to those of `seen`, oldest first; without end."""
    while True:
        clock.wait(_POLL_S)
        found = store.search(_recent(query, clock.wall_time_s()))
        yield from (event for event in reversed(found) if event.id not in seen)
        seen = {event.id for event in found}  # older ones are not found any more


def _recent(query: EventFilter, now_s: float) -> EventFilter:
    since_s = max(now_s - _LATE_S, query.since_wall_time_s or 0.0)
    return replace(query, since_wall_time_s=since_s, limit=10_000)


def list_events(found: list[Event], *, as_json: bool, as_lines: bool) -> None:
    """Print events as a table, as lines of a table without end, or as lines of JSON."""
    import json

    from watchpost.event_json import event_to_json

    if as_json:
        for event in found:
            typer.echo(json.dumps(event_to_json(event), ensure_ascii=False))
    elif as_lines:
        for event in found:
            cells = (cell.ljust(width) for cell, width in zip(_row(event), _WIDTHS, strict=True))
            typer.echo(" ".join(cells).rstrip())
    elif not found:
        typer.echo("no events that fit")
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*_HEADINGS)
        for event in found:
            table.add_row(*(Text(cell) for cell in _row(event)))
        Console(highlight=False).print(table)


def _row(event: Event) -> tuple[str, ...]:
    moment = event.end if event.kind in _OVER else event.start
    when = datetime.fromtimestamp(moment.wall_time_s).astimezone()
    lasts_s = event.end.camera_time_s - event.start.camera_time_s
    return (
        when.strftime("%Y-%m-%d %H:%M:%S %Z"),
        event.camera,
        event.kind,
        event.class_name,
        "" if event.track_id is None else str(event.track_id),
        event.zone or "",
        f"{lasts_s:.1f} s" if event.kind in _OVER | {"dwelt"} else "",
        f"{event.score:.2f}",
    )


def save_snapshots(found: list[Event], store: EventStore, folder: Path) -> None:
    """Write the events' pictures into a folder. Raises `WatchpostError` when it can not be written."""
    from watchpost.errors import WatchpostError

    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for event in found:
            jpeg = store.snapshot(event.id)
            if jpeg is None:
                continue
            when = datetime.fromtimestamp(event.start.wall_time_s).strftime("%Y%m%d-%H%M%S")
            camera = re.sub(r"[^\w-]+", "_", event.camera)
            (folder / f"{when}-{camera}-{event.kind}-{event.id[-8:]}.jpg").write_bytes(jpeg)
            count += 1
    except OSError as error:
        raise WatchpostError(f"{folder} can not be written: {error.strerror}.") from None
    typer.echo(f"pictures written to {folder}: {count}", err=True)
