"""`watchpost demo`: the whole pipeline on one camera, with a page to look at."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Your own camera, file or folder; a synthetic scene otherwise.")
    ] = "synthetic:",
    duration: Annotated[
        str | None, typer.Option(help="Stop after this time, such as 20s; until Ctrl-C otherwise.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 8010,
    model: Annotated[str | None, typer.Option(help="As in `watchpost watch`.", show_default=False)] = None,
    transport: Annotated[
        str | None, typer.Option(help="For RTSP: tcp, udp or auto (TCP, then UDP).", show_default=False)
    ] = None,
) -> None:
    """Play a scene as a live camera through detection, tracking and rules, and show it on a page of this machine.

    Examples:

        watchpost demo

        watchpost demo rtsp://user:password@10.0.0.5/stream1

        watchpost demo visit.mp4 --duration 20s
    """
    from functools import partial

    from watchpost.cli._session import Session, Wishes, given_seconds, plays_in_real_time, source_options
    from watchpost.clock import SystemClock
    from watchpost.runtime.assembly import show, show_events, show_state
    from watchpost.runtime.boxes import BoxFeed
    from watchpost.runtime.live import LiveHub
    from watchpost.runtime.taps import Taps
    from watchpost.web.app import create_app
    from watchpost.web.server import WebServer
    from watchpost.web.services import Services

    wishes = Wishes(
        source=source,
        camera="demo",
        source_options=source_options([], transport=transport, **plays_in_real_time(source)),
        duration_s=None if duration is None else given_seconds("--duration", duration),
        model=model,
    )
    hub, taps, boxes = LiveHub(SystemClock()), Taps(), BoxFeed()
    hub.add(wishes.camera)
    session = Session(
        wishes,
        on_frame=[lambda result: show(hub, result, session.camera.stats.dropped), boxes.see],
        on_events=[partial(show_events, hub)],
        on_state=partial(show_state, hub, wishes.camera),
        taps=taps,
    )
    page = WebServer(create_app(Services(hub, taps, boxes)), port=port)
    address = page.start()
    try:
        session.console.print(f"Live picture and events: {address}  (Ctrl-C stops)", markup=False, soft_wrap=True)
        _open_browser(address)
        session.run()
    finally:
        page.stop()


def _open_browser(address: str) -> None:
    """Show the page where there is a desktop; a terminal alone gets the address."""
    import os
    import webbrowser

    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
