"""`watchpost serve-file`: the names that films get. That they play is in tests/peers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from watchpost.cli.serve_file import _named
from watchpost.errors import WatchpostError


def test_names_are_those_of_the_files_each_once(tmp_path: Path) -> None:
    (tmp_path / "a=b.mp4").touch()
    assert _named(
        ["/x/visit 1.mp4", "y/visit 1.mkv", "hall=z.mp4", "synthetic:?people=4", f"{tmp_path}/a=b.mp4"], 1
    ) == {
        "visit-1": "/x/visit 1.mp4",
        "visit-1-2": "y/visit 1.mkv",
        "hall": "z.mp4",
        "synthetic": "synthetic:?people=4",
        "a-b": f"{tmp_path}/a=b.mp4",
    }
    assert list(_named(["visit.mp4"], 3)) == ["visit-1", "visit-2", "visit-3"]
    with pytest.raises(WatchpostError, match="two sources are called hall"):
        _named(["hall=a.mp4", "hall=b.mp4"], 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no-such-file.mp4", "--port", "0"], "No such file"),
        (["gopher://x", "--port", "0"], "is not known"),
        (["synthetic:", "--port", "0", "--host", "0.0.0.0"], "open to everybody"),
    ],
)
def test_what_does_not_work_is_told(arguments: list[str], says: str) -> None:
    command = [sys.executable, "-m", "watchpost", "serve-file", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
