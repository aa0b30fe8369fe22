"""`watchpost wake`: keep a camera of the running server awake for a while."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from watchpost.errors import WatchpostError

_LONGEST_S = 3600.0


def wake(
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="A camera's name.")],
    duration: Annotated[str, typer.Option("--for", help="How long, such as 30s or 5min; at most 1h.")] = "30s",
    config: Annotated[
        Path, typer.Option(help="The configuration of the running server: its address and token.")
    ] = Path("watchpost.yaml"),
) -> None:
    """Keep a camera of the running server awake for a while.

    Every frame is decoded and analysed at the full rate, whatever goes on.

    Examples:

        watchpost wake gate

        watchpost wake gate --for 5min --config /etc/watchpost/watchpost.yaml
    """
    from watchpost.cli._ask import ask
    from watchpost.config import load
    from watchpost.options import parse_seconds

    try:
        seconds = parse_seconds(duration)
    except ValueError as error:
        raise WatchpostError(f"--for: {error}.") from None
    if not 0 < seconds <= _LONGEST_S:
        raise WatchpostError("--for: write more than 0 s and at most 1h.")
    ask(load(config).web, camera, f"wake?{urlencode({'seconds': seconds})}", post=True)
    typer.echo(f"{camera} stays awake for {seconds:g} s.")
