"""The command line: one file a verb; what a verb needs is imported when it runs."""

from __future__ import annotations

import sys

import typer

from watchpost.cli.bench import bench_app
from watchpost.cli.check import check
from watchpost.cli.config import config_app
from watchpost.cli.data import data_app
from watchpost.cli.demo import demo
from watchpost.cli.detect import detect
from watchpost.cli.doctor import doctor
from watchpost.cli.evaluate import evaluate_app
from watchpost.cli.events import events
from watchpost.cli.explain import explain
from watchpost.cli.export import export
from watchpost.cli.models import models_app
from watchpost.cli.models_export import export as export_model
from watchpost.cli.probe import probe
from watchpost.cli.relay import relay
from watchpost.cli.run import run
from watchpost.cli.search import search
from watchpost.cli.serve_file import serve_file
from watchpost.cli.train import train
from watchpost.cli.users import users_app
from watchpost.cli.wake import wake
from watchpost.cli.watch import watch

app = typer.Typer(
    name="watchpost",
    help="Video analytics for a room full of cameras, on one server, with detectors you own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: Rich alone would take 0.25 s to import
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (
    demo,
    detect,
    watch,
    run,
    events,
    search,
    explain,
    wake,
    probe,
    doctor,
    check,
    export,
    relay,
    serve_file,
    train,
):
    app.command()(verb)
app.add_typer(bench_app, name="bench")
models_app.command("export")(export_model)
app.add_typer(config_app, name="config")
app.add_typer(data_app, name="data")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(models_app, name="models")
app.add_typer(users_app, name="users")


def main() -> None:
    """Run the command line; an error that a user can act on is one line on stderr and exit code 1."""
    from watchpost.errors import WatchpostError
    from watchpost.telemetry import redacted

    try:
        app()
    except WatchpostError as error:
        print(f"watchpost: {redacted(str(error))}", file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:  # the reader of a pipe has gone: nobody is left to tell
        raise SystemExit(141) from None
    except OSError as error:  # a disk that is full, a folder that has gone while the verb was at work
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"watchpost: {where}{error.strerror or error}.", file=sys.stderr)
        raise SystemExit(1) from None
