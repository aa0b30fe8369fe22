"""Which format a path holds, and one way to read and write all of them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchpost.datasets import Dataset
from watchpost.datasets.labels import OnProblem, Progress, fail, nothing
from watchpost.errors import WatchpostError

FORMATS: Final = ("coco", "voc", "yolo", "tfrecord", "pets", "mot")
"""The modules of this room with `read(path, ...)` and `write(dataset, folder, ...)`."""

SPLITS: Final = ("train", "val", "valid", "validation", "test", "trainval")


@dataclass(frozen=True, slots=True)
class Found:
    """A data set on disk."""

    format: str
    path: Path
    """What the format's `read` takes."""
    split: str = ""
    """train, val, ...; empty where the data is not split."""
    class_names: tuple[str, ...] = ()
    """Where a file above the split names them."""


def detect_format(path: Path) -> str | None:
    """The format of one data set at `path`; `None` for what is none, or is several (see `find`)."""
    from watchpost.datasets import tfrecord

    if path.is_file():
        if path.suffix.lower() == ".json":
            return "coco"
        if tfrecord.is_record_file(path):
            return "tfrecord"
        if path.suffix.lower() == ".txt" and path.parent.name == "Main":
            return "voc"
        if path.suffix.lower() == ".txt" and path.parent.name == "annotations":
            return "pets"
        return None
    return _of_folder(path) if path.is_dir() else None


def find(path: Path, format: str | None = None) -> list[Found]:
    """The data sets at a path: one, or one for each split. `format` says what is there where that is not clear.

    Splits are the parts that a `data.yaml` or VOC's or Pets' lists name, several COCO or record files in one folder,
    and folders that hold a data set each. Raises `WatchpostError` when there is none.
    """
    if not path.exists():
        raise WatchpostError(f"{path} does not exist.")
    if format is not None and format not in FORMATS:
        raise WatchpostError(f"there is no format {format!r}; there are: {', '.join(FORMATS)}.")
    found = _splits(path, format)
    if found:
        return found
    known = format or detect_format(path)
    if known is not None:
        return [Found(known, path)]
    folders = sorted(each for each in path.iterdir() if each.is_dir()) if path.is_dir() else []
    for folder in folders:
        below = _splits(folder, None) or [Found(kind, folder) for kind in [detect_format(folder)] if kind]
        found += [Found(each.format, each.path, folder.name if len(below) == 1 else each.split) for each in below]
    if not found:
        raise WatchpostError(
            f"{path} holds no data set that is known: COCO (.json), VOC (.xml), YOLO (images and labels), "
            "TFRecord (.tfrecord), Pets or MOTChallenge."
        )
    return found


def read(
    path: Path | Found,
    *,
    format: str | None = None,
    pictures: Path | None = None,
    class_names: Sequence[str] | None = None,
    on_problem: OnProblem = fail,
) -> Dataset:
    """Read a data set of any format.

    `pictures` is where COCO's and VOC's are, and where TFRecord's are to be put; `class_names` names YOLO's classes and
    gives VOC's an order. Raises `WatchpostError` naming file and line, and for a path with several splits.
    """
    if isinstance(path, Path):
        found = find(path, format)
        if len(found) > 1:
            names = ", ".join(each.split or str(each.path) for each in found)
            raise WatchpostError(f"{path} holds several data sets ({names}): name one of them.")
        path = found[0]
    options: dict[str, Any] = {"on_problem": on_problem}
    if path.format in ("coco", "voc", "tfrecord"):
        options["pictures"] = pictures
    if path.format in ("voc", "yolo"):
        options["class_names"] = class_names or path.class_names or None
    dataset: Dataset = _module(path.format).read(path.path, **options)
    return dataset


def write(
    dataset: Dataset,
    folder: Path,
    format: str,
    *,
    link: bool = False,
    progress: Progress = nothing,
) -> None:
    """Write a data set in one of `FORMATS`; with `link`, pictures are hard links where the file system allows.

    Raises `WatchpostError`.
    """
    if format not in FORMATS:
        raise WatchpostError(f"there is no format {format!r}; there are: {', '.join(FORMATS)}.")
    _module(format).write(dataset, folder, link=link, progress=progress)


def same_classes(datasets: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """The splits of one data set with one list of classes: the names of all, in the order of their first mention."""
    names = tuple(dict.fromkeys(name for dataset in datasets.values() for name in dataset.class_names))
    return {split: dataset.of_classes(names) for split, dataset in datasets.items()}


def _module(format: str) -> Any:
    return importlib.import_module(f"watchpost.datasets.{format}")


def _of_folder(folder: Path) -> str | None:
    from watchpost.datasets import coco, mot, tfrecord

    def has(pattern: str) -> bool:
        return next(folder.glob(pattern), None) is not None

    if mot.sequences(folder):
        return "mot"
    if (folder / "images").is_dir() and ((folder / "annotations" / "xmls").is_dir() or has("annotations/trimaps")):
        return "pets"
    if (folder / "images").is_dir() and (folder / "labels").is_dir():
        return "yolo"
    if tfrecord.record_files(folder):
        return "tfrecord"
    if len(coco.annotation_files(folder)) == 1:
        return "coco"
    if has("Annotations/*.xml") or has("annotations/*.xml") or has("Annotations/*/*.xml") or has("*.xml"):
        return "voc"
    if "images" in folder.parts and _labels_like(folder):
        return "yolo"
    return None


def _labels_like(folder: Path) -> bool:
    from watchpost.datasets import yolo

    try:
        yolo.folders(folder)
    except WatchpostError:
        return False
    return True


def _splits(path: Path, format: str | None) -> list[Found]:
    """The parts of a data set that is split by its format's own means."""
    from watchpost.datasets import coco, tfrecord

    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        return _yaml_splits(path)
    if not path.is_dir():
        return []
    if format in (None, "yolo") and (path / "data.yaml").is_file() and (parts := _yaml_splits(path / "data.yaml")):
        return parts
    if format in (None, "coco") and len(files := coco.annotation_files(path)) > 1:
        return [Found("coco", file, file.stem.removeprefix("instances_")) for file in files]
    if format in (None, "tfrecord") and len(sets := tfrecord.record_sets(path)) > 1:
        return [Found("tfrecord", file, name) for name, file in sets.items()]
    if format in (None, "voc") and (lists := _lists(path / "ImageSets" / "Main")):
        return [Found("voc", file, file.stem) for file in lists]
    if format in (None, "pets") and (path / "annotations" / "xmls").is_dir():
        return [Found("pets", file, file.stem) for file in _lists(path / "annotations")]
    return []


def _lists(folder: Path) -> list[Path]:
    """The lists of pictures that part a data set; `trainval` only where it is not parted further."""
    files = [folder / f"{split}.txt" for split in SPLITS if (folder / f"{split}.txt").is_file()]
    if any(file.stem == "train" for file in files):
        files = [file for file in files if file.stem != "trainval"]
    return files if len(files) > 1 else []


def _yaml_splits(file: Path) -> list[Found]:
    from watchpost.datasets import yolo

    content, names = yolo.yaml_content(file), yolo.yaml_names(file)
    root = file.parent / str(content.get("path") or ".")
    found: dict[Path, Found] = {}
    for split in yolo.SPLITS:
        value = content.get(split)
        if not isinstance(value, str):
            continue
        # exporters write ../train/images and mean train/images; absolute paths are of another machine
        places = [root / value, file.parent / value, file.parent / re.sub(r"^(\.\./)+", "", value)]
        folder = next((place for place in places if place.is_dir()), None)
        if folder is not None:
            folder = folder.resolve()
            home = folder.parent if folder.name == "images" and (folder.parent / "labels").is_dir() else folder
            found.setdefault(home, Found("yolo", home, split, names))
    return list(found.values()) if len(found) > 1 else []
