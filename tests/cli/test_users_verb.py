"""`watchpost users`: who may log in, and never a password among the arguments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from watchpost.cli import app
from watchpost.clock import SystemClock
from watchpost.errors import WatchpostError
from watchpost.web.access import Role, User
from watchpost.web.accounts import Accounts

PASSWORD = "an open door"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "watchpost.yaml"
    file.write_text("data: data\nweb: {host: 0.0.0.0}\n", encoding="utf-8")
    return file


def run(config: Path, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["users", *arguments, "--config", str(config)], input=given)


def add(config: Path, *arguments: str) -> Result:
    return run(config, "add", *arguments, "--stdin", given=f"{PASSWORD}\n")


def found(config: Path, name: str) -> tuple[User, bool] | None:
    accounts = Accounts(config.parent / "data", SystemClock())
    try:
        kept = accounts.hash_of(name)
        return None if kept is None else (kept[0], accounts.passwords.fits(PASSWORD, kept[1]))
    finally:
        accounts.close()


def test_users_are_made_listed_and_removed(config: Path) -> None:
    assert "users add NAME" in run(config, "list").stdout
    assert add(config, "anna", "--role", "admin").exit_code == 0
    assert add(config, "porter", "--camera", "gate", "--camera", "side door").exit_code == 0
    assert found(config, "porter") == (User("porter", Role.VIEWER, frozenset({"gate", "side door"})), True)
    listed = run(config, "list")
    assert "gate, side door" in listed.stdout
    assert [user["role"] for user in json.loads(run(config, "list", "--json").stdout)] == ["admin", "viewer"]
    assert "password" not in listed.stdout + run(config, "list", "--json").stdout
    assert run(config, "remove", "porter").exit_code == 0
    assert found(config, "porter") is None


def test_a_password_is_changed(config: Path) -> None:
    add(config, "anna", "--role", "admin")
    assert run(config, "password", "anna", "--stdin", given="another door\n").exit_code == 0
    assert found(config, "anna") == (User("anna", Role.ADMIN), False)
    assert isinstance(run(config, "password", "bert", "--stdin", given=PASSWORD).exception, WatchpostError)


def test_without_a_terminal_a_password_is_asked_for_on_standard_input_alone(config: Path) -> None:
    answer = run(config, "add", "anna", "--role", "admin", given=f"{PASSWORD}\n{PASSWORD}\n")
    assert isinstance(answer.exception, WatchpostError)
    assert "--stdin" in str(answer.exception)
    assert found(config, "anna") is None


@pytest.mark.parametrize("arguments", [("anna",), ("anna", "--role", "operator", "--camera", "gate"), ("a:b",)])
def test_what_can_not_be_meant_is_told(config: Path, arguments: tuple[str, ...]) -> None:
    answer = add(config, *arguments)
    assert isinstance(answer.exception, WatchpostError)
    assert PASSWORD not in str(answer.exception)


def test_a_page_for_other_machines_needs_a_user_or_a_token(config: Path) -> None:
    check = ["config", "check", str(config)]
    answer = CliRunner().invoke(app, check)
    assert answer.exit_code == 1
    assert "web.host" in answer.output
    assert "watchpost users add" in answer.output
    assert not (config.parent / "data").exists()
    add(config, "anna", "--role", "admin")
    assert CliRunner().invoke(app, check).exit_code == 0
