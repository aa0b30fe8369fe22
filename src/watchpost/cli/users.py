"""`watchpost users`: who may log in to the server's page and API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchpost.errors import WatchpostError

if TYPE_CHECKING:
    from watchpost.web.accounts import Account, Accounts


class RoleName(StrEnum):
    """The names of `watchpost.web.access.Role`, without what that imports."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


users_app = typer.Typer(
    name="users",
    help="Who may log in to the page and the API of a server.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigOption = Annotated[Path, typer.Option(help="The server's configuration: its data folder has the users.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
StdinOption = Annotated[bool, typer.Option("--stdin", help="Read the password from a line of standard input.")]
_CONFIG = Path("watchpost.yaml")


@users_app.command()
def add(
    name: NameArgument,
    role: Annotated[
        RoleName,
        typer.Option(help="A viewer looks, an operator marks events and wakes cameras, an admin changes settings."),
    ] = RoleName.VIEWER,
    camera: Annotated[
        list[str] | None, typer.Option(help="A viewer sees this camera alone; may be repeated.", show_default=False)
    ] = None,
    stdin: StdinOption = False,
    config: ConfigOption = _CONFIG,
) -> None:
    """Make a user; the password is asked for. The first one is an admin.

    A running server knows the user at once, and from the first user on everybody has to log in.

    Examples:

        watchpost users add anna --role admin

        watchpost users add porter --camera gate --camera "side door"

        openssl rand -base64 18 | tee password | watchpost users add display --stdin
    """
    from watchpost.web.access import Role

    with _accounts(config) as accounts:
        accounts.add(name, Role(role), _password(stdin), None if camera is None else frozenset(camera))
    typer.echo(f"{name} can log in, as {role}.")


@users_app.command("list")
def list_users(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: ConfigOption = _CONFIG,
) -> None:
    """List the users.

    Examples:

        watchpost users list

        watchpost users list --json
    """
    with _accounts(config) as accounts:
        found = accounts.users()
    if as_json:
        _print_json(found)
    elif not found:
        typer.echo("there are no users; make the first one with: watchpost users add NAME --role admin")
    else:
        _print_table(found)


@users_app.command()
def remove(name: NameArgument, config: ConfigOption = _CONFIG) -> None:
    """Remove a user with all tokens, sessions and layouts; a running server knows at once.

    Examples:

        watchpost users remove porter
    """
    from watchpost.config import load
    from watchpost.web.layouts import Layouts

    with _accounts(config) as accounts:
        accounts.remove(name)
    Layouts(load(config).data).forget(name)
    typer.echo(f"{name} is removed.")


@users_app.command()
def password(name: NameArgument, stdin: StdinOption = False, config: ConfigOption = _CONFIG) -> None:
    """Give a user a new password, which is asked for; the user's sessions end.

    Examples:

        watchpost users password anna
    """
    with _accounts(config) as accounts:
        if accounts.account(name) is None:
            raise WatchpostError(f"there is no user {name}; watchpost users list tells who there is.")
        accounts.set_password(name, _password(stdin))
    typer.echo(f"{name} has a new password.")


@contextmanager
def _accounts(config: Path) -> Iterator[Accounts]:
    from contextlib import closing

    from watchpost.clock import SystemClock
    from watchpost.config import load
    from watchpost.web.accounts import Accounts

    with closing(Accounts(load(config).data, SystemClock())) as accounts:
        yield accounts


def _password(stdin: bool) -> str:
    """Never an argument: those are seen by everybody on the machine, and kept by shells."""
    import sys

    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise WatchpostError("there is no terminal to ask for the password at; give it with --stdin.")
    return str(typer.prompt("password", hide_input=True, confirmation_prompt=True))


def _print_json(users: list[Account]) -> None:
    import json

    shown = [
        {
            "name": user.name,
            "role": user.role,
            "cameras": None if user.cameras is None else sorted(user.cameras),
            "created_s": user.created_s,
            "tokens": user.tokens,
            "sessions": user.sessions,
        }
        for user in users
    ]
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def _print_table(users: list[Account]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("name", "role", "cameras", "tokens", "sessions")
    for user in users:
        cameras = "all" if user.cameras is None else ", ".join(sorted(user.cameras)) or "none"
        table.add_row(escape(user.name), user.role, escape(cameras), str(user.tokens), str(user.sessions))
    Console(highlight=False).print(table)
