"""`watchpost bench`: what this machine can do."""

from __future__ import annotations

import typer

from watchpost.cli.bench_cameras import bench_cameras

bench_app = typer.Typer(help="Measure what this machine sustains.", no_args_is_help=True)
bench_app.command("cameras")(bench_cameras)


@bench_app.callback()
def _group() -> None:
    """Measure what this machine sustains."""  # with a single command Typer would leave out its name
