"""YOLO's text labels: per picture a file of rows `class x y width height`, in fractions of the picture.

A row with six or more numbers is an outline (class x1 y1 x2 y2 ...) and counts as its bounding box. Five numbers are
a box and its confidence, as predictors write them. A picture without label file, or with an empty one, is background.
Written fractions have ten decimals: a millionth of a pixel. The format has no place for weights and ignored objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.labels import (
    OnProblem,
    Progress,
    Row,
    check_weight,
    decimal,
    fail,
    make_sample,
    nothing,
    number,
    read_text,
    write_text,
)
from watchpost.datasets.pictures import picture_size, pictures_below, put_pictures
from watchpost.errors import WatchpostError

SPLITS: Final = ("train", "val", "valid", "test")
_FURTHEST: Final = 2.0
"""Fractions beyond this are pixels by mistake; a little over the edge is a matter for `check`."""


def read(path: Path, class_names: Sequence[str] | None = None, *, on_problem: OnProblem = fail) -> Dataset:
    """A folder with `images/` and `labels/`, or one below an `images` folder that has its like below `labels`.

    The classes' names come from `names` in a .yaml file, or from `classes.txt` or `obj.names`, in the folder or up
    to two above it, if not given. Raises `WatchpostError` naming file and line, or without pictures or names.
    """
    images, labels = folders(path)
    paths = pictures_below(images)
    if not paths:
        raise WatchpostError(f"there are no pictures in {images}.")
    names = tuple(class_names) if class_names else names_beside(path)
    samples = []
    for picture in paths:
        file = labels / picture.relative_to(images).with_suffix(".txt")
        try:
            size = picture_size(picture)
            rows = _rows(file, size, len(names), on_problem)
            samples.append(make_sample(picture, size, rows, picture.relative_to(images).as_posix()))
        except WatchpostError as error:
            on_problem(str(error))
    return Dataset(path.name, names, tuple(samples))


def write(dataset: Dataset, folder: Path, *, link: bool = False, progress: Progress = nothing) -> None:
    """Write `images/`, `labels/` and `data.yaml`. Raises `WatchpostError`."""
    for name, sample in put_pictures(dataset.samples, folder / "images", link=link, progress=progress):
        write_text(folder / "labels" / PurePosixPath(name).with_suffix(".txt"), _text(sample))
    write_text(folder / "data.yaml", yaml_text({"train": "images", "val": "images"}, dataset.class_names))


def yaml_text(splits: Mapping[str, str], class_names: Sequence[str]) -> str:
    """A `data.yaml`: where the pictures of each split are, relative to it, and the classes' names."""
    lines = [f"{split}: {_yaml_string(folder)}" for split, folder in splits.items()]
    lines += [f"nc: {len(class_names)}", "names:"]
    lines += [f"  {index}: {_yaml_string(name)}" for index, name in enumerate(class_names)]
    return "\n".join(lines) + "\n"


def _yaml_string(text: str) -> str:
    """A JSON string is one of YAML too, but for the pairs of escapes that JSON makes of an emoji."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)


def folders(path: Path) -> tuple[Path, Path]:
    """Where pictures and labels are. Raises `WatchpostError` for a folder that is laid out in another way."""
    if (path / "images").is_dir() and (path / "labels").is_dir():
        return path / "images", path / "labels"
    parts = list(path.parts)
    if path.is_dir() and "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
        if (labels := Path(*parts)).is_dir():
            return path, labels
    raise WatchpostError(f"{path} is no YOLO data set: it needs the folders images and labels.")


def names_beside(path: Path) -> tuple[str, ...]:
    """The classes' names for a folder. Raises `WatchpostError` where nothing names them."""
    for folder in (path, *list(path.parents)[:2]):
        for file in [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*.yml"))]:
            try:
                if names := yaml_names(file):
                    return names
            except WatchpostError:
                if file.stem == "data":  # any other file may be about something else
                    raise
        for file in (folder / "classes.txt", folder / "labels" / "classes.txt", folder / "obj.names"):
            if file.is_file() and (lines := [line.strip() for line in read_text(file).splitlines() if line.strip()]):
                return tuple(lines)
    raise WatchpostError(f"the classes of {path} have no names: put a data.yaml there, or give --names.")


def yaml_names(file: Path) -> tuple[str, ...]:
    """`names` of a .yaml file, empty where it has none. Raises `WatchpostError` when they do not count from 0."""
    names = yaml_content(file).get("names")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise WatchpostError(f"{file}: names must count from 0 without gaps, found {str(list(names))[:80]}.")
        names = [names[key] for key in range(len(names))]
    return tuple(map(str, names)) if isinstance(names, list) else ()


def yaml_content(file: Path) -> dict[str, Any]:
    """What a .yaml file says; nothing where it is no YAML object. Raises `WatchpostError` for malformed YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(read_text(file))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise WatchpostError(f"{file}:{line}: this is not YAML: {error.problem}.") from None
    except YAMLError as error:
        raise WatchpostError(f"{file}:1: this is not YAML: {str(error).splitlines()[0]}.") from None
    return content if isinstance(content, dict) else {}


def _rows(file: Path, size: tuple[int, int], classes: int, on_problem: OnProblem) -> list[Row]:
    """The rows of a label file, in pixels."""
    rows: list[Row] = []
    if not file.exists():
        return rows
    for line_number, line in enumerate(read_text(file).splitlines(), start=1):
        if line.strip():
            try:
                rows.append(_row(line.split(), f"{file}:{line_number}", size, classes))
            except WatchpostError as error:
                on_problem(str(error))
    return rows


def _row(words: list[str], place: str, size: tuple[int, int], classes: int) -> Row:
    if not words[0].lstrip("+-").isdecimal():
        raise WatchpostError(f"{place}: expected numbers: class x y width height; the class is {words[0][:40]!r}.")
    class_id = int(words[0])
    if not 0 <= class_id < classes:
        raise WatchpostError(f"{place}: class {class_id}, but the data names {classes} classes.")
    values = [number(word, place, "expected numbers: every value") for word in words[1:]]
    if (beyond := max(map(abs, values), default=0)) > _FURTHEST:
        raise WatchpostError(
            f"{place}: {beyond:g} is no fraction of the picture: YOLO's numbers are 0 to 1, not pixels."
        )
    weight = 1.0
    if len(values) in (4, 5):
        x, y, width, height = values[:4]
        if width < 0 or height < 0:
            raise WatchpostError(f"{place}: width and height must not be negative, got {width:g} x {height:g}.")
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        if len(values) == 5:
            weight = check_weight(values[4], place, "the confidence")
    elif len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        corners = (min(xs), min(ys), max(xs), max(ys))
    else:
        raise WatchpostError(f"{place}: expected 4 numbers after the class, found {len(values)}.")
    left, top, right, bottom = corners
    return Row(class_id, (left * size[0], top * size[1], right * size[0], bottom * size[1]), weight)


def _text(sample: Sample) -> str:
    lines = []
    for class_id, (left, top, right, bottom) in zip(sample.class_id.tolist(), sample.xyxy.tolist(), strict=True):
        box = (
            (left + right) / 2 / sample.width,
            (top + bottom) / 2 / sample.height,
            (right - left) / sample.width,
            (bottom - top) / sample.height,
        )
        lines.append(f"{class_id} " + " ".join(decimal(value, 10) for value in box) + "\n")
    return "".join(lines)
