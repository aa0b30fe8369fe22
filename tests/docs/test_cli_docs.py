"""docs/cli.md is what the command line says of itself, and says all of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from watchpost.cli import app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All verbs below a command, by their full name."""
    for verb, below in getattr(command, "commands", {}).items():
        yield f"{name} {verb}", below
        yield from commands(below, f"{name} {verb}")


def test_the_page_is_fresh():
    script = ROOT / "scripts" / "make_cli_docs.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def test_every_verb_and_option_is_on_the_page():
    sections = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    sections |= dict(re.findall(r"^### `([^`]+)`\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    found = list(commands(typer.main.get_command(app), "watchpost"))
    assert len(found) > 3
    for name, command in found:
        assert name in sections
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("-"):
                    assert option in sections[name], f"{name} {option}"


def test_every_verb_and_option_explains_itself():
    for name, command in commands(typer.main.get_command(app), "watchpost"):
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"
