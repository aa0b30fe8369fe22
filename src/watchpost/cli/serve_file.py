"""`watchpost serve-file`: files as cameras over RTSP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

_NAMED: Final = re.compile(r"([A-Za-z0-9._-]{1,64})=(.+)", re.DOTALL)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


def serve_file(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="[NAME=]SOURCE...", help="Video files, synthetic:, or other sources; NAME= names one."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 is every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 8554,
    copies: Annotated[int, typer.Option(min=1, max=1000, help="Play each so many times, as NAME-1, NAME-2, ...")] = 1,
    password: Annotated[
        str | None,
        typer.Option(
            help="What readers must give, with any user name; needed beyond this machine.",
            envvar="WATCHPOST_SERVE_PASSWORD",
            show_default=False,
        ),
    ] = None,
    duration: Annotated[
        str | None, typer.Option(help="Stop after this time, such as 20s or 5min.", show_default=False)
    ] = None,
) -> None:
    """Serve video files as cameras over RTSP: at their own speed, round and round, pictures and sound as they are.

    Each is at rtsp://HOST:PORT/NAME, over TCP and UDP. Ctrl-C ends it.

    Examples:

        watchpost serve-file visit.mp4 hall=other.mp4

        watchpost serve-file "synthetic:?people=4&loop=20s" --copies 50

        WATCHPOST_SERVE_PASSWORD=secret watchpost serve-file visit.mp4 --host 0.0.0.0
    """
    import sys
    import threading
    import time

    from watchpost.cli._session import given_seconds
    from watchpost.cli._signals import StopOnSignals
    from watchpost.clock import SystemClock
    from watchpost.config.serve import RtspOptions
    from watchpost.errors import WatchpostError
    from watchpost.runtime.playing import Playing, options_as_camera
    from watchpost.serving.access import TokenCredentials
    from watchpost.serving.rtsp_server import RtspServer
    from watchpost.telemetry import redacted

    named = _named(sources, copies)
    for address in named.values():
        options_as_camera(address)  # what can not be meant is told before anything begins
    seconds = float("inf") if duration is None else given_seconds("--duration", duration)
    clock, stop = SystemClock(), threading.Event()
    playing = Playing(named, clock)
    credentials = None if password is None else TokenCredentials(password)
    server = RtspServer(playing, RtspOptions(host=host, port=port), credentials, clock)
    with StopOnSignals(stop):
        base = server.start()
        playing.start()
        for name, address in named.items():
            print(f"{base}{name}  {redacted(address)}", flush=True)
        told: set[str] = set()
        end_s = time.monotonic() + seconds
        try:
            while not (stop.wait(0.2) or playing.ended.is_set() or time.monotonic() >= end_s):
                for name in playing.errors.keys() - told:
                    told.add(name)
                    print(f"watchpost: {name}: {redacted(str(playing.errors[name]))}", file=sys.stderr)
        finally:
            server.stop()
            playing.stop()
    if playing.errors:
        name, error = next(iter(playing.errors.items()))
        raise WatchpostError(f"{name}: {error}")


def _named(sources: list[str], copies: int) -> dict[str, str]:
    """Addresses by name: as given, or made of the file's name, each once."""
    from watchpost.errors import WatchpostError

    found: dict[str, str] = {}
    for text in sources:
        named = None if Path(text).exists() else _NAMED.fullmatch(text)
        name, address = (named[1], named[2]) if named else (_name_of(text), text)
        if named and name in found:
            raise WatchpostError(f"two sources are called {name}; give them different names.")
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name}-{number}"
        found[unique] = address
    if copies == 1:
        return found
    return {f"{name}-{number}": address for name, address in found.items() for number in range(1, copies + 1)}


def _name_of(address: str) -> str:
    scheme, colon, _ = address.partition(":")
    stem = Path(address.partition("?")[0]).stem
    if colon and not Path(address).exists() and "://" not in address:
        stem = scheme  # synthetic:, webcam:0
    return _NO_NAME.sub("-", stem).strip("-.") or "camera"
