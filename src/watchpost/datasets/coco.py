"""COCO's annotation files: one JSON file with images, annotations and categories.

Format: cocodataset.org, "Data format", object detection. Boxes are [left, top, width, height] in pixels. `iscrowd`
objects are to be ignored. A `score` (0-1), as in COCO's result files, is the weight of a pseudo-label. Outlines
(`segmentation`) are not kept, their `area` is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.labels import (
    OnProblem,
    Progress,
    Row,
    check_weight,
    fail,
    make_sample,
    nothing,
    number,
    read_text,
    write_text,
)
from watchpost.datasets.pictures import picture_size, put_pictures
from watchpost.errors import WatchpostError
from watchpost.geometry import box_area

FILE: Final = Path("annotations") / "instances.json"
"""Where `write` puts the annotations; the pictures go to `images`."""


def read(path: Path, pictures: Path | None = None, *, on_problem: OnProblem = fail) -> Dataset:
    """An annotation file, or a folder with one in it or in its `annotations`.

    Picture names are relative to `pictures`; by default to the file's folder, or to `images` or the like near it.
    Classes are in the order of their ids. Raises `WatchpostError` naming file and line.
    """
    file = annotation_file(path)
    text = read_text(file)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise WatchpostError(f"{file}:{error.lineno}: this is not JSON: {error.msg}.") from None
    except (RecursionError, ValueError):
        raise WatchpostError(f"{file}:1: this JSON can not be read: too deep, or a number too long.") from None
    reader = _Reader(file, text, content, on_problem)
    class_names = reader.categories()
    images = reader.images()
    reader.annotations(images)
    folder = _pictures_folder(file, images) if pictures is None else pictures
    samples = []
    for image in images.values():
        picture = folder / str(image["file_name"])
        try:
            samples.append(make_sample(picture, _size(image, picture), image["rows"], str(image["file_name"])))
        except WatchpostError as error:
            on_problem(str(error))
    return Dataset(file.stem, class_names, tuple(samples))


def write(dataset: Dataset, folder: Path, *, link: bool = False, progress: Progress = nothing) -> None:
    """Write `annotations/instances.json` and `images/`; ids count from 1. Raises `WatchpostError`."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name, sample in put_pictures(dataset.samples, folder / "images", link=link, progress=progress):
        images.append({"id": len(images) + 1, "file_name": name, "width": sample.width, "height": sample.height})
        annotations += _annotations(sample, len(images), len(annotations) + 1)
    categories = [{"id": index, "name": name} for index, name in enumerate(dataset.class_names, start=1)]
    content = {
        "info": {"description": dataset.name},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    # one annotation a line, so that a person, and a message with a line number, can point at it
    lists = ",\n".join(
        f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in value) + "\n]"
        if isinstance(value, list) and value
        else f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in content.items()
    )
    write_text(folder / FILE, "{\n" + lists + "\n}\n")


def _annotations(sample: Sample, image: int, first: int) -> list[dict[str, Any]]:
    areas = box_area(sample.xyxy) if sample.area is None else sample.area
    found = []
    for row, (left, top, right, bottom) in enumerate(sample.xyxy.tolist()):
        annotation: dict[str, Any] = {
            "id": first + row,
            "image_id": image,
            "category_id": int(sample.class_id[row]) + 1,
            "bbox": [left, top, right - left, bottom - top],
            "area": float(areas[row]),
            "iscrowd": int(sample.is_ignored[row]),
        }
        if sample.weight[row] != 1:
            annotation["score"] = round(float(sample.weight[row]), 6)
        found.append(annotation)
    return found


def annotation_file(path: Path) -> Path:
    """The annotation file that a path means. Raises `WatchpostError` where there is none, or more than one."""
    if not path.is_dir():
        return path
    files = annotation_files(path)
    if len(files) == 1:
        return files[0]
    if not files:
        raise WatchpostError(f"{path} holds no COCO annotation file (.json, in it or in its annotations folder).")
    raise WatchpostError(f"{path} holds several annotation files ({', '.join(f.name for f in files)}): name one.")


def annotation_files(folder: Path) -> list[Path]:
    """The annotation files in a folder or in its `annotations`: JSON files that speak of annotations."""
    files = [*sorted(folder.glob("*.json")), *sorted((folder / "annotations").glob("*.json"))]
    return [file for file in files if _speaks_of_annotations(file)]


def _speaks_of_annotations(file: Path) -> bool:
    """Looks at both ends: where the lists stand in the file is not laid down."""
    size = 1 << 16
    try:
        with file.open("rb") as handle:
            head = handle.read(size)
            handle.seek(max(0, file.stat().st_size - size))
            ends = head + handle.read()
    except OSError:
        return False
    return any(word in ends for word in (b'"annotations"', b'"bbox"', b'"category_id"'))


def _pictures_folder(file: Path, images: Mapping[Any, Mapping[str, Any]]) -> Path:
    """Where the first picture is: beside the file, in `images`, or in a folder that the file is named after."""
    split = file.stem.rpartition("_")[2]
    above = file.parent.parent
    candidates = [file.parent, file.parent / "images", above / "images", above, above / split, above / "images" / split]
    names = [str(image["file_name"]) for image in list(images.values())[:3]]
    for folder in candidates:
        if any((folder / name).is_file() for name in names):
            return folder
    return file.parent


def _size(image: Mapping[str, Any], picture: Path) -> tuple[int, int]:
    width, height = image.get("width"), image.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return picture_size(picture)


class _Reader:
    """Takes the content apart and knows the line of everything in it."""

    def __init__(self, file: Path, text: str, content: object, on_problem: OnProblem) -> None:
        self._file, self._text, self._on_problem = file, text, on_problem
        if not isinstance(content, dict):
            raise WatchpostError(f"{file}:1: COCO's annotations are a JSON object with images and annotations.")
        for key in ("images", "annotations", "categories"):
            if not isinstance(content.get(key), list):
                state = "is no list" if key in content else "is missing"
                raise WatchpostError(f"{file}:1: {key!r} {state}; COCO has images, annotations and categories.")
        self._content: dict[str, Any] = content
        self._class_of: dict[Any, int] = {}

    def categories(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their ids."""
        named: dict[int | str, str] = {}
        for index, category in enumerate(self._content["categories"]):
            place = self._place("categories", index, category)
            identity = _identity(category, "id", place)
            name = category.get("name")
            if not isinstance(name, str) or not name.strip():
                raise WatchpostError(f"{place()}: the category has no name.")
            if identity in named:
                raise WatchpostError(f"{place()}: category id {identity} is there twice.")
            if name in named.values():
                raise WatchpostError(f"{place()}: the category name {name!r} is there twice.")
            named[identity] = name
        ordered = sorted(named, key=_by_number)
        self._class_of = {identity: index for index, identity in enumerate(ordered)}
        return tuple(named[identity] for identity in ordered)

    def images(self) -> dict[Any, dict[str, Any]]:
        """The images by id, each with an empty list of rows."""
        images: dict[Any, dict[str, Any]] = {}
        for index, image in enumerate(self._content["images"]):
            try:
                place = self._place("images", index, image)
                identity = _identity(image, "id", place)
                name = image.get("file_name")
                if not isinstance(name, str) or not name or "\0" in name:
                    raise WatchpostError(f"{place()}: the image has no file_name.")
                if identity in images:
                    raise WatchpostError(f"{place()}: image id {identity} is there twice.")
                images[identity] = {**image, "rows": []}
            except WatchpostError as error:
                self._on_problem(str(error))
        return images

    def annotations(self, images: Mapping[Any, dict[str, Any]]) -> None:
        """Put every annotation into the rows of its image."""
        for index, annotation in enumerate(self._content["annotations"]):
            try:
                place = self._place("annotations", index, annotation)
                image = images.get(_identity(annotation, "image_id", place))
                if image is None:
                    raise WatchpostError(f"{place()}: image_id {annotation['image_id']} names no image.")
                image["rows"].append(self._row(annotation, place))
            except WatchpostError as error:
                self._on_problem(str(error))

    def _row(self, annotation: dict[str, Any], place: _Place) -> Row:
        class_id = self._class_of.get(_identity(annotation, "category_id", place))
        if class_id is None:
            raise WatchpostError(f"{place()}: category_id {annotation['category_id']} names no category.")
        bbox = annotation.get("bbox")
        if not isinstance(bbox, list) or len(bbox) != 4:
            raise WatchpostError(f"{place()}: bbox must be [left, top, width, height], found {str(bbox)[:60]}.")
        try:
            left, top, width, height = (number(value, "", "bbox") for value in bbox)
            area = annotation.get("area")
            area = None if area is None else number(area, "", "area")
            weight = check_weight(number(annotation.get("score", 1.0), "", "score"), "", "score")
        except WatchpostError as error:  # finding the line takes time: it is done for the wrong ones only
            raise WatchpostError(f"{place()}{error}") from None
        if width < 0 or height < 0:
            raise WatchpostError(f"{place()}: width and height must not be negative, got {width:g} x {height:g}.")
        box = (left, top, left + width, top + height)
        return Row(class_id, box, weight, bool(annotation.get("iscrowd", 0)), area)

    def _place(self, key: str, index: int, item: object) -> _Place:
        place = _Place(self._file, self._text, key, index)
        if not isinstance(item, dict):
            raise WatchpostError(f"{place()}: an entry of {key!r} must be an object with fields.")
        return place


def _identity(item: Mapping[str, Any], key: str, place: _Place) -> int | str:
    """A whole number as COCO says, or a text as some tools write."""
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        shown = "is missing" if value is None else f"must be a whole number, found {str(value)[:40]!r}"
        raise WatchpostError(f"{place()}: {key} {shown}.")
    return value


def _by_number(identity: int | str) -> tuple[bool, int, str]:
    is_number = str(identity).isdecimal()
    return not is_number, int(identity) if is_number else 0, str(identity)


class _Place:
    """Where the `index`-th entry of a list stands; the line is looked for when it is asked for."""

    def __init__(self, file: Path, text: str, key: str, index: int) -> None:
        self._file, self._text, self._key, self._index = file, text, key, index

    def __call__(self) -> str:
        return f"{self._file}:{_line_of(self._text, self._key, self._index)}"


def _line_of(text: str, key: str, index: int) -> int:
    """The line of the `index`-th entry of the list `key` of a JSON object that has been parsed before."""
    decoder = json.JSONDecoder()

    def skip(position: int, what: str) -> int:
        while text[position].isspace() or text[position] in what:
            position += 1
        return position

    position, found = skip(0, "{"), 0
    while True:
        name, position = decoder.raw_decode(text, position)
        position = skip(position, ":")
        if name == key:
            found = position  # JSON allows a name twice, and the last one counts
        _, position = decoder.raw_decode(text, position)
        position = skip(position, ",")
        if text[position] == "}":
            break
    position = skip(found + 1, "")
    for _ in range(index):
        _, position = decoder.raw_decode(text, position)
        position = skip(position, ",")
    return text.count("\n", 0, position) + 1
