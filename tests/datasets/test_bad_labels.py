"""Label files that are wrong, in many ways: one line names the file, the place and what is the matter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from watchpost.datasets import label_map, mot, pets, yolo
from watchpost.datasets.coco import read as read_coco
from watchpost.datasets.detect_format import read
from watchpost.datasets.tf_example import encode, record
from watchpost.errors import WatchpostError
from watchpost.picture import encode_jpeg

JPEG = encode_jpeg(np.zeros((48, 64, 3), np.uint8))


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def coco(folder: Path, content: str | bytes) -> None:
    put(folder / "a.jpg", JPEG)
    read_coco(put(folder / "instances.json", content))


def coco_with(**changes: object) -> str:
    """A file in which image, annotation and category are in lines 2, 3 and 4."""
    image = {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    category = {"id": 1, "name": "cat"}
    for entry in (image, annotation, category):
        for key in entry:
            if key in changes:
                entry[key] = changes[key]
    return (
        f'{{"images": [\n{json.dumps(image)}],"annotations": [\n'
        f'{json.dumps(annotation)}],"categories": [\n{json.dumps(category)}]}}'
    )


def voc(folder: Path, content: str | bytes) -> None:
    put(folder / "JPEGImages" / "a.jpg", JPEG)
    put(folder / "labels.txt", "cat\n")
    put(folder / "Annotations" / "a.xml", content)
    read(folder)


def voc_object(inner: str, size: str = "<size><width>64</width><height>48</height></size>") -> str:
    return f"<annotation>\n<filename>a.jpg</filename>\n{size}\n<object>\n{inner}\n</object>\n</annotation>"


def voc_box(xmin: object, ymin: object, xmax: object, ymax: object) -> str:
    box = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    return voc_object(f"<name>cat</name>\n<bndbox>{box}</bndbox>")


def yolo_rows(folder: Path, content: str | bytes) -> None:
    put(folder / "images" / "a.jpg", JPEG)
    put(folder / "labels" / "a.txt", content)
    yolo.read(folder, ["cat"])


def yolo_yaml(folder: Path, content: str | bytes) -> None:
    put(folder / "images" / "a.jpg", JPEG)
    (folder / "labels").mkdir()
    put(folder / "data.yaml", content)
    yolo.read(folder)


def labels(folder: Path, content: str | bytes) -> None:
    label_map.read(put(folder / "label_map.pbtxt", content))


def tfrecord(folder: Path, content: bytes) -> None:
    put(folder / "label_map.pbtxt", "item { id: 1 name: 'cat' }")
    put(folder / "data.tfrecord", content)
    read(folder)


def example(**changes: object) -> bytes:
    features: dict = {
        "image/encoded": [JPEG],
        "image/filename": [b"a.jpg"],
        "image/object/class/label": [1],
        **{f"image/object/bbox/{edge}": [value] for edge, value in zip(EDGES, (0.1, 0.2, 0.3, 0.4), strict=True)},
    }
    return record(encode(features | {f"image/{key.replace('__', '/')}": value for key, value in changes.items()}))


EDGES = ("xmin", "ymin", "xmax", "ymax")


def pets_list(folder: Path, content: str | bytes) -> None:
    put(folder / "images" / "Sphynx_1.jpg", JPEG)
    pets.read(put(folder / "annotations" / "list.txt", content).parents[1])


def mot_rows(folder: Path, content: str | bytes) -> None:
    put(folder / "img1" / "000001.jpg", JPEG)
    put(folder / "gt" / "gt.txt", content)
    mot.read(folder)


def mot_info(folder: Path, content: str | bytes) -> None:
    put(folder / "seqinfo.ini", content)
    mot_rows(folder, "1,1,0,0,5,5,1\n")


NO_XML = "<annotation>\n<object>\n</annotation>"
BOMB = '<!DOCTYPE a [\n<!ENTITY a "ha">\n<!ENTITY b "&a;&a;">\n]>\n<annotation>&b;</annotation>'
OUTSIDE = '<!DOCTYPE a SYSTEM "file:///etc/passwd">\n<annotation/>'

BAD: list[tuple[Callable, str | bytes, str]] = [
    (coco, "", r"instances\.json:1: this is not JSON"),
    (coco, '{"images": [],\n"annotations": [\n', r"instances\.json:3: this is not JSON"),
    (coco, b'{"images": [],\n"annotations": \xff', r"instances\.json:2: this is no text in UTF-8"),
    (coco, "[" * 100_000, r"instances\.json:1: this JSON can not be read"),
    (coco, "[1, 2]", r"instances\.json:1: COCO's annotations are a JSON object"),
    (coco, '{"images": [], "annotations": []}', r"instances\.json:1: 'categories' is missing"),
    (coco, '{"images": {}, "annotations": []}', r"instances\.json:1: 'images' is no list"),
    (coco, coco_with(file_name=""), r"instances\.json:2: the image has no file_name"),
    (coco, coco_with(image_id=7), r"instances\.json:3: image_id 7 names no image"),
    (coco, coco_with(image_id=None), r"instances\.json:3: image_id is missing"),
    (coco, coco_with(category_id=9), r"instances\.json:3: category_id 9 names no category"),
    (coco, coco_with(category_id=1.5), r"instances\.json:3: category_id must be a whole number, found '1\.5'"),
    (coco, coco_with(bbox=[1, 2, 3]), r"instances\.json:3: bbox must be \[left, top, width, height\]"),
    (coco, coco_with(bbox=[1, 2, "x", 4]), r"instances\.json:3: bbox must be a number, found 'x'"),
    (coco, coco_with(bbox=[1, 2, float("nan"), 4]), r"instances\.json:3: bbox must be a number, found nan"),
    (coco, coco_with(bbox=[1, 2, -3, 4]), r"instances\.json:3: width and height must not be negative"),
    (coco, coco_with(name=""), r"instances\.json:4: the category has no name"),
    (coco, coco_with().replace('{"id": 1, "name"', '3, {"id": 1, "name"'), r":4: an entry of 'categories' must be"),
    (coco, coco_with().replace('"cat"}', '"cat"},\n{"id": 1, "name": "dog"}'), r":5: category id 1 is there twice"),
    (coco, coco_with().replace('"bbox"', '"score": 2, "bbox"'), r":3: score must be 0 to 1, found 2"),
    (voc, "", r"a\.xml:1: this is not XML"),
    (voc, NO_XML, r"a\.xml:3: this is not XML: mismatched tag"),
    (voc, BOMB, r"a\.xml:1: a label file must not declare a document type"),
    (voc, OUTSIDE, r"a\.xml:1: a label file must not declare a document type"),
    (voc, "<a>" * 99 + "</a>" * 99, r"a\.xml:1: elements lie more than 32 deep"),
    (voc, '<?xml version="1.0" encoding="elvish"?>\n<annotation/>', r"a\.xml:1: this .*XML"),
    (voc, "<labels/>", r"a\.xml:1: expected <annotation>, found <labels>"),
    (voc, voc_object(""), r"a\.xml:4: the object has no name"),
    (voc, voc_object("<name>dog</name>"), r"a\.xml:4: the class 'dog' is unknown; the data names: cat"),
    (voc, voc_object("<name>cat</name>"), r"a\.xml:4: the object has no bndbox"),
    (voc, voc_box(1, 2, "", 4), r"a\.xml:6: xmax must be a number, found nothing"),
    (voc, voc_box(1, 2, "3px", 4), r"a\.xml:6: xmax must be a number, found '3px'"),
    (voc, voc_box(1, 2, "inf", 4), r"a\.xml:6: xmax must be a number, found 'inf'"),
    (voc, voc_box(10, 2, 3, 4), r"a\.xml:6: the box is turned inside out"),
    (voc, voc_object("", size="<size><width>x</width></size>"), r"a\.xml:3: width must be a number, found 'x'"),
    (yolo_rows, "\n0 0.5 0.5 0.5\n", r"a\.txt:2: expected 4 numbers after the class, found 3"),
    (yolo_rows, "cat 0.5 0.5 0.5 0.5", r"a\.txt:1: expected numbers: class x y width height; the class is 'cat'"),
    (yolo_rows, "0 0.5 0,5 0.5 0.5", r"a\.txt:1: expected numbers: every value must be a number, found '0,5'"),
    (yolo_rows, "1 0.5 0.5 0.5 0.5", r"a\.txt:1: class 1, but the data names 1 classes"),
    (yolo_rows, "-1 0.5 0.5 0.5 0.5", r"a\.txt:1: class -1, but the data names 1 classes"),
    (yolo_rows, "0 nan 0.5 0.5 0.5", r"a\.txt:1: .*found 'nan'"),
    (yolo_rows, "0 320 240 20 30", r"a\.txt:1: 320 is no fraction of the picture"),
    (yolo_rows, "0 0.5 0.5 -0.1 0.5", r"a\.txt:1: width and height must not be negative"),
    (yolo_rows, "0 0.5 0.5 0.1 0.5 1.5", r"a\.txt:1: the confidence must be 0 to 1, found 1\.5"),
    (yolo_rows, b"0 0.5 0.5 0.1 0.5\n\xfe\xff", r"a\.txt:2: this is no text in UTF-8"),
    (yolo_yaml, "names: [a, b", r"data\.yaml:1: this is not YAML"),
    (yolo_yaml, "names: {0: a, 2: b}", r"data\.yaml: names must count from 0 without gaps"),
    (yolo_yaml, "nc: 2", r"have no names: put a data\.yaml there, or give --names"),
    (labels, "", r"label_map\.pbtxt:1: the label map holds no item"),
    (labels, "item { name: 'a' }", r"label_map\.pbtxt:1: the item has no id"),
    (labels, "item { id: 1 }", r"label_map\.pbtxt:1: the item has no name"),
    (labels, "item { id: 0 name: 'a' }", r"label_map\.pbtxt:1: id 0: ids count from 1"),
    (labels, "item {\n id: one\n name: 'a' }", r"label_map\.pbtxt:2: id must be a whole number, found one"),
    (labels, "item { id: 1\n name: a }", r"label_map\.pbtxt:2: name must be in quotes, found a"),
    (labels, "item { id: 1\n name 'a' }", r"label_map\.pbtxt:2: expected : after name"),
    (labels, "item { id: 1 name: 'a'", r"label_map\.pbtxt:1: expected id, name or display_name, or }"),
    (labels, "item { id: 1 name: 'a' }\nitem { id: 1 name: 'b' }", r"label_map\.pbtxt:2: id 1 is there twice"),
    (labels, "item { id: 1 name: 'a' }\nitem { id: 2 name: 'a' }", r":2: the name 'a' is there twice"),
    (labels, "1: cat\n", r"label_map\.pbtxt:1: expected item"),
    (labels, "item { id: 1 name: 'a }", r"label_map\.pbtxt:1: this is no label map"),
    (tfrecord, b"no records at all", r"record 1 \(byte 0\): the check sum of the length is wrong"),
    (tfrecord, b"short", r"record 1 \(byte 0\): the file is cut off"),
    (tfrecord, example()[:-9], r"record 1 \(byte 0\): the file is cut off: \d+ bytes announced"),
    (tfrecord, example()[:-9] + b"123456789", r"record 1 \(byte 0\): the check sum of the data is wrong"),
    (tfrecord, record(b"\x0a\x05abc"), r"record 1 \(byte 0\): this is no tf\.train\.Example"),
    (tfrecord, example(encoded=[]), r"record 1 \(byte 0\): the record holds no picture"),
    (tfrecord, example(object__class__label=[2]), r"record 1 \(byte 0\): class label 2 is not in the label map"),
    (tfrecord, example(object__class__label=[1, 1]), r"record 1 \(byte 0\): 1 boxes, but 2 classes"),
    (
        tfrecord,
        example(object__bbox__xmin=[0.1, 0.2]),
        r"record 1 \(byte 0\): xmin, ymin, xmax and ymax have 2, 1, 1, 1",
    ),
    (tfrecord, example(object__bbox__xmax=[300.0]), r"record 1 \(byte 0\): box 1 is in pixels"),
    (tfrecord, example(object__bbox__xmax=[0.05]), r"record 1 \(byte 0\): box 1 is turned inside out"),
    (tfrecord, example(object__bbox__xmax=[b"1"]), r"record 1 .*bbox/xmax must hold numbers, and holds text"),
    (tfrecord, example(object__bbox__xmax=[float("nan")]), r"record 1 .*bbox/xmax holds a number that is not finite"),
    (tfrecord, example(object__weight=[3.0]), r"record 1 .*the weight must be 0 to 1, found 3"),
    (pets_list, "Sphynx_1 1 1\n", r"list\.txt:1: expected name, class id, species and breed id: 4 words"),
    (pets_list, "#\nSphynx_1 0 1 1\n", r"list\.txt:2: class ids are whole numbers from 1, found 0"),
    (pets_list, "Sphynx 1 1 1\n", r"list\.txt: 'Sphynx' names no breed"),
    (mot_rows, "1,1,0,0,5\n", r"gt\.txt:1: 5 columns; expected frame"),
    (
        mot_rows,
        "1,1,0,0,5,5,1\n0,1,0,0,5,5,1\n",
        r"gt\.txt:2: frame and id must be whole numbers and frames count from 1",
    ),
    (mot_rows, "1,1,0,0,5,-5,1\n", r"gt\.txt:1: width and height must not be negative"),
    (mot_rows, "1,1,0,0,5,5,1\n1,1,0,0,5,5,1\n", r"gt\.txt:2: object 1 is in frame 1 already"),
    (mot_rows, "9,1,0,0,5,5,1\n", r"gt\.txt: frame 9 is labelled, but .*img1 has no picture of it"),
    (mot_rows, "1,1,0,0,5,5,1,99,1\n", r"gt\.txt: class 99; MOTChallenge has 1 to 12"),
    (mot_info, "[Sequence]\nimDir=img2\n", r"seqinfo\.ini: imDir is 'img2', and there is no such folder"),
    (mot_info, "[Sequence]\nimDir=img\x002\n", r"seqinfo\.ini: imDir is 'img\\x002', and there is no such folder"),
    (coco, coco_with(file_name="a\0.jpg"), r"instances\.json:2: the image has no file_name"),
    (mot_info, "[Sequence]\nseqLength=0\n", r"seqinfo\.ini: seqLength is '0', and the last labelled frame 1"),
    (mot_info, "imDir=img1\n", r"seqinfo\.ini:1: this is no seqinfo\.ini"),
]


@pytest.mark.parametrize(
    ("reader", "content", "message"), [pytest.param(*each, id=f"{i}-{each[0].__name__}") for i, each in enumerate(BAD)]
)
def test_a_bad_label_is_named(tmp_path: Path, reader: Callable, content: str | bytes, message: str) -> None:
    with pytest.raises(WatchpostError, match=message) as caught:
        reader(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_all_bad_rows_are_heard_of_and_the_good_ones_stay(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.jpg", JPEG)
    put(tmp_path / "images" / "b.jpg", b"no picture")
    put(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\n7 0.5 0.5 0.5 0.5\n")
    problems: list[str] = []
    (sample,) = yolo.read(tmp_path, ["cat"], on_problem=problems.append).samples
    assert len(sample) == 1
    assert [problem.removeprefix(f"{tmp_path}/")[:14] for problem in problems] == [
        "labels/a.txt:1",
        "labels/a.txt:3",
        "images/b.jpg i",
    ]


def test_folders_without_data(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="does not exist"):
        read(tmp_path / "nowhere")
    with pytest.raises(WatchpostError, match="no data set that is known"):
        read(tmp_path)
