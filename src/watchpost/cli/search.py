"""`watchpost search`: what happened, asked for in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def search(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="What to look for; see docs/search.md.", metavar="WORDS...", show_default=False),
    ] = None,
    store: Annotated[Path, typer.Option(help="The event database, or the data folder that holds watchpost.db.")] = Path(
        "watchpost-data"
    ),
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of a table.")] = False,
    dsl: Annotated[bool, typer.Option("--dsl", help="Print the query for Elasticsearch instead of searching.")] = False,
    snapshots: Annotated[
        Path | None, typer.Option(help="Write the events' pictures into this folder.", show_default=False)
    ] = None,
) -> None:
    """Search events in words, the newest last, with times in this machine's time zone.

    Words must all occur; quotation marks keep a text together, - leaves out, or and parentheses combine. A part that
    begins with - stands after --.

    Examples:

        watchpost search person camera:gate after:yesterday "duration:>30s"

        watchpost search 'zone:"side door" (car or dog) -kind:left'

        watchpost search 사람 카메라:정문 이후:어제
    """
    import json

    from watchpost.cli.events import list_events, open_store, save_snapshots
    from watchpost.clock import SystemClock
    from watchpost.stores._event_document import from_document
    from watchpost.stores.text import compile_text

    query = compile_text(" ".join(map(_quoted_again, words or [])), SystemClock().wall_time_s())
    if dsl:
        typer.echo(json.dumps({"query": query}, ensure_ascii=False, indent=2))
        return
    body = {
        "query": {"bool": {"filter": [query]}},
        "sort": [{"end.time": "desc"}, {"_doc": "desc"}],
        "size": limit,
        "track_total_hits": False,
    }
    opened = open_store(store)
    try:
        hits = opened.query(body)["hits"]["hits"]
        found = [from_document(hit["_source"]) for hit in reversed(hits)]
        list_events(found, as_json=as_json, as_lines=False)
        if snapshots is not None:
            save_snapshots(found, opened, snapshots)
    finally:
        opened.close()


def _quoted_again(word: str) -> str:
    """A word of the command line as the search reads it: `zone:side door` came from `zone:"side door"`."""
    if " " not in word or any(sign in word for sign in '"()'):
        return word
    name, colon, value = word.partition(":")
    return f'{name}:"{value}"' if colon and " " not in name and name else word
