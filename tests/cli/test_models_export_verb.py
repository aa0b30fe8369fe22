"""`watchpost models export`: from a checkpoint to files that open by their cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from watchpost.cli.models_export import export
from watchpost.detectors.card import load_card
from watchpost.picture import encode_jpeg


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(export)
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from watchpost.training.checkpoint import Checkpoint, Progress, save
    from watchpost.training.models.detector import Detector
    from watchpost.training.recipe import Recipe

    recipe = Recipe.model_validate(
        {
            "name": "tiny",
            "data": {"train": [{"path": "nowhere"}]},
            "input": {"width": 96, "height": 64, "fit": "centre"},
            "model": {"width": 0.25, "depth": 0.5},
        }
    )
    torch.manual_seed(0)
    shape = recipe.model.shape(("person",))
    weights = Detector(shape).state_dict()
    path = tmp_path_factory.mktemp("run") / "best.pt"
    save(Checkpoint(recipe, shape, weights, weights, {}, Progress()), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for index in range(6):
        (folder / f"{index}.jpg").write_bytes(encode_jpeg(random.integers(0, 255, (60, 80, 3), dtype=np.uint8)))
    return folder


@pytest.mark.timeout(240)
def test_float_then_int8(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    file, small = tmp_path / "people.onnx", tmp_path / "people-int8.onnx"
    result = run(checkpoint, "--output", file, "--licence", "Apache-2.0", "--confidence", 0.4)
    assert result.exit_code == 0, result.output
    assert "parity with the checkpoint over 5 pictures" in result.stdout
    card = load_card(file.with_suffix(".card.yaml"))
    assert (card.name, card.licence, card.precision, card.input.fit) == ("people", "Apache-2.0", "fp32", "centre")
    assert (card.source, card.confidence) == ("trained with Watchpost (best.pt)", 0.4)

    result = run(file, "--output", small, "--precision", "int8", "--pictures", folder, "--count", 4, "--threads", 1)
    assert result.exit_code == 0, result.output
    assert "int8 against float32 on 2 pictures" in result.stdout
    assert result.stdout.count("openvino") == 2
    assert "float32 finds nothing here" in result.stdout  # the network is untrained
    card = load_card(small.with_suffix(".card.yaml"))
    assert (card.name, card.licence, card.precision, card.confidence) == ("people-int8", "Apache-2.0", "int8", 0.4)
    assert small.stat().st_size < file.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.onnx", "--output", "b.onnx"), "is exported already"),
        (("CHECKPOINT", "--output", "b.onnx", "--precision", "int8"), "int8 needs pictures"),
        (("CHECKPOINT", "--output", "b.pt"), "must be an .onnx file"),
        (("CHECKPOINT", "--output", "/nowhere/b.onnx"), "must be an .onnx file in a folder that is there"),
        (("PICTURE", "--output", "b.onnx"), "no checkpoint of Watchpost"),
        (("none.onnx", "--output", "b.onnx", "--precision", "int8", "--pictures", "FOLDER"), "no model file none"),
        (
            ("none.onnx", "--output", "b.onnx", "--precision", "int8", "--pictures", "/nowhere"),
            "no pictures in /nowhere",
        ),
    ],
)
def test_wrong_wishes(
    checkpoint: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"CHECKPOINT": checkpoint, "FOLDER": folder, "PICTURE": folder / "0.jpg"}
    assert message in str(run(*(places.get(each, each) for each in arguments)).exception)
    assert not list(tmp_path.iterdir())
