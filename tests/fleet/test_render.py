"""Streams are the same whoever renders them, and what goes wrong is said."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest

from watchpost.errors import WatchpostError
from watchpost.fleet import render
from watchpost.fleet.render import Rendering, render_all
from watchpost.scene.options import SceneOptions

SCENES = [SceneOptions(camera=camera, width=128, height=72, fps=5) for camera in range(3)]
WANTED = [Rendering(scene, begin_s=3, seconds=2, gop_s=1, crf=24, preset="veryfast") for scene in SCENES]


def test_processes_render_what_one_renders(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    alone.mkdir()
    together.mkdir()
    told: list[int] = []
    render_all(WANTED, alone, 1, told.append)
    assert told == list(range(1, 31))
    told.clear()
    render_all(WANTED, together, 2, told.append)
    assert told == sorted(told)
    assert told[-1] == 30
    assert {path.name for path in together.iterdir()} == {path.name for path in alone.iterdir()}
    assert all((alone / path.name).read_bytes() == path.read_bytes() for path in together.iterdir())


def test_a_folder_that_can_not_be_written_is_said_by_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "work.json").write_text(json.dumps([WANTED[0].as_dict()]))
    monkeypatch.setattr("sys.argv", ["render", str(tmp_path / "work.json"), str(tmp_path / "file")])
    render.main()
    assert "can not be written into" in capsys.readouterr().out


def test_what_a_process_says_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        stdout = io.BytesIO(b"5\nthe disk is full.\n")

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(render.children, "start", lambda *_, **__: Broken())
    with pytest.raises(WatchpostError, match="the disk is full"):
        render_all(WANTED[:2], tmp_path, 2, lambda _: None)


def test_a_rendering_survives_its_file_and_is_named_by_what_it_shows() -> None:
    one = WANTED[0]
    again = Rendering.of_dict(json.loads(json.dumps(one.as_dict())))
    assert again == one
    assert again.name == one.name
    assert dataclasses.replace(one, crf=25).name != one.name
    assert len({each.name for each in WANTED}) == 3
