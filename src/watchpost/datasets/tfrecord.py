"""TFRecord files of `tf.train.Example` messages with the pictures inside, and a `label_map.pbtxt`.

Names and meanings of the features are those of the TensorFlow Object Detection API: corners are fractions of the
picture in 32-bit floats (in 4,000 pixels a box moves by less than a thousandth of one), class labels count from 1,
`image/object/weight` is the weight, and difficult or crowded objects are to be ignored. Reading puts the pictures
into a folder, so that they are files as in every other format.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.label_map import Item
from watchpost.datasets.label_map import read as read_label_map
from watchpost.datasets.label_map import write as write_label_map
from watchpost.datasets.labels import OnProblem, Progress, Row, check_weight, fail, make_sample, nothing
from watchpost.datasets.pictures import picture_size, safe_name, unique_names
from watchpost.datasets.tf_example import Example, decode, encode, record, records
from watchpost.errors import WatchpostError

LABEL_MAP: Final = "label_map.pbtxt"
_OBJECT: Final = "image/object/"
_SHARD: Final = re.compile(r"-\d+-of-\d+$")
_BOX: Final = _OBJECT + "bbox/"
_SUFFIXES: Final = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"BM": ".bmp", b"RI": ".webp", b"II": ".tif", b"MM": ".tif"}


def read(path: Path, pictures: Path | None = None, *, on_problem: OnProblem = fail) -> Dataset:
    """A record file, or a folder of them (shards, such as `train.record-00000-of-00010`), with its label map.

    The pictures are put into `pictures`, by default `NAME-pictures` beside the records; those that are there already
    stay. Without a label map (`label_map.pbtxt`, or the only .pbtxt file), classes are the names in the records, by
    their labels. Raises `WatchpostError` naming file, record and byte.
    """
    files = record_files(path)
    if not files:
        raise WatchpostError(f"{path} holds no TFRecord file (.tfrecord or .record).")
    beside = path if path.is_dir() else path.parent
    maps = [beside / LABEL_MAP] if (beside / LABEL_MAP).is_file() else sorted(beside.glob("*.pbtxt"))
    items = read_label_map(maps[0]) if len(maps) == 1 else None
    folder = (beside / f"{path.stem}-pictures") if pictures is None else pictures
    parts: list[tuple[str, Example, str]] = []
    taken: dict[str, int] = {}
    for file in files:
        try:
            for place, data in records(file):
                try:
                    parts.append(_extracted(place, data, folder, taken))
                except WatchpostError as error:
                    on_problem(str(error))
        except WatchpostError as error:
            on_problem(str(error))
    classes = _Classes.of(items, [example for _, example, _ in parts])
    samples = []
    for place, example, name in parts:
        try:
            samples.append(_sample(place, example, folder / name, name, classes))
        except WatchpostError as error:
            on_problem(str(error))
    return Dataset(path.stem, classes.names, tuple(samples))


def write(dataset: Dataset, folder: Path, *, link: bool = False, progress: Progress = nothing) -> None:  # noqa: ARG001
    """Write `data.tfrecord` and `label_map.pbtxt` (pictures are always copied). Raises `WatchpostError`."""
    file = folder / "data.tfrecord"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            for name, sample in zip(unique_names(dataset.samples), dataset.samples, strict=True):
                out.write(record(encode(_example(name, sample, dataset.class_names))))
                progress()
    except OSError as error:
        raise WatchpostError(f"{error.filename or file} can not be read or written: {error.strerror}.") from None
    write_label_map(dataset.class_names, folder / LABEL_MAP)


def record_files(path: Path) -> list[Path]:
    """The record files that a path means: itself with the other shards of the same name, or all in a folder."""
    if path.is_dir():
        return sorted(each for each in path.iterdir() if is_record_file(each))
    if (parts := _SHARD.search(path.name)) is None:
        return [path]
    base = path.name[: parts.start()]
    return sorted(each for each in path.parent.iterdir() if _SHARD.sub("", each.name) == base and each.name != base)


def is_record_file(path: Path) -> bool:
    """Whether a file's name says that it holds records: `.tfrecord` or `.record`, perhaps with the shard's number."""
    return re.search(r"\.(tf)?records?$", _SHARD.sub("", path.name)) is not None


def record_sets(folder: Path) -> dict[str, Path]:
    """The first file of each set of records in a folder, by name: `train` for `train.record-00000-of-00010`."""
    sets: dict[str, Path] = {}
    for file in record_files(folder):
        sets.setdefault(_SHARD.sub("", file.name).partition(".")[0], file)
    return sets


def _example(name: str, sample: Sample, class_names: Sequence[str]) -> dict[str, Any]:
    data = sample.picture.read_bytes()
    corners = sample.xyxy / np.array([sample.width, sample.height] * 2, np.float64)
    suffix = Path(name).suffix.lower().lstrip(".")
    example: dict[str, Any] = {
        "image/height": [sample.height],
        "image/width": [sample.width],
        "image/filename": [name.encode()],
        "image/source_id": [name.encode()],
        "image/key/sha256": [hashlib.sha256(data).hexdigest().encode()],
        "image/encoded": [data],
        "image/format": [b"jpeg" if suffix in ("jpg", "jpeg") else suffix.encode()],
        _OBJECT + "class/text": [class_names[class_id].encode() for class_id in sample.class_id],
        _OBJECT + "class/label": (sample.class_id + 1).tolist(),
        _OBJECT + "difficult": sample.is_ignored.astype(int).tolist(),
        _OBJECT + "is_crowd": sample.is_ignored.astype(int).tolist(),
        _OBJECT + "weight": sample.weight.astype(float).tolist(),
    }
    for index, edge in enumerate(("xmin", "ymin", "xmax", "ymax")):
        example[_BOX + edge] = corners[:, index].tolist()
    if sample.area is not None:
        example[_OBJECT + "area"] = sample.area.tolist()
    return example


def _extracted(place: str, data: bytes, folder: Path, taken: dict[str, int]) -> tuple[str, Example, str]:
    """Place, features without the picture, and the name of the picture, which is in the folder now."""
    try:
        example = decode(data)
    except ValueError as error:
        raise WatchpostError(f"{place}: this is no tf.train.Example: {error}.") from None
    encoded = example.pop("image/encoded", [])
    if not encoded or not isinstance(encoded[0], bytes) or not encoded[0]:
        raise WatchpostError(f"{place}: the record holds no picture (image/encoded).")
    given = _texts(example, "image/filename") or _texts(example, "image/source_id") or [""]
    name = safe_name(given[0], _SUFFIXES.get(encoded[0][:2], ".jpg"))
    times = taken[name] = taken.get(name, 0) + 1
    if times > 1:
        name = str(Path(name).with_stem(f"{Path(name).stem}-{times}"))
        taken[name] = 1
    target = folder / name
    try:
        if not target.is_file() or target.read_bytes() != encoded[0]:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(encoded[0])
    except OSError as error:
        raise WatchpostError(f"{target} can not be written: {error.strerror}.") from None
    return place, example, name


class _Classes(NamedTuple):
    """Which class a record means by a label or by a text."""

    names: tuple[str, ...]
    of_label: Mapping[int, int]
    of_text: Mapping[str, int]

    @classmethod
    def of(cls, items: Sequence[Item] | None, examples: Sequence[Example]) -> _Classes:
        if items is None:
            seen: dict[str, int] = {}
            for example in examples:
                texts, labels = _texts(example, _OBJECT + "class/text"), example.get(_OBJECT + "class/label", [])
                for index, text in enumerate(texts):
                    label = labels[index] if index < len(labels) else 0
                    seen.setdefault(text, label if isinstance(label, int) else 0)
            ordered = sorted(seen, key=lambda text: (seen[text], text))
            items = [Item(seen[text], text, text) for text in ordered]
        names = tuple(item.display_name for item in items)
        if len(set(names)) < len(names):  # two codes may be shown by one name; then the codes are the classes
            names = tuple(item.name for item in items)
        of_text = {text: index for index, item in enumerate(items) for text in (item.display_name, item.name)}
        return cls(names, {item.id: index for index, item in enumerate(items) if item.id > 0}, of_text)


def _sample(place: str, example: Example, picture: Path, name: str, classes: _Classes) -> Sample:
    corners = [_numbers(place, example, _BOX + edge) for edge in ("xmin", "ymin", "xmax", "ymax")]
    count = len(corners[0])
    if any(len(each) != count for each in corners):
        raise WatchpostError(
            f"{place}: xmin, ymin, xmax and ymax have {', '.join(str(len(c)) for c in corners)} values."
        )
    stated = [_numbers(place, example, f"image/{side}") for side in ("width", "height")]
    size = (int(stated[0][0]), int(stated[1][0])) if all(stated) else (0, 0)
    if min(size) <= 0:
        size = picture_size(picture)
    class_ids = _class_ids(place, example, count, classes)
    weights = _optional(place, example, "weight", count) or [1.0] * count
    areas = _optional(place, example, "area", count)
    flags = [_optional(place, example, key, count) or [0] * count for key in ("is_crowd", "difficult")]
    rows = []
    for index, (left, top, right, bottom) in enumerate(zip(*corners, strict=True)):
        if right < left or bottom < top:
            raise WatchpostError(f"{place}: box {index + 1} is turned inside out.")
        if max(abs(left), abs(top), abs(right), abs(bottom)) > 2:
            raise WatchpostError(f"{place}: box {index + 1} is in pixels; TFRecord's corners are fractions, 0 to 1.")
        box = (left * size[0], top * size[1], right * size[0], bottom * size[1])
        weight = check_weight(weights[index], place, "the weight")
        ignored = bool(flags[0][index] or flags[1][index])
        rows.append(Row(class_ids[index], box, weight, ignored, areas[index] if areas else None))
    return make_sample(picture, size, rows, name)


def _class_ids(place: str, example: Example, count: int, classes: _Classes) -> list[int]:
    labels = _numbers(place, example, _OBJECT + "class/label")
    texts = _texts(example, _OBJECT + "class/text")
    found: list[int] = []
    if labels:
        for label in labels:
            if int(label) not in classes.of_label:
                raise WatchpostError(f"{place}: class label {label:g} is not in the label map ({LABEL_MAP}).")
            found.append(classes.of_label[int(label)])
    else:
        for text in texts:
            if text not in classes.of_text:
                raise WatchpostError(f"{place}: class {text!r} is not in the label map ({LABEL_MAP}).")
            found.append(classes.of_text[text])
    if len(found) != count:
        raise WatchpostError(f"{place}: {count} boxes, but {len(found)} classes.")
    return found


def _optional(place: str, example: Example, key: str, count: int) -> list[float]:
    values = _numbers(place, example, _OBJECT + key)
    if values and len(values) != count:
        raise WatchpostError(f"{place}: {count} boxes, but {len(values)} values of {_OBJECT + key}.")
    return values


def _numbers(place: str, example: Example, key: str) -> list[float]:
    values = example.get(key, [])
    if any(isinstance(value, bytes) for value in values):
        raise WatchpostError(f"{place}: {key} must hold numbers, and holds text.")
    numbers = [float(value) for value in values]
    if not np.isfinite(numbers).all():
        raise WatchpostError(f"{place}: {key} holds a number that is not finite.")
    return numbers


def _texts(example: Example, key: str) -> list[str]:
    return [value.decode("utf-8", "replace") for value in example.get(key, []) if isinstance(value, bytes)]
