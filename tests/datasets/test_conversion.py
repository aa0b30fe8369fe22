"""Whatever goes from format to format comes back: pictures, classes and boxes, to the rounding that each one states."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.detect_format import detect_format, read, write
from watchpost.errors import WatchpostError
from watchpost.picture import encode_jpeg

CHAIN = ("coco", "voc", "yolo", "tfrecord", "coco")
PIXELS = {"coco": 1e-9, "voc": 1e-4, "yolo": 1e-6, "tfrecord": 1e-3, "mot": 2e-3}
"""By how much an edge may move, in pictures of up to 4,000 pixels."""

words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12)
class_names = words.map(str.strip).filter(bool)
file_names = st.text("ab.-ü /\\", max_size=6).map(lambda stem: f"{stem}.jpg")


@st.composite
def labels(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, int, int, list]]]:
    names = draw(st.lists(class_names, min_size=1, max_size=4, unique=True))
    pictures = []
    for _ in range(draw(st.integers(0, 4))):
        width, height = draw(st.integers(1, 4000)), draw(st.integers(1, 4000))
        boxes = draw(
            st.lists(
                st.tuples(st.integers(0, len(names) - 1), st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4)),
                max_size=5,
            )
        )
        pictures.append((draw(file_names), width, height, boxes))
    return names, pictures


def made(folder: Path, names: list[str], pictures: list) -> Dataset:
    """Only the header of a picture is read here, so the files need not hold all of their pixels."""
    samples = []
    for index, (name, width, height, boxes) in enumerate(pictures):
        path = folder / f"{index}.jpg"
        path.write_bytes(header(width, height) + bytes([index]))
        corners = np.array([box for _, box in boxes], np.float64).reshape(-1, 4)
        low, high = np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])
        xyxy = np.concatenate([low, high], axis=1) * [width, height, width, height]
        count = len(boxes)
        class_id = np.array([each for each, _ in boxes], np.int64)
        weight, ignored = np.ones(count, np.float32), np.zeros(count, np.bool_)
        samples.append(Sample(path, width, height, xyxy, class_id, weight, ignored, name))
    return Dataset("made", tuple(names), tuple(samples))


def header(width: int, height: int) -> bytes:
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8\xff\xc0\x00\x0b\x08" + size + b"\x01\x01\x11\x00\xff\xd9"


def by_picture(dataset: Dataset) -> dict[bytes, Sample]:
    return {sample.picture.read_bytes(): sample for sample in dataset.samples}


def assert_same(before: Dataset, after: Dataset, pixels: float) -> None:
    assert after.class_names == before.class_names
    olds, news = by_picture(before), by_picture(after)
    assert len(after) == len(before)
    assert set(news) == set(olds)  # byte by byte
    for data, old in olds.items():
        new = news[data]
        assert (new.width, new.height) == (old.width, old.height)
        assert new.class_id.tolist() == old.class_id.tolist()
        np.testing.assert_allclose(new.xyxy, old.xyxy, atol=pixels, rtol=0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(labels())
def test_once_around(given_labels: tuple) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "source").mkdir()
        dataset = first = made(folder / "source", *given_labels)
        for index, format_ in enumerate(CHAIN):
            if not len(dataset) and format_ in ("voc", "yolo"):
                continue  # without pictures there is nothing that says what the folder is
            write(dataset, folder / str(index), format_)
            dataset = read(folder / str(index), format=format_)
            assert_same(first, dataset, sum(PIXELS[each] for each in CHAIN[: index + 1]))
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("format_", ["coco", "voc", "yolo", "tfrecord", "mot"])
def test_a_written_data_set_is_recognised_and_read(make_dataset, tmp_path: Path, format_: str) -> None:
    names = ("person", "car") if format_ == "mot" else ("dog", "cat")
    boxes = [[], [(0, (1.5, 2.25, 30, 40))], [(1, (0, 0, 64, 48)), (0, (3, 3, 9, 9))], []]
    dataset = make_dataset(*boxes, class_names=names)
    write(dataset, tmp_path / "out", format_)
    assert detect_format(tmp_path / "out") == format_
    assert_same(dataset, read(tmp_path / "out"), PIXELS[format_])


def test_pets_there_and_back(make_dataset, tmp_path: Path) -> None:
    dataset = make_dataset([(1, (1, 2, 30, 40))], [(0, (0, 0, 64, 48))], [(1, (5, 5, 9, 9))], class_names=("b c", "a"))
    write(dataset, tmp_path / "out", "pets")
    assert detect_format(tmp_path / "out") == "pets"
    back = read(tmp_path / "out")
    assert [sample.name for sample in back.samples] == ["a_1.jpg", "b_c_1.jpg", "a_2.jpg"]
    assert_same(replace(dataset, class_names=("b_c", "a")), back, 1e-4)


@pytest.mark.parametrize(
    ("format_", "keeps_weight"), [("coco", True), ("tfrecord", True), ("mot", True), ("voc", False)]
)
def test_what_is_kept_of_weights_and_of_what_is_ignored(
    make_dataset, tmp_path, format_: str, keeps_weight: bool
) -> None:
    dataset = make_dataset([(0, (1, 2, 30, 40)), (0, (3, 3, 9, 9))], class_names=("person",))
    sample = replace(dataset.samples[0], weight=np.float32([0.625, 1]), is_ignored=np.array([False, True]))
    write(replace(dataset, samples=(sample,)), tmp_path / "out", format_)
    (back,) = read(tmp_path / "out").samples
    assert back.is_ignored.tolist() == [False, True]
    assert back.weight.tolist() == ([0.625, 1] if keeps_weight else [1, 1])


@pytest.mark.parametrize("format_", ["coco", "tfrecord"])
def test_areas_of_outlines_are_kept(make_dataset, tmp_path: Path, format_: str) -> None:
    dataset = make_dataset([(0, (1, 2, 30, 40))])
    sample = replace(dataset.samples[0], area=np.array([17.0]))
    write(replace(dataset, samples=(sample,)), tmp_path / "out", format_)
    assert read(tmp_path / "out").samples[0].area.tolist() == [17]


def test_links_instead_of_copies(make_dataset, tmp_path: Path) -> None:
    dataset = make_dataset([])
    write(dataset, tmp_path / "out", "yolo", link=True)
    assert (tmp_path / "out" / "images" / "000.jpg").samefile(dataset.samples[0].picture)


@pytest.mark.parametrize("format_", ["coco", "voc", "yolo", "tfrecord"])
def test_names_can_not_lead_out_of_the_folder(make_dataset, tmp_path: Path, format_: str) -> None:
    dataset = make_dataset([(0, (1, 2, 30, 40))], [])
    bad = ("../../outside.jpg", "/etc/outside.jpg")
    samples = tuple(replace(each, name=name) for each, name in zip(dataset.samples, bad, strict=True))
    write(replace(dataset, samples=samples), tmp_path / "a" / "b" / "out", format_)
    assert not list(tmp_path.glob("*outside*"))
    assert not list((tmp_path / "a").glob("*outside*"))
    assert len(read(tmp_path / "a" / "b" / "out")) == 2


def test_pets_needs_one_class_a_picture(make_dataset, tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="one class a picture, this has: cat, dog"):
        write(make_dataset([(0, (1, 2, 3, 4)), (1, (1, 2, 3, 4))]), tmp_path / "out", "pets")


def test_mot_has_its_own_classes(make_dataset, tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="no class 'cat'"):
        write(make_dataset([]), tmp_path / "out", "mot")


def test_a_real_picture_stays_a_picture(make_dataset, tmp_path: Path) -> None:
    write(make_dataset([]), tmp_path / "out", "tfrecord")
    (sample,) = read(tmp_path / "out").samples
    assert sample.picture.read_bytes().startswith(encode_jpeg(np.zeros((8, 8, 3), np.uint8))[:2])
    assert (sample.width, sample.height) == (64, 48)
