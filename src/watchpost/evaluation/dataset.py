"""Pictures with the boxes that people drew: COCO files, YOLO folders, and videos with MOT ground truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import WatchpostError
from watchpost.evaluation.mot import MotBoxes
from watchpost.geometry import box_area
from watchpost.picture import ArrayPicture, decode_picture
from watchpost.types import Frame

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The M objects that are really in a picture."""

    xyxy: NDArray[np.float64]
    """(M, 4): left, top, right, bottom in pixels."""
    class_id: NDArray[np.int64]
    """(M,): indices into the data's class names."""
    area: NDArray[np.float64]
    """(M,): square pixels, by which COCO tells small from large; of the outline where there is one."""
    is_ignored: NDArray[np.bool_]
    """(M,): crowds and the like: to find them is neither right nor wrong."""

    @classmethod
    def of_boxes(cls, xyxy: NDArray[np.float64], class_id: NDArray[np.int64]) -> Truth:
        """Objects that all count, with the areas of their boxes."""
        xyxy = xyxy.reshape(-1, 4)
        return cls(xyxy, class_id, np.asarray(box_area(xyxy)), np.zeros(len(xyxy), np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A picture and the truth about it."""

    frame: Frame
    truth: Truth


@dataclass(frozen=True, slots=True, eq=False)
class LabelledData:
    """A data set; iterating reads one picture after the other, as often as wanted.

    Iterating raises `WatchpostError` for a picture or label file that can not be read.
    """

    name: str
    class_names: tuple[str, ...]
    count: int
    """Pictures."""
    read: Callable[[], Iterator[Labelled]]

    def __iter__(self) -> Iterator[Labelled]:
        return self.read()


def read_yolo(folder: Path, class_names: Sequence[str] | None = None) -> LabelledData:
    """A folder with `images/` and `labels/`: per picture a text file of `class x y width height`, in fractions.

    Rows of a polygon (class x1 y1 x2 y2 ...) count as their bounding box. A picture without label file has no
    objects. The classes' names come from `names` in a .yaml file in the folder or above it, if not given.
    Raises `WatchpostError` without pictures or names.
    """
    images, labels = folder / "images", folder / "labels"
    if not images.is_dir() or not labels.is_dir():
        raise WatchpostError(f"{folder} is no YOLO data set: it needs the folders images and labels.")
    paths = sorted(path for path in images.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise WatchpostError(f"there are no pictures in {images}.")
    names = tuple(class_names or _names_beside(folder))

    def read() -> Iterator[Labelled]:
        for index, path in enumerate(paths):
            frame = _read_frame(path, index)
            rows = _yolo_rows(labels / path.relative_to(images).with_suffix(".txt"), len(names))
            class_id = np.array([class_id for class_id, _ in rows], np.int64)
            fractions = np.array([box for _, box in rows], np.float64).reshape(-1, 4)
            yield Labelled(frame, Truth.of_boxes(fractions * np.array([*frame.size, *frame.size]), class_id))

    return LabelledData(folder.name, names, len(paths), read)


def read_coco(file: Path, images: Path | None = None) -> LabelledData:
    """A COCO annotation file; its pictures lie in `images`, by default the file's own folder.

    Raises `WatchpostError` for a file that is not COCO's JSON.
    """
    try:
        content = json.loads(file.read_bytes())
        categories = sorted(content["categories"], key=lambda category: int(category["id"]))
        pictures: list[tuple[int, str]] = [(each["id"], each["file_name"]) for each in content["images"]]
        objects: dict[int, list[Mapping[str, Any]]] = {number: [] for number, _ in pictures}
        for annotation in content["annotations"]:
            objects[annotation["image_id"]].append(annotation)
        class_of = {category["id"]: index for index, category in enumerate(categories)}
        truths = [_coco_truth(objects[number], class_of) for number, _ in pictures]
        names = tuple(str(category["name"]) for category in categories)
    except OSError as error:
        raise WatchpostError(f"{file} can not be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError) as error:
        raise WatchpostError(f"{file} is no COCO annotation file: {type(error).__name__} {error}.") from None
    folder = file.parent if images is None else images

    def read() -> Iterator[Labelled]:
        for index, ((_, name), truth) in enumerate(zip(pictures, truths, strict=True)):
            yield Labelled(_read_frame(folder / name, index), truth)

    return LabelledData(file.stem, names, len(pictures), read)


def with_mot(frames: Iterable[Frame], boxes: MotBoxes) -> Iterator[Labelled]:
    """A video's frames with their MOT ground truth of people, from the first labelled frame to the last.

    The first frame is number 1. Rows whose confidence is 0 are to be ignored, as MOTChallenge says.
    """
    if len(boxes) == 0:
        return
    for number, frame in enumerate(frames, start=1):
        if number > boxes.frame[-1]:
            return
        if number < boxes.frame[0]:
            continue
        here = boxes.of_frame(number)
        class_id = np.zeros(len(here), np.int64)
        area = np.asarray(box_area(here.xyxy), np.float64)
        yield Labelled(frame, Truth(here.xyxy, class_id, area, here.confidence == 0))


def _read_frame(path: Path, index: int) -> Frame:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None
    picture = ArrayPicture(decode_picture(data, str(path)))
    return Frame(path.name, picture, camera_time_s=float(index), wall_time_s=0.0, index=index)


def _yolo_rows(path: Path, classes: int) -> list[tuple[int, tuple[float, float, float, float]]]:
    """Class and corners, in fractions, of each row of a label file."""
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            class_id, values = int(words[0]), np.array(words[1:], np.float64)
        except ValueError:
            raise WatchpostError(f"{path}:{number}: expected numbers: class x y width height.") from None
        if not 0 <= class_id < classes:
            raise WatchpostError(f"{path}:{number}: class {class_id}, but the data names {classes} classes.")
        if len(values) == 4:
            x, y, width, height = values.tolist()
            corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        elif len(values) >= 6 and len(values) % 2 == 0:
            points = values.reshape(-1, 2)
            corners = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
        else:
            raise WatchpostError(f"{path}:{number}: expected 4 numbers after the class, found {len(values)}.")
        rows.append((class_id, corners))
    return rows


def _names_beside(folder: Path) -> tuple[str, ...]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    for path in [*sorted(folder.glob("*.yaml")), *sorted(folder.parent.glob("*.yaml"))]:
        try:
            content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, YAMLError):
            continue
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, dict):
            names = [names[key] for key in sorted(names)]
        if isinstance(names, list) and names:
            return tuple(map(str, names))
    raise WatchpostError(f"the classes of {folder} have no names: put a data.yaml there, or give --names.")


def _coco_truth(objects: list[Mapping[str, Any]], class_of: Mapping[int, int]) -> Truth:
    xywh = np.array([each["bbox"] for each in objects], np.float64).reshape(-1, 4)
    xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    return Truth(
        xyxy=xyxy,
        class_id=np.array([class_of[each["category_id"]] for each in objects], np.int64),
        area=np.array([each.get("area", each["bbox"][2] * each["bbox"][3]) for each in objects], np.float64),
        is_ignored=np.array([bool(each.get("iscrowd", 0)) for each in objects], np.bool_),
    )
