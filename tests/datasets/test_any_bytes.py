"""Whatever is in a file, a reader gives a data set or one clear line, and nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.datasets import Dataset, label_map
from watchpost.datasets.detect_format import read
from watchpost.datasets.tf_example import decode, encode, record
from watchpost.errors import WatchpostError
from watchpost.picture import encode_jpeg

JPEG = encode_jpeg(np.zeros((48, 64, 3), np.uint8))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def near(*fields: str) -> st.SearchStrategy:
    """Objects with the right fields, and now and then with the right values."""
    values = anything | st.just(1) | st.just("a.jpg") | st.just([1, 2, 3, 4])
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values)) | anything


coco = st.fixed_dictionaries(
    {
        "images": st.lists(near("id", "file_name", "width", "height"), max_size=3),
        "annotations": st.lists(near("id", "image_id", "category_id", "bbox", "area", "score", "iscrowd"), max_size=3),
        "categories": st.lists(near("id", "name"), max_size=3),
    }
)

tags = st.sampled_from(["annotation", "filename", "size", "width", "object", "name", "bndbox", "xmin", "ymin", "a"])
xml = st.recursive(
    st.sampled_from(["", "1", "a.jpg", "cat", "-9e99", "nan", "&amp;", "&b;", "<", "\0"]),
    lambda inner: st.tuples(tags, st.lists(inner, max_size=5)).map(lambda t: f"<{t[0]}>{''.join(t[1])}</{t[0]}>"),
    max_leaves=20,
).map(lambda text: f"<annotation>{text}</annotation>")

words = st.sampled_from(["0", "1", "-1", "0.5", "1e400", "nan", "x", "٣", "", "\x0b", "\n", "\t", "²", "1_0"])
lines = st.lists(words, max_size=20).map(" ".join)


def try_to_read(files: dict[str, bytes], path: str, reader: Callable = read, **options: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        data, message = None, "one line"
        try:
            data = reader(Path(folder, path), **options)
        except WatchpostError as error:
            message = str(error)
        assert len(message.splitlines()) == 1
        if isinstance(data, Dataset):
            assert all(np.isfinite(sample.xyxy).all() for sample in data.samples)


few = settings(max_examples=20, deadline=None)


@few
@given(coco.map(json.dumps).map(str.encode) | st.binary() | anything.map(json.dumps).map(str.encode))
def test_coco(content: bytes) -> None:
    try_to_read({"a.json": content, "a.jpg": JPEG}, "a.json")


@few
@given(xml.map(str.encode) | st.binary())
def test_voc(content: bytes) -> None:
    try_to_read({"Annotations/a.xml": content, "JPEGImages/a.jpg": JPEG}, "")


@few
@given(
    lines.map(str.encode) | st.binary(), st.just(b"names: [a]") | st.binary() | anything.map(json.dumps).map(str.encode)
)
def test_yolo(content: bytes, yaml: bytes) -> None:
    try_to_read({"labels/a.txt": content, "images/a.jpg": JPEG, "data.yaml": yaml}, "")


@few
@given(lines.map(str.encode) | st.binary(), st.just(b"[Sequence]\nimDir=img1") | st.binary())
def test_mot(content: bytes, info: bytes) -> None:
    try_to_read({"gt/gt.txt": content.replace(b" ", b","), "img1/000001.jpg": JPEG, "seqinfo.ini": info}, "")


@few
@given(st.binary() | lines.map(str.encode))
def test_pets(content: bytes) -> None:
    annotation = b"<annotation><filename>a_1.jpg</filename></annotation>"
    files = {"images/a_1.jpg": JPEG, "annotations/xmls/a_1.xml": annotation, "annotations/list.txt": content}
    try_to_read(files, "")


@few
@given(st.text(st.sampled_from("item{}:'\"id name1\\ \n<>,;#")) | st.text())
def test_label_maps(text: str) -> None:
    try_to_read({"label_map.pbtxt": text.encode()}, "label_map.pbtxt", label_map.read)


numbers = st.lists(st.floats(width=32), max_size=2) | st.lists(st.integers(-9, 9), max_size=2) | st.lists(st.binary())
keys = ["width", "height", "filename", "object/class/label", "object/class/text", "object/weight", "object/difficult"]
keys += [f"object/bbox/{edge}" for edge in ("xmin", "ymin", "xmax", "ymax")]
features = st.fixed_dictionaries({}, optional={f"image/{key}": numbers for key in keys})


@few
@given(features)
def test_tfrecord(content: dict) -> None:
    data = record(encode({**content, "image/encoded": [JPEG]}))
    try_to_read({"a.tfrecord": data}, "")


@given(st.binary())
def test_messages(data: bytes) -> None:
    with suppress(ValueError):
        decode(data)


def test_the_way_is_sound() -> None:
    """The fuzzing above would notice another error."""

    def broken(path: Path) -> None:
        raise KeyError(path)

    with pytest.raises(KeyError):
        try_to_read({}, "", broken)
