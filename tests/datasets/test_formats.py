"""What each format's reader makes of files as others write them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from watchpost.datasets import coco, label_map, mot, pets, tfrecord, voc, yolo
from watchpost.datasets.crc32c import crc32c, masked_crc32c
from watchpost.datasets.detect_format import find, read, same_classes, write
from watchpost.datasets.pictures import picture_size, safe_name, unique_names
from watchpost.datasets.tf_example import decode, encode, record, records
from watchpost.errors import WatchpostError
from watchpost.picture import decode_picture, encode_jpeg

PICTURE = np.zeros((40, 80, 3), np.uint8)
JPEG = encode_jpeg(PICTURE)


def put(path: Path, content: str | bytes = JPEG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def yolo_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "val"
    put(folder / "images" / "a.jpg")
    put(folder / "images" / "sub" / "b.jpg")
    put(folder / "labels" / "a.txt", "1 0.5 0.5 0.25 0.5\n\n0 0 0 0.5 0 0.5 1\n0 0.5 0.5 0.25 0.5 0.75\n")
    put(tmp_path / "data.yaml", "names: {1: cat, 0: person}\n")
    return folder


def test_yolo(yolo_folder: Path) -> None:
    data = yolo.read(yolo_folder)
    assert data.class_names == ("person", "cat")
    first, second = data.samples
    # the second row is an outline, the third has a confidence
    assert first.xyxy.tolist() == [[30, 10, 50, 30], [0, 0, 40, 40], [30, 10, 50, 30]]
    assert first.class_id.tolist() == [1, 0, 0]
    assert first.weight.tolist() == [1, 1, 0.75]
    assert (second.name, len(second)) == ("sub/b.jpg", 0)  # no label file: background


def test_yolo_classes_from_other_files(yolo_folder: Path) -> None:
    (yolo_folder.parent / "data.yaml").unlink()
    with pytest.raises(WatchpostError, match="--names"):
        yolo.read(yolo_folder)
    assert yolo.read(yolo_folder, ["a", "b"]).class_names == ("a", "b")
    put(yolo_folder / "classes.txt", "x\n\ny\n")
    assert yolo.read(yolo_folder).class_names == ("x", "y")


@pytest.mark.parametrize(
    ("train", "val"), [("images/train", "images/val"), ("../train/images", "../val/images"), ("train", "val")]
)
def test_splits_that_a_yaml_file_names(tmp_path: Path, train: str, val: str) -> None:
    root = tmp_path / "images" / "x" if train == "train" else tmp_path  # `train` itself must be below images then
    for split in (train, val):
        folder = root / split.removeprefix("../")
        put(folder / "a.jpg")
        put(Path(str(folder).replace("images", "labels")) / "a.txt", "0 0.5 0.5 0.5 0.5")
    file = put(root / "data.yaml", f"train: {train}\nval: {val}\nnames: [cat]\n")
    for path in (root, file):
        found = find(path)
        assert [(each.format, each.split, each.class_names) for each in found] == [
            ("yolo", "train", ("cat",)),
            ("yolo", "val", ("cat",)),
        ]
        assert [read(each).objects for each in found] == [1, 1]


def coco_file(folder: Path, file: str = "instances.json", **changes: object) -> Path:
    content = {
        "categories": [{"id": 7, "name": "cat"}, {"id": 1, "name": "person"}],
        "images": [{"id": "042", "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": "042", "category_id": 7, "bbox": [1, 2, 10, 20], "area": 99, "iscrowd": 0, "score": 0.5},
            {"image_id": "042", "category_id": 1, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ],
        **changes,
    }
    return put(folder / file, json.dumps(content))


def test_coco(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    data = coco.read(coco_file(tmp_path))
    assert data.class_names == ("person", "cat")  # by id
    (sample,) = data.samples
    assert (sample.width, sample.height) == (80, 40)  # the file does not say
    assert sample.xyxy.tolist() == [[1, 2, 11, 22], [0, 0, 5, 5]]
    assert sample.class_id.tolist() == [1, 0]
    assert sample.area is not None
    assert sample.area.tolist() == [99, 25]
    assert sample.weight.tolist() == [0.5, 1]
    assert sample.is_ignored.tolist() == [False, True]


@pytest.mark.parametrize("where", ["annotations", "images", "val2017", "images/val2017", "."])
def test_where_cocos_pictures_may_be(tmp_path: Path, where: str) -> None:
    picture = put(tmp_path / where / "a.jpg")
    file = coco_file(tmp_path, "annotations/instances_val2017.json")
    for path in (file, tmp_path):
        assert coco.read(path).samples[0].picture.samefile(picture)


def test_cocos_splits(tmp_path: Path) -> None:
    for split in ("train", "val"):
        put(tmp_path / split / "a.jpg")
        coco_file(tmp_path, f"annotations/instances_{split}.json")
    assert [(each.split, len(read(each))) for each in find(tmp_path)] == [("train", 1), ("val", 1)]
    with pytest.raises(WatchpostError, match=r"several data sets \(train, val\)"):
        read(tmp_path)


VOC = (
    "<annotation><filename>{}</filename><size><width>{}</width><height>40</height></size><object><name>cat</name>"
    "<difficult>1</difficult><bndbox><ymin>2</ymin><xmin>1</xmin><xmax>10</xmax><ymax>20</ymax></bndbox>"
    "<part><name>head</name><bndbox/></part></object></annotation>"
)


def test_voc_counts_pixels_from_1(tmp_path: Path) -> None:
    put(tmp_path / "JPEGImages" / "a.jpg")
    put(tmp_path / "Annotations" / "a.xml", VOC.format("a.jpg", 80))
    data = voc.read(tmp_path)
    assert data.class_names == ("cat",)
    assert data.samples[0].xyxy.tolist() == [[0, 1, 10, 20]]
    assert data.samples[0].is_ignored.tolist() == [True]


@pytest.mark.parametrize("filename", ["a.jpg", "a", "a.jpeg", "/home/me/a.jpg", ""])
@pytest.mark.parametrize(
    ("pictures", "annotations"), [("JPEGImages", "Annotations"), ("images", "annotations"), (".", ".")]
)
def test_voc_pictures_are_found(tmp_path: Path, filename: str, pictures: str, annotations: str) -> None:
    picture = put(tmp_path / pictures / "a.jpg")
    put(tmp_path / annotations / "a.xml", VOC.format(filename, 0))  # the size is not known either
    (sample,) = read(tmp_path).samples
    assert sample.picture.samefile(picture)
    assert (sample.width, sample.name) == (80, "a.jpg")


def test_voc_lists(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path / "JPEGImages" / f"{name}.jpg")
        put(tmp_path / "Annotations" / f"{name}.xml", VOC.format(f"{name}.jpg", 80))
    main = tmp_path / "ImageSets" / "Main"
    put(main / "train.txt", "c\n\na\n")
    put(main / "val.txt", "b\n")
    put(main / "cat_val.txt", "a -1\nb  1\n")
    assert [(each.split, [s.name for s in read(each).samples]) for each in find(tmp_path)] == [
        ("train", ["c.jpg", "a.jpg"]),
        ("val", ["b.jpg"]),
    ]
    assert [sample.name for sample in read(main / "cat_val.txt").samples] == ["b.jpg"]


def test_a_label_map(tmp_path: Path) -> None:
    text = """# classes
    item { id: 2 name: "/m/01" display_name: "Caf\\303\\251 'x'" }
    item: < name: 'cat', id: 1; >
    """
    items = label_map.read(put(tmp_path / "label_map.pbtxt", text))
    assert [(item.id, item.name, item.display_name) for item in items] == [
        (1, "cat", "cat"),
        (2, "/m/01", "Café 'x'"),
    ]


def test_tfrecord_of_the_object_detection_api(tmp_path: Path) -> None:
    """Shards, codes as class texts, no image/width, and no label map."""
    box = {
        f"image/object/bbox/{edge}": [value]
        for edge, value in zip(("xmin", "ymin", "xmax", "ymax"), (0.0, 0.25, 0.5, 1.0), strict=True)
    }
    for shard, (text, label) in enumerate([(b"/m/dog", 2), (b"/m/cat", 1)]):
        example = {
            "image/encoded": [JPEG],
            "image/filename": [b"a.jpg"],
            "image/object/class/text": [text],
            "image/object/class/label": [label],
            "image/object/difficult": [1],
            **box,
        }
        put(tmp_path / f"train.record-0000{shard}-of-00002", record(encode(example)))
    data = tfrecord.read(tmp_path, tmp_path / "out")
    assert data.class_names == ("/m/cat", "/m/dog")
    assert [sample.class_id.tolist() for sample in data.samples] == [[1], [0]]
    assert [sample.name for sample in data.samples] == ["a.jpg", "a-2.jpg"]
    assert data.samples[0].xyxy.tolist() == [[0, 10, 40, 40]]
    assert data.samples[0].is_ignored.tolist() == [True]
    assert (tmp_path / "out" / "a-2.jpg").read_bytes() == JPEG
    put(tmp_path / "label_map.pbtxt", "item{id:1 name:'/m/cat' display_name:'cat'} item{id:2 name:'/m/dog'}")
    assert tfrecord.read(tmp_path, tmp_path / "out").class_names == ("cat", "/m/dog")


def test_record_files_of_splits(tmp_path: Path) -> None:
    names = ["train.record-00000-of-00002", "train.record-00001-of-00002", "val.tfrecord", "notes.txt"]
    for index, name in enumerate(names):
        put(tmp_path / name, record(encode({"image/encoded": [JPEG], "image/filename": [b"%d.jpg" % index]})))
    put(tmp_path / "pets_label_map.pbtxt", "item { id: 1 name: 'cat' }")
    data = {each.split: read(each, pictures=tmp_path / each.split) for each in find(tmp_path)}
    assert {split: [s.name for s in each.samples] for split, each in data.items()} == {
        "train": ["0.jpg", "1.jpg"],
        "val": ["2.jpg"],
    }
    assert data["val"].class_names == ("cat",)


def test_pictures_out_of_records_are_kept_up_to_date(tmp_path: Path) -> None:
    for last in b"\0", b"\1":
        put(tmp_path / "a.tfrecord", record(encode({"image/encoded": [JPEG + last], "image/filename": [b"a.jpg"]})))
        assert read(tmp_path).samples[0].picture.read_bytes() == JPEG + last
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [f"{tmp_path.name}-pictures"]


def test_the_check_sum() -> None:
    # RFC 3720, B.4
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"") == 0


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 63, 64, 65, 1000, 4097])
def test_check_sums_as_tensorboard_has_them(size: int) -> None:
    reference = pytest.importorskip("tensorboard.compat.tensorflow_stub.pywrap_tensorflow")
    data = np.random.default_rng(size).bytes(size)
    assert masked_crc32c(data) == reference.masked_crc32c(data)


def test_messages_as_protobuf_has_them() -> None:
    """Google's library, given the public definition, reads and writes the same bytes."""
    pytest.importorskip("google.protobuf")
    example = _protobuf_example()
    content = {"a": [b"x", b""], "b": [1.5, -2.0], "c": [1, -1, 1 << 40], "ü": [0]}
    example.features.feature["a"].bytes_list.value.extend(content["a"])
    example.features.feature["b"].float_list.value.extend(content["b"])
    example.features.feature["c"].int64_list.value.extend(content["c"])
    example.features.feature["ü"].int64_list.value.extend(content["ü"])
    assert decode(example.SerializeToString()) == content
    other = type(example)()
    other.ParseFromString(encode(content))
    assert other == example


def _protobuf_example():
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")

    def message(name, *fields):
        new = file.message_type.add(name=name)
        for number, (field, kind, repeated, type_name) in enumerate(fields, start=1):
            label = 3 if repeated else 1
            new.field.add(name=field, number=number, type=kind, label=label, type_name=type_name)
        return new

    message("BytesList", ("value", 12, True, None))
    message("FloatList", ("value", 2, True, None))
    message("Int64List", ("value", 3, True, None))
    message(
        "Feature",
        ("bytes_list", 11, False, ".t.BytesList"),
        ("float_list", 11, False, ".t.FloatList"),
        ("int64_list", 11, False, ".t.Int64List"),
    )
    features = message("Features", ("feature", 11, True, ".t.Features.FeatureEntry"))
    entry = features.nested_type.add(name="FeatureEntry")
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=11, label=1, type_name=".t.Feature")
    entry.options.map_entry = True
    message("Example", ("features", 11, False, ".t.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))()


def test_unpacked_lists_are_read_too() -> None:
    feature = b"\x1a\x04\x08\x05\x08\x07"  # Int64List with two single values
    entry = b"\x0a\x01a\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    assert decode(b"\x0a" + bytes([len(features)]) + features) == {"a": [5, 7]}


@pytest.mark.parametrize("seed", range(20))
def test_damaged_records_never_end_in_anything_but_an_error(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = bytearray(record(encode({"a": [b"xyz"], "b": [1.0], "c": [3]})) * 2)
    whole[random.integers(len(whole))] ^= 1 << random.integers(8)
    with pytest.raises(WatchpostError):
        list(records(put(tmp_path / "x.tfrecord", bytes(whole))))


def test_pets(tmp_path: Path) -> None:
    annotations = tmp_path / "annotations"
    for stem in ("Sphynx_1", "shiba_inu_2", "Sphynx_3"):
        put(tmp_path / "images" / f"{stem}.jpg")
    put(tmp_path / "images" / "._Sphynx_1.jpg", b"\0")
    put(annotations / "xmls" / "Sphynx_1.xml", VOC.format("Sphynx_1.jpg", 80))
    trimap = np.full((40, 80), 2, np.uint8)
    trimap[10:20, 30:50], trimap[9, 40] = 1, 3
    put(annotations / "trimaps" / "shiba_inu_2.png", cv2.imencode(".png", trimap)[1].tobytes())
    heads = read(tmp_path)
    assert heads.class_names == ("Sphynx", "shiba_inu")
    assert [sample.name for sample in heads.samples] == ["Sphynx_1.jpg"]
    assert heads.samples[0].xyxy.tolist() == [[0, 1, 10, 20]]
    whole = pets.read(tmp_path, whole=True)
    assert [(s.name, s.class_id.tolist(), s.xyxy.tolist()) for s in whole.samples] == [
        ("shiba_inu_2.jpg", [1], [[30, 9, 50, 20]])
    ]
    put(annotations / "trainval.txt", "# a list\nSphynx_1 5 1 1\n")
    put(annotations / "test.txt", "shiba_inu_2 2 2 1\nSphynx_3 5 1 1\n")
    assert [each.split for each in find(tmp_path)] == ["test", "trainval"]
    assert read(annotations / "test.txt").class_names == ("shiba_inu", "Sphynx")


def test_mot(tmp_path: Path) -> None:
    folder = tmp_path / "MOT16-02"
    for frame in range(1, 6):
        put(folder / "frames" / f"{frame:06d}.jpg")
    put(folder / "seqinfo.ini", "[Sequence]\nname=x\nimDir=frames\n")
    rows = "2,1,10,20,30,10,1,1,1\n2,2,0,0,5,5,0,1,1\n4,1,11,20,30,10,1,3,1\n4,7,1,2,3,4,1,8,1\n"
    put(folder / "gt" / "gt.txt", rows)
    data = mot.read(tmp_path)
    assert data.class_names == ("person", "car")
    assert [sample.name for sample in data.samples] == [f"MOT16-02/00000{n}.jpg" for n in (2, 3, 4)]
    first, second, third = data.samples
    assert first.xyxy[0].tolist() == [10, 20, 40, 30]
    assert first.is_ignored.tolist() == [False, True]
    assert len(second) == 0
    assert third.class_id.tolist() == [1, 0]
    assert third.is_ignored.tolist() == [False, True]  # a distractor
    put(folder / "seqinfo.ini", "[Sequence]\nimDir=frames\nseqLength=5\n")
    assert [len(sample) for sample in mot.read(folder).samples] == [0, 2, 0, 2, 0]


def test_splits_in_folders_get_the_same_classes(make_dataset, tmp_path: Path) -> None:
    write(make_dataset([(0, (1, 2, 3, 4))], class_names=("b",)), tmp_path / "d" / "train", "voc")
    write(make_dataset([(0, (1, 2, 3, 4))], class_names=("a",)), tmp_path / "d" / "val", "yolo")
    found = find(tmp_path / "d")
    assert [(each.format, each.split) for each in found] == [("voc", "train"), ("yolo", "val")]
    parts = same_classes({each.split: read(each) for each in found})
    assert [part.class_names for part in parts.values()] == [("b", "a")] * 2
    assert [part.samples[0].class_id.tolist() for part in parts.values()] == [[0], [1]]


def test_objects_of_other_classes_are_left_out(make_dataset) -> None:
    data = make_dataset([(0, (1, 2, 3, 4)), (1, (5, 6, 7, 8)), (2, (9, 9, 9, 9))]).of_classes(["bird", "cat"])
    assert data.samples[0].class_id.tolist() == [1, 0]
    assert data.samples[0].xyxy[:, 0].tolist() == [1, 9]


def exif(orientation: int, order: str) -> bytes:
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, 1) + entry + bytes(4)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_picture(tmp_path: Path, orientation: int, order: str) -> None:
    path = put(tmp_path / "a.jpg", JPEG[:2] + exif(orientation, order) + JPEG[2:])
    height, width = decode_picture(path.read_bytes()).shape[:2]
    assert picture_size(path) == (width, height) == ((80, 40) if orientation < 5 else (40, 80))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tiff"])
def test_sizes_of_other_pictures(tmp_path: Path, suffix: str) -> None:
    assert picture_size(put(tmp_path / f"a{suffix}", cv2.imencode(suffix, PICTURE)[1].tobytes())) == (80, 40)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"\xff\xd8" + exif(6, "<")[:9], b"GIF", JPEG[:30]])
def test_what_is_no_picture(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WatchpostError, match=r"a\.jpg"):
        picture_size(put(tmp_path / "a.jpg", content))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.jpg", "a.jpg"),
        ("../../a.jpg", "a.jpg"),
        ("/etc/a", "etc/a.jpg"),
        ("C:\\x\\a.png", "C_/x/a.png"),
        ("..", "picture.jpg"),
        (" a /.b.jpg ", "a/b.jpg"),
        ("a\0b.jpg", "a_b.jpg"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_names_differ_in_more_than_the_suffix(make_dataset) -> None:
    data = make_dataset([], [], [], names=["a.jpg", "a.png", "A.jpg"])
    assert unique_names(data.samples) == ["a.jpg", "a-2.png", "A-3.jpg"]


def test_real_voc(shared_data: Path) -> None:
    data = read(shared_data / "raccoon")
    assert (len(data), data.objects, data.class_names) == (200, 217, ("raccoon",))


def test_real_coco_and_yolo_labels_agree(shared_data: Path) -> None:
    from watchpost.detectors.classes import COCO80

    a = read(shared_data / "coco128" / "annotations" / "instances_train2017.json").of_classes(COCO80)
    b = read(shared_data / "coco128" / "images" / "train2017", class_names=COCO80)
    boxes = {sample.picture.name: sample for sample in b.samples}
    assert len(a) == len(b) == 128
    for sample in a.samples:
        other = boxes[sample.picture.name]
        assert sorted(sample.class_id.tolist()) == sorted(other.class_id.tolist())
    assert a.objects == b.objects == 929
