"""A run as a user starts it: a recipe or a data set, a folder, its reports, Ctrl-C, going on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import shapes
from typer.testing import CliRunner

from watchpost.cli import app
from watchpost.datasets.detect_format import read
from watchpost.errors import WatchpostError
from watchpost.training import checkpoint, session
from watchpost.training.auto import input_size, recipe_for
from watchpost.training.data import gather, held_out_names
from watchpost.training.recipe import Data, DataSet, load_recipe


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A YOLO folder."""
    folder = tmp_path / "data"
    for number, sample in enumerate(shapes.samples(folder / "images", 12)):
        centre, size = (sample.xyxy[:, :2] + sample.xyxy[:, 2:]) / 2, sample.xyxy[:, 2:] - sample.xyxy[:, :2]
        rows = np.column_stack([sample.class_id, centre / 96, size / 96])
        lines = (f"{int(row[0])} {' '.join(map(str, row[1:]))}\n" for row in rows)
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{number:03d}.txt").write_text("".join(lines))
    (folder / "data.yaml").write_text(f"names: [{', '.join(shapes.CLASSES)}]\n")
    return folder


@pytest.fixture
def recipe_file(data: Path) -> Path:
    path = data.parent / "r.yaml"
    path.write_text(
        f"name: shapes\ndata: {{train: [{{path: {data}}}]}}\ninput: {{width: 96, height: 96}}\n"
        "model: {width: 0.25, depth: 0.3}\nepochs: 2\nbatch: 4\nwarmup_epochs: 0\nevaluate_every: 1\nworkers: 1\n"
    )
    return path


def test_a_run_and_its_reports(recipe_file: Path, tmp_path: Path):
    out = tmp_path / "run"
    outcome = session.start(load_recipe(recipe_file), out, watcher=shapes.Silent())
    assert outcome.progress.epoch == 2
    page = (out / session.PAGE).read_text()
    assert "http" not in page.replace("http://www.w3.org", "")
    svgs = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(svgs) == 3
    for svg in svgs:
        assert ElementTree.fromstring(svg).findall("polyline")
    assert list((out / "tensorboard").iterdir())
    assert load_recipe(out / session.RECIPE) == checkpoint.load(out / "last.pt").recipe
    with pytest.raises(WatchpostError, match="--resume"):
        session.start(load_recipe(recipe_file), out, watcher=shapes.Silent())


def test_pictures_can_be_left_out_by_their_names(data: Path):
    def names(exclude: tuple[str, ...]) -> set[str]:
        sets = Data(train=(DataSet(path=data, exclude=exclude),))
        found = gather(sets, lambda each, _: read(each.path))
        return {sample.picture.name for sample in (*found.train, *found.val)}

    first, *others = sorted(names(()))
    assert names((first,)) == set(others)
    assert names(("01*",)) == {name for name in (first, *others) if not name.startswith("01")}
    with pytest.raises(WatchpostError, match=r"no picture in .* is called like img_"):
        names(("img_*",))


def test_a_fifth_is_held_out_and_stays_so():
    names = [f"{number}.jpg" for number in range(100)]
    held = held_out_names(names, 0.2)
    assert len(held) == 20
    assert len(held & held_out_names([*names, "new.jpg"], 0.2)) >= 19


def test_auto_reads_the_data(data: Path, tmp_path: Path):
    recipe = recipe_for(data)
    assert recipe.data.classes == shapes.CLASSES
    assert recipe.input.width in (320, 384, 416)
    assert recipe.batch == 3
    assert recipe.epochs == 300
    assert recipe_for(data, init_from=tmp_path / "x.pt").lr < recipe.lr
    with pytest.raises(WatchpostError, match="does not exist"):
        recipe_for(tmp_path / "nothing")


def test_small_objects_ask_for_a_large_input(tmp_path: Path):
    from dataclasses import replace

    from watchpost.datasets import Dataset

    made = shapes.samples(tmp_path, 4)
    small = tuple(replace(each, xyxy=each.xyxy / 8) for each in made)
    assert input_size(Dataset("d", shapes.CLASSES, small)) == 640
    assert input_size(Dataset("d", shapes.CLASSES, made)) == 320


def test_the_verb_trains_and_resumes(recipe_file: Path, tmp_path: Path):
    out = tmp_path / "run"
    result = CliRunner().invoke(app, ["train", str(recipe_file), "--out", str(out), "--threads", "1"])
    assert result.exit_code == 0, result.output
    assert "best after epoch" in result.output
    again = CliRunner().invoke(app, ["train", "--resume", str(out), "--threads", "1"])
    assert again.exit_code == 0, again.output


WRONG = (
    [],
    ["a.yaml", "--auto", "x"],
    ["--resume", "nothing"],
    ["none.yaml"],
    ["--resume", "x", "--epochs", "3"],
)


@pytest.mark.parametrize("arguments", WRONG)
def test_what_can_not_be_is_said(arguments: list[str]):
    result = CliRunner().invoke(app, ["train", *arguments])
    assert isinstance(result.exception, WatchpostError)
    assert "\n" not in str(result.exception)


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ctrl_c_saves_and_the_run_goes_on(recipe_file: Path, tmp_path: Path):
    recipe_file.write_text(recipe_file.read_text().replace("epochs: 2\n", "epochs: 40\n"))
    out = tmp_path / "run"
    command = [sys.executable, "-m", "watchpost", "train"]
    with subprocess.Popen(
        [*command, str(recipe_file), "--out", str(out)], stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stderr is not None
        while not (out / "last.pt").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == 130, errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert 0 < checkpoint.load(out / "last.pt").progress.epoch < 40


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_train_one_model(recipe_file: Path, tmp_path: Path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29517"]
    subprocess.run(
        [*command, "-m", "watchpost", "train", str(recipe_file), "--out", str(out), "--device", "cpu"],
        check=True, env=environment(), timeout=110, capture_output=True,
    )  # fmt: skip
    shared = checkpoint.load(out / "last.pt").progress
    assert shared.epoch == 2
    assert "ap50" in shared.history[-1]
    alone = session.start(load_recipe(recipe_file), tmp_path / "alone", watcher=shapes.Silent())
    # not the same: each process normalises by its own half of a batch
    assert shared.history[0]["loss"] == pytest.approx(alone.progress.history[0]["loss"], rel=0.3)
    assert json.dumps(shared.history)


def test_a_picture_that_is_none_is_named(recipe_file: Path, tmp_path: Path, data: Path):
    cv2.imwrite(str(data / "images" / "000.png"), np.zeros((96, 96, 3), np.uint8))
    (data / "images" / "003.png").write_bytes((data / "images" / "003.png").read_bytes()[:200])
    with pytest.raises(WatchpostError, match=r"003\.png"):
        session.start(load_recipe(recipe_file), tmp_path / "run", watcher=shapes.Silent())
