"""`watchpost evaluate detection`: one table for many models, and the same figures as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from watchpost.cli.evaluate import evaluate_app
from watchpost.picture import encode_jpeg
from watchpost.types import Detections


class Corner:
    """Finds a person in the upper left quarter of every picture."""

    class_names = ("person",)

    def __init__(self, name: str) -> None:
        self.name = name

    def detect(self, frames: list) -> list[Detections]:
        boxes = [np.float32([[0, 0, frame.size[0] / 2, frame.size[1] / 2]]) for frame in frames]
        one = np.float32([0.9]), np.int32([0])
        return [Detections(b, *one, f.size, self.class_names) for b, f in zip(boxes, frames, strict=True)]

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def corner(monkeypatch: pytest.MonkeyPatch) -> None:
    from watchpost import detectors

    monkeypatch.setattr(detectors, "open_detector", lambda model, **settings: Corner(model))


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    for name in ("images", "labels"):
        (tmp_path / "set" / name).mkdir(parents=True)
    (tmp_path / "set" / "images" / "a.jpg").write_bytes(encode_jpeg(np.zeros((100, 100, 3), np.uint8)))
    (tmp_path / "set" / "labels" / "a.txt").write_text("0 0.25 0.25 0.5 0.5\n")
    return tmp_path / "set"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate_app, ["detection", *map(str, arguments)])


def test_yolo_data_and_two_models(yolo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run("--data", yolo, "--names", "person", "--model", "one", "--model", "two", "--json", out)
    assert result.exit_code == 0, result.output
    assert "1 pictures, 1 objects of person" in result.stdout
    models = json.loads(out.read_text())["models"]
    assert [each["model"] for each in models] == ["one", "two"]
    assert models[0]["scores"]["ap"] == 1
    assert models[0]["per_class"]["person"]["ap50"] == 1
    assert models[0]["scores"]["ap_small"] is None
    assert models[0]["ms_per_picture"] > 0
    assert models[0]["confusion"] == {"names": ["person", "nothing"], "table": [[1, 0], [0, 0]]}
    assert models[0]["operating_point"]["recall"] == 1
    assert models[0]["worst_pictures"] == []


def test_the_page_and_the_markdown(yolo: Path, tmp_path: Path) -> None:
    page, text = tmp_path / "out.html", tmp_path / "out.md"
    (yolo / "labels" / "a.txt").write_text("0 0.25 0.25 0.5 0.5\n0 0.8 0.8 0.2 0.2\n")
    arguments = ("--names", "person", "--model", "one", "--model", "<two>", "--html", page, "--markdown", text)
    assert run("--data", yolo, *arguments).exit_code == 0
    html = page.read_text()
    assert "<two>" not in html
    assert html.count("<svg") == 2  # AP50 against time, and precision and recall
    assert html.count("data:image/jpeg;base64,") == 2  # the one picture, for both models
    assert "a.jpg: 1 found, 1 missed, 0 false" in html
    assert not re.search(r"(src|href)=.https?:", html)
    assert "| one | - | - | - | - | - | 0.505 |" in text.read_text()


def test_facts_of_a_file_stand_beside_its_scores(tmp_path: Path, make_onnx) -> None:
    from watchpost.cli.evaluate_detection import _file_facts

    file = make_onnx(tmp_path / "tiny.onnx")
    facts = _file_facts(str(file))
    assert facts["precision"] == "int8"
    assert facts["parameters"] == 3 * 8
    assert facts["gflops"] == pytest.approx(2 * 3 * 8 * 16 * 16 / 1e9)
    assert _file_facts("hog") == {}


@pytest.fixture
def make_onnx():
    """A 1 x 1 convolution of 3 to 8 channels."""
    from onnx import TensorProto, helper, numpy_helper, save

    def make(path: Path) -> Path:
        weights = numpy_helper.from_array(np.zeros((8, 3, 1, 1), np.float32), "w")
        node = helper.make_node("Conv", ["images", "w"], ["out"])
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "h", "w"])
        out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 8, "h", "w"])
        graph = helper.make_graph([node], "net", [images], [out], [weights])
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
        path.with_suffix(".card.yaml").write_text(
            "name: tiny\ninput: { width: 16, height: 16, fit: stretch, colour: bgr }\ndecode: { family: ssd }\n"
            "classes: [person]\nprecision: int8\nlicence: MIT\nsource: a test\n"
        )
        return path

    return make


def test_a_video_with_mot_truth(make_video, tmp_path: Path) -> None:
    video, truth, out = make_video(6), tmp_path / "gt.txt", tmp_path / "out.json"
    truth.write_text("".join(f"{frame},1,0,0,32,24,1\n" for frame in range(1, 5)))
    assert run("--data", video, "--truth", truth, "--json", out).exit_code == 0
    (model,) = json.loads(out.read_text())["models"]
    assert (model["pictures"], model["objects"], model["scores"]["ap"]) == (4, 4, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", __file__), "--truth"),
        (("--data", "none.json"), "does not exist"),
        (("--data", "SET", "--names", "dog"), "share no class"),
        (("--data", "SET", "--names", "person", "--classes", "cat"), "does not know the class 'cat'"),
        (("--data", "SET"), "--names"),
    ],
)
def test_wrong_wishes(yolo: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run(*(yolo if each == "SET" else each for each in arguments))
    assert message in str(result.exception)
