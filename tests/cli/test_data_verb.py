"""`watchpost data`: data sets as a user handles them, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from watchpost.cli.data import data_app
from watchpost.datasets.detect_format import read
from watchpost.picture import decode_picture, encode_jpeg
from watchpost.types import Detections


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """Ten pictures of 40 x 30, each with a cat, every other one with a dog too."""
    folder = tmp_path / "cats"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for index in range(10):
        coarse = np.random.default_rng(index).integers(0, 256, (9, 10, 3), np.uint8)
        picture = coarse[np.arange(30) * 9 // 30][:, np.arange(40) // 4]
        (folder / "images" / f"{index}.jpg").write_bytes(encode_jpeg(picture))
        dog = "1 0.5 0.5 0.2 0.2\n" if index % 2 else ""
        (folder / "labels" / f"{index}.txt").write_text(f"0 0.25 0.25 0.5 0.5\n{dog}")
    (folder / "data.yaml").write_text("names: [cat, dog]\n")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("format_", ["coco", "voc", "yolo", "tfrecord"])
def test_convert(yolo: Path, tmp_path: Path, format_: str) -> None:
    out = tmp_path / "out"
    result = run("convert", yolo, out, "--to", format_)
    assert result.exit_code == 0, result.output
    assert f"wrote {out} ({format_})" in result.output
    data = read(out)
    assert (len(data), data.objects, data.class_names) == (10, 15, ("cat", "dog"))
    assert not list(tmp_path.glob("*.partial"))


def test_convert_some_classes_and_splits(yolo: Path, tmp_path: Path) -> None:
    assert run("split", yolo, tmp_path / "parted", "--val", "0.4", "--to", "voc").exit_code == 0
    result = run("convert", tmp_path / "parted", tmp_path / "out", "--to", "yolo", "--classes", "dog")
    assert result.exit_code == 0, result.output
    assert "train: 6 pictures, 3 objects of 1 classes" in result.output
    assert "val: 4 pictures, 2 objects of 1 classes" in result.output
    assert read(tmp_path / "out" / "val").class_names == ("dog",)
    checked = run("check", tmp_path / "out", "--json")
    assert set(json.loads(checked.output)["splits"]) == {"train", "val"}


def test_what_is_lost_is_told(yolo: Path, tmp_path: Path) -> None:
    assert run("convert", yolo, tmp_path / "coco", "--to", "coco").exit_code == 0
    file = tmp_path / "coco" / "annotations" / "instances.json"
    text = file.read_text().replace('"iscrowd": 0', '"iscrowd": 1, "score": 0.5', 2)
    file.write_text(text)
    result = run("convert", tmp_path / "coco", tmp_path / "yolo", "--to", "yolo")
    assert "yolo has no place for weights: 2 pseudo-labels" in result.output
    assert "yolo can not ignore objects: 2 count" in result.output
    run("convert", tmp_path / "coco", tmp_path / "less", "--to", "yolo", "--skip-ignored")
    assert read(tmp_path / "less").objects == 13


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("convert", "DATA", "NEW", "--to", "excel"), "no such format"),
        (("convert", "DATA", "NEW", "--to", "coco", "--from", "excel"), "there is no format 'excel'"),
        (("convert", "DATA", "NEW", "--to", "coco", "--classes", "cow"), "no class 'cow'; it has: cat, dog"),
        (("convert", "nowhere", "NEW", "--to", "coco"), "nowhere does not exist"),
        (("convert", "DATA", "DATA", "--to", "coco"), "is there already"),
        (("split", "DATA", "NEW", "--val", "0"), "--val 0 and --test 0"),
        (("split", "DATA", "NEW", "--val", "0.5", "--test", "0.5"), "together more than 0 and less than 1"),
        (("view", "DATA", "--output", "NEW", "--classes", "cow"), "no class 'cow'"),
        (("harvest", "nowhere.mp4", "--output", "NEW", "--to", "excel"), "no such format"),
        (("harvest", "DATA", "--output", "NEW"), "no videos in the folder"),
    ],
)
def test_wrong_wishes(yolo: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    places = {"DATA": yolo, "NEW": tmp_path / "new"}
    result = run(*(places.get(each, each) for each in arguments))
    assert result.exit_code == 1
    assert message in str(result.exception)


def test_an_interrupted_conversion_leaves_nothing(yolo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchpost.datasets import coco

    def interrupted(*arguments: object, **options: object) -> None:
        (tmp_path / "out.partial" / "half").write_text("x")
        raise KeyboardInterrupt

    monkeypatch.setattr(coco, "write", interrupted)
    assert run("convert", yolo, tmp_path / "out", "--to", "coco").exit_code == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cats"]


def test_split_is_repeatable_and_keeps_what_looks_the_same_together(yolo: Path, tmp_path: Path) -> None:
    for copy in range(3):
        (yolo / "images" / f"0-{copy}.jpg").write_bytes((yolo / "images" / "0.jpg").read_bytes())
    for out in ("a", "b"):
        assert run("split", yolo, tmp_path / out, "--val", "0.3", "--seed", "5").exit_code == 0
    names = [{part: {s.name for s in read(tmp_path / out / part).samples} for part in ("train", "val")} for out in "ab"]
    assert names[0] == names[1]
    assert sum({"0.jpg", "0-0.jpg", "0-1.jpg", "0-2.jpg"} <= part for part in names[0].values()) == 1
    assert (tmp_path / "a" / "data.yaml").is_file()
    assert run("check", tmp_path / "a").exit_code == 0


def test_check(yolo: Path, tmp_path: Path) -> None:
    good = run("check", yolo)
    assert (good.exit_code, good.stdout.splitlines()[-1]) == (0, "no problems")
    (yolo / "labels" / "3.txt").write_text("0 0.5 0.5 0.5\n0 0.9 0.9 0.9 0.9\n0 0.5 0.5 0 0\n")
    (yolo / "images" / "4.jpg").write_bytes(b"")
    bad = run("check", yolo)
    assert bad.exit_code == 1
    assert "4 problems" in bad.stdout
    found = json.loads(run("check", yolo, "--json").stdout)
    assert found["ok"] is False
    kinds = [(Path(each["place"]).name, each["kind"]) for each in found["problems"]]
    assert kinds[:1] == [("3.txt:1", "label")]
    assert sorted(kind for _, kind in kinds) == ["empty", "label", "outside", "unreadable"]


def test_check_goes_on_after_a_file_that_is_all_wrong(yolo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"images": [\n')
    found = json.loads(run("check", tmp_path / "bad.json", yolo, "--json").stdout)
    (problem,) = found["problems"]
    assert (problem["place"], problem["kind"]) == (f"{tmp_path / 'bad.json'}:2", "label")
    assert list(found["splits"]) == ["cats"]


def test_check_across_splits(yolo: Path, tmp_path: Path) -> None:
    assert run("convert", yolo, tmp_path / "again", "--to", "voc").exit_code == 0
    found = json.loads(run("check", yolo, tmp_path / "again", "--json").stdout)
    assert {each["kind"] for each in found["problems"]} == {"leak"}
    assert len(found["problems"]) == 10


def test_stats(yolo: Path, tmp_path: Path) -> None:
    result = run("stats", yolo, "--plot", tmp_path / "page" / "stats.html")
    assert result.exit_code == 0
    assert "cats: 10 pictures, 15 objects" in result.stdout
    assert "<svg" in (tmp_path / "page" / "stats.html").read_text()
    (split,) = json.loads(run("stats", yolo, "--json").stdout)["splits"]
    assert split["classes"][0] | {"relative_size": 0} == {
        "name": "cat",
        "objects": 10,
        "pictures": 10,
        "sizes": {"small": 10, "medium": 0, "large": 0},
        "relative_size": 0,
    }


def test_view(yolo: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheets"
    sizes = ("--columns", 2, "--rows", 2, "--size", 100)
    result = run("view", yolo, "--output", out, "--count", 6, *sizes, "--classes", "cat")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["cats-001.jpg", "cats-002.jpg"]
    sheets = [decode_picture(path.read_bytes()) for path in sorted(out.iterdir())]
    assert [sheet.shape for sheet in sheets] == [(212, 212, 3), (108, 212, 3)]


def test_view_as_the_network_sees_it(yolo: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    result = run("view", yolo, "--augment", "--output", tmp_path / "sheets", "--count", 2, "--size", 100)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "sheets" / "cats-001.jpg").is_file()


class Teacher:
    """Is half sure of a person in the upper left quarter, and sees a dog everywhere."""

    name, class_names = "teacher", ("dog", "person")

    def detect(self, frames: list) -> list[Detections]:
        boxes = [np.float32([[-5, 0, f.size[0] / 2, f.size[1] / 2], [0, 0, 9, 9]]) for f in frames]
        each = np.float32([0.5, 0.9]), np.int32([1, 0])
        return [Detections(b, *each, f.size, self.class_names) for b, f in zip(boxes, frames, strict=True)]

    def close(self) -> None:
        pass


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    from watchpost import detectors

    monkeypatch.setattr(detectors, "open_detector", lambda model, **settings: Teacher())


@pytest.mark.usefixtures("teacher")
def test_harvest(make_video, tmp_path: Path) -> None:
    make_video(10)
    out = tmp_path / "out"
    result = run("harvest", tmp_path, "--every", "0.3", "--classes", "person", "--output", out)
    assert result.exit_code == 0, result.output
    data = read(out)
    assert [sample.name for sample in data.samples] == [f"in/{number:06d}.jpg" for number in (1, 4, 7, 10)]
    assert data.class_names == ("person",)
    assert data.samples[0].xyxy.tolist() == [[0, 0, 32, 24]]
    assert data.samples[0].weight.tolist() == [0.5]
    assert not (out / ".frames").exists()


@pytest.mark.usefixtures("teacher")
def test_harvest_only_when_the_scene_changes(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10, width=160, height=96, pix_fmt="yuv420p")
        for index in range(12):
            picture = np.full((96, 160, 3), 60 + index, np.uint8)  # it grows lighter: no change of scene
            if 4 <= index < 8:
                picture[30:80, 40:70] = 250  # somebody is there
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))
    out = tmp_path / "out"
    assert run("harvest", tmp_path / "in.mp4", "--every", 0, "--on-change", "--output", out).exit_code == 0
    assert [sample.name for sample in read(out).samples] == [f"in/{number:06d}.jpg" for number in (1, 5, 9)]
    assert run("harvest", tmp_path / "in.mp4", "--every", 0, "--most", 2, "--output", tmp_path / "two").exit_code == 0
    assert len(read(tmp_path / "two")) == 2


def test_harvest_with_ground_truth(make_video, tmp_path: Path) -> None:
    truth = tmp_path / "gt.txt"
    truth.write_text("2,1,1,2,10,20,1\n2,2,0,0,5,5,0\n4,1,3,2,10,20,1\n")
    out = tmp_path / "out"
    arguments = ("harvest", make_video(6), "--truth", truth, "--every", 0, "--output", out)
    assert run(*arguments, "--to", "mot").exit_code == 0
    data = read(out)
    assert [len(sample) for sample in data.samples] == [2, 0, 1]
    assert data.samples[0].xyxy.tolist() == [[1, 2, 11, 22], [0, 0, 5, 5]]
    assert data.samples[0].is_ignored.tolist() == [False, True]


@pytest.mark.usefixtures("teacher")
def test_a_teacher_that_does_not_know_the_class(make_video, tmp_path: Path) -> None:
    result = run("harvest", make_video(2), "--classes", "cow", "--output", tmp_path / "out")
    assert "teacher knows no class 'cow'; it knows: dog, person" in str(result.exception)
