"""The Oxford-IIIT Pets layout: `images`, `annotations/xmls` with the heads' boxes, `annotations/trimaps`.

Parkhi et al., "Cats and Dogs" (CVPR 2012). The class is the breed, from the picture's name: `Abyssinian_100.jpg`.
Boxes are those of the heads in Pascal VOC's XML; with `whole`, the boxes of what the trimap does not call background
(2). Lists such as `annotations/trainval.txt` hold `name class-id species breed-id`, ids from 1. Pictures without an
annotation are left out: nobody has looked for pets in them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from watchpost.datasets import Dataset, Sample, voc, xml_tree
from watchpost.datasets.labels import (
    OnProblem,
    Progress,
    Row,
    fail,
    make_sample,
    nothing,
    number,
    read_text,
    write_text,
)
from watchpost.datasets.pictures import picture_size, pictures_below, put_picture
from watchpost.errors import WatchpostError

_BACKGROUND: Final = 2


def read(path: Path, *, whole: bool = False, on_problem: OnProblem = fail) -> Dataset:
    """A folder in the Pets layout, or one of its lists, such as `annotations/trainval.txt`.

    `whole` takes the boxes of the whole animals from the trimaps. Raises `WatchpostError` naming file and line.
    """
    folder = path.parents[1] if path.is_file() else path
    stems, order = _listed(folder, path, on_problem)
    breeds = sorted({_breed(stem) for stem in stems}, key=lambda breed: (order.get(breed, len(order) + 1), breed))
    samples = []
    for stem in stems:
        try:
            samples += _samples(folder, stem, breeds.index(_breed(stem)), whole, on_problem)
        except WatchpostError as error:
            on_problem(str(error))
    return Dataset(folder.name, tuple(breeds), tuple(samples))


def write(dataset: Dataset, folder: Path, *, link: bool = False, progress: Progress = nothing) -> None:
    """Write the layout: `images`, `annotations/xmls`, `annotations/list.txt` and `trainval.txt`; no trimaps.

    Pictures are renamed after their class, and need exactly one. Raises `WatchpostError` for others.
    """
    numbers: dict[int, int] = {}
    lines = []
    for sample in dataset.samples:
        classes = sorted(set(sample.class_id.tolist()))
        if len(classes) != 1:
            names = ", ".join(dataset.class_names[each] for each in classes) or "none"
            raise WatchpostError(f"{sample.picture}: Pets' layout has one class a picture, this has: {names}.")
        numbers[classes[0]] = numbers.get(classes[0], 0) + 1
        breed = re.sub(r"[^\w\-]+", "_", dataset.class_names[classes[0]])
        stem = f"{breed}_{numbers[classes[0]]}"
        name = f"{stem}{sample.picture.suffix}"
        put_picture(sample.picture, folder / "images" / name, link=link)
        text = voc.annotation_text(name, sample, dataset.class_names)
        write_text(folder / "annotations" / "xmls" / f"{stem}.xml", text)
        lines.append(f"{stem} {classes[0] + 1} 1 {classes[0] + 1}\n")
        progress()
    for file in ("list.txt", "trainval.txt"):
        write_text(folder / "annotations" / file, "".join(lines))


def _breed(stem: str) -> str:
    return stem.rpartition("_")[0]


def _listed(folder: Path, path: Path, on_problem: OnProblem) -> tuple[list[str], dict[str, int]]:
    """The pictures' names without suffix, and the breeds' ids as far as a list tells them."""
    lists = [path] if path.is_file() else [folder / "annotations" / name for name in ("list.txt", "trainval.txt")]
    file = next((each for each in lists if each.is_file()), None)
    stems: list[str] = []
    order: dict[str, int] = {}
    if file is None:
        stems = [picture.stem for picture in pictures_below(folder / "images")]
        if not stems:
            raise WatchpostError(f"{folder} is no Pets data set: it needs pictures in images and annotations/xmls.")
    else:
        for line_number, line in enumerate(read_text(file).splitlines(), start=1):
            words = line.split()
            if words and not words[0].startswith("#"):
                place = f"{file}:{line_number}"
                try:
                    if len(words) != 4:
                        raise WatchpostError(f"{place}: expected name, class id, species and breed id: 4 words.")
                    class_id = number(words[1], place, "the class id")
                    if class_id < 1 or not class_id.is_integer():
                        raise WatchpostError(f"{place}: class ids are whole numbers from 1, found {words[1]}.")
                    order[_breed(words[0])] = int(class_id)
                    stems.append(words[0])
                except WatchpostError as error:
                    on_problem(str(error))
    kept = []
    for stem in stems:
        if _breed(stem):
            kept.append(stem)
        else:
            on_problem(f"{file or folder / 'images' / stem}: {stem!r} names no breed, as Abyssinian_100 does.")
    return kept, order


def _samples(folder: Path, stem: str, class_id: int, whole: bool, on_problem: OnProblem) -> list[Sample]:
    """The sample of a picture, or nothing where nobody has drawn anything."""
    annotations = folder / "annotations"
    file = annotations / "trimaps" / f"{stem}.png" if whole else annotations / "xmls" / f"{stem}.xml"
    if not file.is_file():
        return []
    picture = next((each for each in (folder / "images").glob(f"{stem}.*") if each.stem == stem), None)
    if picture is None:
        raise WatchpostError(f"{file}:1: its picture {stem}.jpg is not in {folder / 'images'}.")
    if whole:
        rows = [Row(class_id, _trimap_box(file))]
    else:
        root = xml_tree.parse(file)
        names = sorted({each.value("name") for each in root.all("object")})  # cat or dog: the species, not the class
        rows = [row._replace(class_id=class_id) for row in voc.objects(file, root, names, on_problem)]
    return [make_sample(picture, picture_size(picture), rows, picture.name)]


def _trimap_box(file: Path) -> tuple[float, float, float, float]:
    import cv2

    try:
        trimap = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):
        trimap = None
    if trimap is None or trimap.ndim != 2:
        raise WatchpostError(f"{file}: this is no trimap: a PNG with one value a pixel (1 pet, 2 background, 3 edge).")
    rows, columns = np.nonzero(trimap != _BACKGROUND)
    if not len(rows):
        raise WatchpostError(f"{file}: the trimap holds no pet, all is background (2).")
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
