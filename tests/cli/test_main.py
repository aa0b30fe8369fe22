"""The program itself, around its verbs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
import typer

from watchpost import __main__, cli
from watchpost.cli._verbs import VERBS


def test_ctrl_c_while_it_starts_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 130


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "watchpost: No space left on device."),
        (FileNotFoundError(errno.ENOENT, "No such file", "out/x.jpg"), "watchpost: out/x.jpg: No such file."),
    ],
)
def test_a_disk_that_fails_is_one_line(
    error: OSError, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == line + "\n"


def test_the_list_of_verbs_says_what_each_says_of_itself() -> None:
    loaded = typer.main.get_command(cli.app).commands
    assert {name: " ".join(command.help.split("\n\n")[0].split()) for name, command in loaded.items()} == VERBS


def test_help_lists_the_verbs_and_loads_none() -> None:
    code = """
import sys
from watchpost.cli import app
try:
    app(["--help"], prog_name="watchpost")
finally:
    print(*sorted(name for name in sys.modules if name.startswith("watchpost.cli")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    *listed, loaded = done.stdout.splitlines()
    assert loaded.split() == ["watchpost.cli", "watchpost.cli._verbs"]
    shown = dict(line.split(maxsplit=1) for line in listed[listed.index("Commands:") + 1 :])
    assert list(shown) == list(VERBS)
    assert all(VERBS[name].startswith(words.removesuffix("...")) for name, words in shown.items())
