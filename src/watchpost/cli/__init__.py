"""The command line: one file a verb, loaded when it is asked for; what a verb needs is imported when it runs."""

from __future__ import annotations

import sys

import typer

from watchpost.cli._verbs import LazyVerbs

app = typer.Typer(
    cls=LazyVerbs,
    name="watchpost",
    help="Video analytics for a room full of cameras, on one server, with detectors you own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: Rich alone would take 0.25 s to import
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _verbs() -> None: ...  # Typer makes no group of an app that has neither a command nor this


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
