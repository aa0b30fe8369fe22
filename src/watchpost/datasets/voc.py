"""Pascal VOC: an XML file a picture, in `Annotations`, and pictures in `JPEGImages`.

Everingham et al., "The PASCAL Visual Object Classes Challenge", development kit, section 2.2. Pixels count from 1 and
xmax and ymax are inside the box, so xmin 1, xmax 10 covers the first ten pixels: here left 0 and right 10. Whole
pixels are written as such, others with up to four decimals. `difficult` objects are to be ignored. Weights have no
place. `labels.txt` (a name a line) keeps the classes' order, which the format does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from xml.sax.saxutils import escape

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.labels import (
    OnProblem,
    Progress,
    Row,
    decimal,
    fail,
    make_sample,
    nothing,
    number,
    read_text,
    write_text,
)
from watchpost.datasets.pictures import SUFFIXES, is_picture, picture_size, put_pictures
from watchpost.datasets.xml_tree import Element, parse
from watchpost.errors import WatchpostError

LABELS: Final = "labels.txt"
_PICTURES: Final = ("JPEGImages", "images", "Images", ".")


def read(
    path: Path,
    pictures: Path | None = None,
    class_names: Sequence[str] | None = None,
    *,
    on_problem: OnProblem = fail,
) -> Dataset:
    """A folder with `Annotations`, or with .xml files in it, or a list of pictures such as `ImageSets/Main/train.txt`.

    Pictures lie in `pictures`, by default in `JPEGImages`, in `images`, or beside the .xml files. Classes are those
    of `class_names`, else of `labels.txt`, else the names that occur, sorted. Raises `WatchpostError` naming file
    and line.
    """
    folder, files = annotation_files(path)
    within = xml_folder(folder)
    names = _known_names(folder, class_names)
    candidates = [folder / name for name in _PICTURES] if pictures is None else [pictures]
    found: list[tuple[Path, Element, Path]] = []
    for file in files:
        try:
            root = parse(file)
            stem = str(file.relative_to(within).with_suffix(""))
            found.append((file, root, _picture_of(file, root, stem, [*candidates, file.parent])))
        except WatchpostError as error:
            on_problem(str(error))
    if names is None:
        named = {each.value("name") for _, root, _ in found for each in root.all("object")}
        names = tuple(sorted(named - {""}))
    samples = []
    for file, root, picture in found:
        try:
            size = _size(file, root, picture)
            rows = objects(file, root, names, on_problem)
            samples.append(make_sample(picture, size, rows, _name(picture, candidates)))
        except WatchpostError as error:
            on_problem(str(error))
    return Dataset(path.stem, names, tuple(samples))


def write(dataset: Dataset, folder: Path, *, link: bool = False, progress: Progress = nothing) -> None:
    """Write `Annotations/`, `JPEGImages/`, `ImageSets/Main/default.txt` and `labels.txt`. Raises `WatchpostError`."""
    stems = []
    for name, sample in put_pictures(dataset.samples, folder / "JPEGImages", link=link, progress=progress):
        stem = PurePosixPath(name).with_suffix("")
        write_text(folder / "Annotations" / f"{stem}.xml", annotation_text(name, sample, dataset.class_names))
        stems.append(f"{stem}\n")
    write_text(folder / "ImageSets" / "Main" / "default.txt", "".join(stems))
    write_text(folder / LABELS, "".join(f"{name}\n" for name in dataset.class_names))


def annotation_files(path: Path) -> tuple[Path, list[Path]]:
    """The data set's folder and its .xml files, sorted or in a list's order."""
    if path.is_file():
        folder = path.parents[2] if path.parent.name == "Main" else path.parent
        within = xml_folder(folder)
        words = [line.split() for line in read_text(path).splitlines()]
        return folder, [within / f"{line[0]}.xml" for line in words if line and line[1:] != ["-1"]]
    within = xml_folder(path)
    files = sorted(file for file in within.rglob("*.xml") if not file.name.startswith("."))
    if not files:
        raise WatchpostError(
            f"{path} is no Pascal VOC data set: it needs .xml files, or a folder Annotations with them."
        )
    return (path.parent if path.name.lower() == "annotations" else path), files


def objects(file: Path, root: Element, class_names: Sequence[str], on_problem: OnProblem) -> list[Row]:
    """The objects of an annotation."""
    index_of = {name: index for index, name in enumerate(class_names)}
    rows = []
    for element in root.all("object"):
        try:
            rows.append(_row(file, element, index_of))
        except WatchpostError as error:
            on_problem(str(error))
    return rows


def annotation_text(name: str, sample: Sample, class_names: Sequence[str]) -> str:
    """The .xml file of a picture."""
    lines = [
        "<annotation>",
        "  <folder>JPEGImages</folder>",
        f"  <filename>{escape(name)}</filename>",
        f"  <size><width>{sample.width}</width><height>{sample.height}</height><depth>3</depth></size>",
        "  <segmented>0</segmented>",
    ]
    for class_id, ignored, (left, top, right, bottom) in zip(
        sample.class_id.tolist(), sample.is_ignored.tolist(), sample.xyxy.tolist(), strict=True
    ):
        corners = {"xmin": left + 1, "ymin": top + 1, "xmax": right, "ymax": bottom}
        box = "".join(f"<{tag}>{decimal(value, 4)}</{tag}>" for tag, value in corners.items())
        lines += [
            "  <object>",
            f"    <name>{escape(class_names[class_id])}</name>",
            "    <pose>Unspecified</pose>",
            "    <truncated>0</truncated>",
            f"    <difficult>{int(ignored)}</difficult>",
            f"    <bndbox>{box}</bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


def xml_folder(folder: Path) -> Path:
    """Where the .xml files of a data set are."""
    for name in ("Annotations", "annotations"):
        if (folder / name).is_dir():
            return folder / name
    return folder


def _known_names(folder: Path, class_names: Sequence[str] | None) -> tuple[str, ...] | None:
    if class_names:
        return tuple(class_names)
    file = folder / LABELS
    if file.is_file():
        return tuple(line.strip() for line in read_text(file).splitlines() if line.strip())
    return None


def _picture_of(file: Path, root: Element, stem: str, places: Sequence[Path]) -> Path:
    """The picture that the annotation names, or the one that is called as the annotation file is."""
    if root.tag != "annotation":
        raise WatchpostError(f"{file}:{root.line}: expected <annotation>, found <{root.tag}>.")
    name = root.value("filename")
    for folder in places:
        if name and is_picture(folder / name) and (folder / name).is_file():
            return folder / name
    for folder in places:
        for each in (stem, name):
            for suffix in sorted(SUFFIXES) if each else ():
                if (folder / f"{each}{suffix}").is_file():
                    return folder / f"{each}{suffix}"
    where = root.find("filename") or root
    raise WatchpostError(f"{file}:{where.line}: the picture {name or file.stem} is not in {places[0]}.")


def _name(picture: Path, candidates: Sequence[Path]) -> str:
    for folder in candidates:
        if picture.is_relative_to(folder):
            return picture.relative_to(folder).as_posix()
    return picture.name


def _size(file: Path, root: Element, picture: Path) -> tuple[int, int]:
    """What the annotation says, or the picture where that says nothing (0 in some files)."""
    size = root.find("size")
    if size is None:
        return picture_size(picture)
    place = f"{file}:{size.line}"
    width, height = (int(number(size.value(tag), place, tag)) for tag in ("width", "height"))
    return (width, height) if width > 0 and height > 0 else picture_size(picture)


def _row(file: Path, element: Element, index_of: dict[str, int]) -> Row:
    place = f"{file}:{element.line}"
    name = element.value("name")
    if not name:
        raise WatchpostError(f"{place}: the object has no name.")
    if name not in index_of:
        known = ", ".join(list(index_of)[:10]) or "none"
        raise WatchpostError(f"{place}: the class {name!r} is unknown; the data names: {known}.")
    box = element.find("bndbox")
    if box is None:
        raise WatchpostError(f"{place}: the object has no bndbox.")
    place = f"{file}:{box.line}"
    corners = [number(box.value(tag), place, tag) for tag in ("xmin", "ymin", "xmax", "ymax")]
    left, top, right, bottom = corners[0] - 1, corners[1] - 1, corners[2], corners[3]
    if right < left or bottom < top:
        raise WatchpostError(
            f"{place}: the box is turned inside out: xmin {corners[0]:g} xmax {corners[2]:g}, "
            f"ymin {corners[1]:g} ymax {corners[3]:g}."
        )
    difficult = number(element.value("difficult") or "0", place, "difficult")
    return Row(index_of[name], (left, top, right, bottom), is_ignored=bool(difficult))
