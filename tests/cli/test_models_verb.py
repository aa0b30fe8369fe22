"""`watchpost models` lists, shows and installs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner, Result

from watchpost.cli.models import models_app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(models_app, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network that answers every picture with one box."""
    monkeypatch.setenv("WATCHPOST_MODELS", str(tmp_path / "models"))
    values = {"boxes": np.float32([[[0, 0, 9, 9]]]), "scores": np.float32([[[0.9]]])}
    nodes = [helper.make_node("Identity", [f"{name}_value"], [name]) for name in values]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, each.shape) for name, each in values.items()]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 32, 64))
    constants = [numpy_helper.from_array(each, f"{name}_value") for name, each in values.items()]
    graph = helper.make_graph(nodes, "tiny", [images], outputs, constants)
    path = tmp_path / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    path.with_suffix(".card.yaml").write_text(
        "name: tiny\nfile: tiny.onnx\ninput: { width: 64, height: 32, fit: stretch, colour: bgr }\n"
        "decode: { family: ssd }\nclasses: [person]\nlicence: MIT\nsource: a test\n"
    )
    return path


def test_add_list_and_show(tiny: Path) -> None:
    assert "tiny is installed" in run("add", tiny).stdout
    listed = json.loads(run("list", "--json").stdout)
    (mine,) = [each for each in listed if each["name"] == "tiny"]
    assert (mine["where"], mine["licence"], mine["bytes"]) == ("installed", "MIT", tiny.stat().st_size)
    assert next(each for each in listed if each["name"] == "dfine-nano")["file"] is None
    table = run("list").stdout
    assert "tiny" in table
    assert "hog" in table
    shown = run("show", "tiny", "--speed", "--threads", 1).stdout
    assert mine["sha256"] in shown
    assert "openvino" in shown
    assert "person and" not in shown


def test_show_of_a_model_that_is_not_here(tiny: Path) -> None:
    shown = run("show", "rf-detr-nano").stdout
    assert "to pull" in shown
    assert "person, bicycle and 78 more" in shown
    assert "Not run by the authors" in shown
