"""`watchpost detect` on good and bad pictures and videos; nothing is lost, and everything bad is named."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from watchpost import plugins
from watchpost.cli.detect import detect
from watchpost.picture import encode_jpeg
from watchpost.types import Detections


class Halves:
    """Finds a person in the left half of every picture and a cat in the right."""

    name = "halves"
    class_names = ("person", "cat")

    def detect(self, frames: list) -> list[Detections]:
        return [self._one(*frame.size) for frame in frames]

    def close(self) -> None:
        pass

    def _one(self, width: int, height: int) -> Detections:
        boxes = np.float32([[0, 0, width / 2, height], [width / 2, 0, width, height]])
        return Detections(boxes, np.float32([0.9, 0.5]), np.int32([0, 1]), (width, height), self.class_names)


@pytest.fixture(autouse=True)
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    from watchpost import detectors

    monkeypatch.setattr(detectors, "open_detector", lambda model, **settings: Halves())
    assert plugins.DEFAULT_MODEL


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(detect)
    return CliRunner().invoke(app, [str(each) for each in arguments])


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(encode_jpeg(np.full((100, 200, 3), 90, np.uint8)))
    return path


def test_a_picture_gives_an_annotated_copy_and_a_line_of_coco_results(picture: Path, tmp_path: Path) -> None:
    result = run(picture, "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert "1 pictures, 2 detections" in result.stderr
    copy = cv2.imread(str(tmp_path / "out" / "a.jpg"))
    assert copy.shape == (100, 200, 3)
    assert copy.std() > 1  # something is drawn on the plain grey
    (line,) = lines(tmp_path / "out" / "detections.jsonl")
    assert (line["file"], line["frame"], line["width"], line["height"]) == (str(picture), 0, 200, 100)
    assert line["detections"][1] == {
        "image_id": 1,
        "category_id": 17,  # COCO's own number for cat
        "category": "cat",
        "bbox": [100, 0, 100, 100],
        "score": 0.5,
    }


def test_json_to_stdout_alone_writes_no_files(picture: Path, tmp_path: Path) -> None:
    result = run(picture, "--no-pictures", "--json", "-", "--classes", "cat", "--output", tmp_path / "out")
    assert [each["category"] for each in json.loads(result.stdout)["detections"]] == ["cat"]
    assert not (tmp_path / "out").exists()


def test_a_folder_with_bad_pictures_loses_nothing(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # however long the path of the folder, no name is broken into two lines
    good = picture.read_bytes()
    (picture.parent / "b_cut_off.jpg").write_bytes(good[: len(good) // 2])
    (picture.parent / "c_empty.png").write_bytes(b"")
    (picture.parent / "d_text.png").write_text("hello")
    (picture.parent / "e.jpg").write_bytes(good)
    result = run(picture.parent, tmp_path / "none.jpg", "--output", tmp_path / "out")
    assert result.exit_code == 1
    errors = " ".join(result.stderr.split())
    for name in ("b_cut_off.jpg", "c_empty.png is empty (0 bytes)", "d_text.png", "none.jpg"):
        assert name in errors
    assert "4 of 6 files could not be read" in errors
    assert "Traceback" not in errors
    assert [Path(each["file"]).name for each in lines(tmp_path / "out" / "detections.jsonl")] == ["a.jpg", "e.jpg"]


def encoded(suffix: str, picture: np.ndarray) -> bytes:
    return cv2.imencode(suffix, picture)[1].tobytes()


def turned(jpeg: bytes) -> bytes:
    """The JPEG with an EXIF note that says: turn clockwise by 90 degrees."""
    note = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + jpeg[2:]


COLOUR = np.full((60, 80, 3), (200, 100, 50), np.uint8)
ODD = {
    "pixel.png": (encoded(".png", COLOUR[:1, :1]), (1, 1)),
    "column.png": (encoded(".png", COLOUR[:, :1]), (1, 60)),
    "huge.jpg": (encoded(".jpg", np.zeros((4320, 7680, 3), np.uint8)), (7680, 4320)),
    "grey.png": (encoded(".png", COLOUR[..., 0]), (80, 60)),
    "alpha.png": (encoded(".png", np.dstack([COLOUR, COLOUR[..., 0]])), (80, 60)),
    "deep.png": (encoded(".png", COLOUR.astype(np.uint16) * 257), (80, 60)),
    "turned.jpg": (turned(encoded(".jpg", COLOUR)), (60, 80)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures(name: str, tmp_path: Path) -> None:
    data, size = ODD[name]
    (tmp_path / name).write_bytes(data)
    result = run(tmp_path / name, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    (line,) = lines(tmp_path / "out" / "detections.jsonl")
    assert (line["width"], line["height"]) == size
    copy = cv2.imread(str(tmp_path / "out" / Path(name).with_suffix(".jpg").name))
    assert copy.shape[:2] == size[::-1]


def test_a_video_gives_a_line_a_frame_and_an_annotated_video(make_video, tmp_path: Path) -> None:
    result = run(make_video(5), "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    found = lines(tmp_path / "out" / "detections.jsonl")
    assert [each["frame"] for each in found] == [0, 1, 2, 3, 4]
    assert [each["detections"][0]["image_id"] for each in found] == [1, 2, 3, 4, 5]
    assert found[3]["time_s"] == pytest.approx(0.3, abs=0.01)
    assert (tmp_path / "out" / "in.mp4").stat().st_size > 0


def test_a_video_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 50)
    result = run(tmp_path / "bad.mp4", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "bad.mp4" in result.stderr.replace("\n", "")


def test_copies_never_overwrite_each_other_or_an_input(picture: Path) -> None:
    other = picture.parent / "deeper" / "a.jpg"
    other.parent.mkdir()
    other.write_bytes(picture.read_bytes())
    before = picture.read_bytes()
    assert run(picture, other, "--output", picture.parent).exit_code == 0
    assert picture.read_bytes() == before
    assert (picture.parent / "a-2.jpg").exists()
    assert (picture.parent / "a-3.jpg").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--classes", "dog"), "knows no class 'dog'; it knows: person, cat"), (("--json", "/no/such/x"), "written")],
)
def test_wrong_wishes(picture: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run(picture, *arguments, "--output", tmp_path / "out")
    assert message in str(result.exception)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    assert "no pictures in the folder" in str(run(tmp_path).exception)
