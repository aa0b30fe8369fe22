"""`watchpost evaluate detection`: one table for many models, and the same figures as JSON."""

from __future__ import annotations

import json
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
