"""`watchpost config`: check a configuration file, write one to start from, and print its JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from watchpost.config import Configuration

config_app = typer.Typer(
    name="config",
    help="Check a configuration file, start one, or print its JSON Schema.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@config_app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A configuration, in YAML.")] = Path("watchpost.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell everything that is wrong with a configuration file, or what it sets up.

    Variables such as ${GATE_PASSWORD} are taken from the environment, as `watchpost run` would take them.
    The exit code is 1 when there is a problem.

    Examples:

        watchpost config check watchpost.yaml

        watchpost config check watchpost.yaml --json
    """
    from watchpost.config import InvalidConfigError, load

    try:
        configuration = load(file)
        _check_guarded(file, configuration)
    except InvalidConfigError as error:
        _print_problems(error, as_json)
        raise typer.Exit(1) from None
    if as_json:
        _print_json({"ok": True, **_contents(configuration)})
    else:
        typer.echo(f"{file}: OK\n{_summary(configuration)}")


@config_app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors that complete and check while you type.

    Examples:

        watchpost config schema > watchpost.schema.json
    """
    from watchpost.config.schema import json_schema

    _print_json(json_schema())


@config_app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path("watchpost.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a configuration to start from, with comments; it plays a synthetic camera.

    Examples:

        watchpost config init

        watchpost config init office.yaml && watchpost run office.yaml
    """
    from importlib.resources import files

    from watchpost.errors import WatchpostError

    text = files("watchpost.config").joinpath("example.yaml").read_text(encoding="utf-8")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise WatchpostError(f"{file} is there already; --force replaces it.") from None
    except OSError as error:
        raise WatchpostError(f"{file} can not be written: {error.strerror}.") from None
    typer.echo(f"wrote {file}; next: watchpost run {file}")


def _check_guarded(file: Path, configuration: Configuration) -> None:
    """Raise what `watchpost run` would say of a page that other machines reach and nobody has to log in to."""
    from watchpost.config import InvalidConfigError, Problem, is_loopback

    web = configuration.web
    if is_loopback(web.host) or web.token is not None:
        return
    from watchpost.errors import ConfigError
    from watchpost.web.accounts import has_users_at
    from watchpost.web.auth import check_binding

    try:
        check_binding(web.host, is_guarded=has_users_at(configuration.data))
    except ConfigError as error:
        raise InvalidConfigError([Problem(str(file), 1, 1, "web.host", str(error))]) from None


def _print_problems(error: Any, as_json: bool) -> None:
    import dataclasses

    if as_json:
        _print_json({"ok": False, "problems": [dataclasses.asdict(problem) for problem in error.problems]})
        return
    count = len(error.problems)
    typer.echo(f"{error}\n{count} problem{'s' if count > 1 else ''}", err=True)


def _contents(configuration: Configuration) -> dict[str, Any]:
    return {
        "cameras": {
            name: {
                "source": camera.shown_source,
                "enabled": camera.enabled,
                "model": camera.model,
                "tracker": camera.tracker.kind,
                "rules": [rule.title for rule in camera.rules],
            }
            for name, camera in configuration.cameras.items()
        },
        "models": {name: model.kind for name, model in configuration.models.items()},
        "sinks": [sink.title for sink in configuration.sinks],
        "store": configuration.store.kind,
        "data": str(configuration.data),
    }


def _summary(configuration: Configuration) -> str:
    cameras = configuration.cameras.values()
    disabled = sum(not camera.enabled for camera in cameras)
    rules = sum(len(camera.rules) for camera in cameras)
    models = ", ".join(f"{name} ({model.kind})" for name, model in configuration.models.items())
    sinks = ", ".join(sink.title for sink in configuration.sinks) or "none"
    off = f" ({disabled} disabled)" if disabled else ""
    return (
        f"cameras: {len(cameras)}{off}\nrules: {rules}\nmodels: {models}\nsinks: {sinks}\n"
        f"store: {configuration.store.kind}\ndata: {configuration.data}"
    )


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
