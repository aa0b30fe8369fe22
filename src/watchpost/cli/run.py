"""`watchpost run`: a server for the cameras of one configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    config: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration, a YAML file.")] = Path(
        "watchpost.yaml"
    ),
    unguarded: Annotated[
        bool, typer.Option("--unguarded", help="Without the process that starts the server again when it crashes.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run the cameras of a configuration file, with the live page.

    The file is read again when it changes; cameras that are the same go on undisturbed. A file that does not
    hold is reported and the running configuration stays. Ctrl-C or SIGTERM stops.

    Examples:

        watchpost run watchpost.yaml

        watchpost config check watchpost.yaml && watchpost run watchpost.yaml
    """
    import logging

    from watchpost.config import load
    from watchpost.telemetry import configure_logging

    configure_logging(logging.DEBUG if verbose else logging.INFO)
    if unguarded:
        from watchpost.cli._server import serve

        serve(config)
        return
    load(config)  # a mistake in the file is told here, once
    _guard(config, verbose)


def _guard(config: Path, verbose: bool) -> None:
    import sys
    import threading

    from watchpost.clock import SystemClock
    from watchpost.runtime.guard import guard

    command = [sys.executable, "-m", "watchpost", "run", str(config), "--unguarded", *(["-v"] if verbose else [])]
    raise typer.Exit(guard(command, SystemClock(), threading.Event()))
