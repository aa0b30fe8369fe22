"""MOTChallenge's folders: a sequence has `seqinfo.ini`, pictures in `img1`, and `gt/gt.txt`.

Milan et al., "MOT16: A Benchmark for Multi-Object Tracking" (arXiv 1603.00831), section 4. Rows with confidence 0 are
to be ignored. Who is who is not kept: detectors do not ask. Rows with another confidence under 1 are pseudo-labels.
Boxes are taken as they stand, in pixels with three decimals.
"""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.labels import (
    OnProblem,
    Progress,
    Row,
    decimal,
    fail,
    make_sample,
    nothing,
    read_text,
    write_text,
)
from watchpost.datasets.mot_text import MotBoxes, read_mot
from watchpost.datasets.pictures import picture_size, pictures_below, put_picture
from watchpost.errors import WatchpostError

CLASSES: Final = (
    "person",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
)
"""The numbers 1 to 12 of the ground truth (MOT16, table 3; its pedestrians are called people here)."""
GROUND_TRUTH: Final = Path("gt") / "gt.txt"
_MOST_FRAMES: Final = 10_000_000
_NOT_OBJECTS: Final = frozenset(range(7, 12))


def read(path: Path, *, on_problem: OnProblem = fail) -> Dataset:
    """A sequence's folder, or a folder of sequences.

    All frames that `seqinfo.ini` announces count; without it, those from the first labelled one to the last. The
    classes are those that occur, in MOTChallenge's order; files without classes are about people. Distractors and the
    like become ignored people. Raises `WatchpostError` naming file and line.
    """
    folders = sequences(path)
    if not folders:
        raise WatchpostError(f"{path} holds no MOTChallenge sequence: it needs img1 and gt/gt.txt.")
    found = []
    for folder in folders:
        try:
            boxes = read_mot(folder / GROUND_TRUTH)
            found.append((folder, boxes, _numbers(folder, boxes)))
        except WatchpostError as error:
            on_problem(str(error))
    present = sorted({0, *(int(each) for _, _, numbers in found for each in numbers if each not in _NOT_OBJECTS)})
    samples: list[Sample] = []
    for folder, boxes, numbers in found:
        prefix = "" if folder == path else f"{folder.name}/"
        class_ids = [present.index(0 if each in _NOT_OBJECTS else each) for each in numbers]
        try:
            samples += _samples(folder, boxes, class_ids, numbers, prefix, on_problem)
        except WatchpostError as error:
            on_problem(str(error))
    return Dataset(path.name, tuple(CLASSES[each] for each in present), tuple(samples))


def write(dataset: Dataset, folder: Path, *, link: bool = False, progress: Progress = nothing) -> None:
    """Write the data set as one sequence; every box gets an id of its own. Raises `WatchpostError`.

    Needs pictures of one size and with one suffix, and classes that MOTChallenge has.
    """
    sizes = {(sample.width, sample.height) for sample in dataset.samples}
    suffixes = {sample.picture.suffix.lower() for sample in dataset.samples}
    if len(sizes) > 1 or len(suffixes) > 1:
        raise WatchpostError(f"a MOTChallenge sequence has pictures of one size and kind; {dataset.name} has several.")
    unknown = [name for name in dataset.class_names if name not in CLASSES]
    if unknown:
        raise WatchpostError(f"MOTChallenge has no class {unknown[0]!r}; it has: {', '.join(CLASSES)}.")
    number_of = [CLASSES.index(name) + 1 for name in dataset.class_names]
    suffix = next(iter(suffixes), ".jpg")
    lines: list[str] = []
    for frame, sample in enumerate(dataset.samples, start=1):
        put_picture(sample.picture, folder / "img1" / f"{frame:06d}{suffix}", link=link)
        for row, (left, top, right, bottom) in enumerate(sample.xyxy.tolist()):
            box = ",".join(decimal(value, 3) for value in (left, top, right - left, bottom - top))
            weight = 0.0 if sample.is_ignored[row] else float(sample.weight[row])
            class_number = number_of[sample.class_id[row]]
            lines.append(f"{frame},{len(lines) + 1},{box},{decimal(weight, 6)},{class_number},1\n")
        progress()
    write_text(folder / GROUND_TRUTH, "".join(lines))
    width, height = next(iter(sizes), (0, 0))
    write_text(
        folder / "seqinfo.ini",
        f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=1\nseqLength={len(dataset)}\n"
        f"imWidth={width}\nimHeight={height}\nimExt={suffix}\n",
    )


def sequences(path: Path) -> list[Path]:
    """The sequences that a path means: itself, or the folders in it."""
    candidates = [path, *sorted(each for each in path.iterdir() if each.is_dir())] if path.is_dir() else []
    return [folder for folder in candidates if (folder / GROUND_TRUTH).is_file()]


def _numbers(folder: Path, boxes: MotBoxes) -> list[int]:
    """The class of each box, counted from 0."""
    numbers = np.zeros(len(boxes), np.int64) if boxes.class_number is None else np.maximum(boxes.class_number - 1, 0)
    if len(numbers) and numbers.max() >= len(CLASSES):
        raise WatchpostError(f"{folder / GROUND_TRUTH}: class {numbers.max() + 1}; MOTChallenge has 1 to 12.")
    return [int(each) for each in numbers]


def _samples(
    folder: Path, boxes: MotBoxes, class_ids: Sequence[int], numbers: Sequence[int], prefix: str, on_problem: OnProblem
) -> list[Sample]:
    directory, first, last = _pictures_and_range(folder, boxes)
    pictures = {int(path.stem): path for path in pictures_below(directory) if path.stem.isdecimal()}
    samples = []
    for frame in range(first, last + 1):
        start, end = np.searchsorted(boxes.frame, [frame, frame + 1])
        if frame not in pictures:
            if end > start:
                on_problem(f"{folder / GROUND_TRUTH}: frame {frame} is labelled, but {directory} has no picture of it.")
            continue
        rows = []
        for index in range(start, end):
            left, top, right, bottom = boxes.xyxy[index].tolist()
            confidence = float(boxes.confidence[index])
            is_ignored = confidence == 0 or numbers[index] in _NOT_OBJECTS
            weight = confidence if 0 < confidence < 1 else 1.0
            rows.append(Row(class_ids[index], (left, top, right, bottom), weight, is_ignored))
        try:
            picture = pictures[frame]
            samples.append(make_sample(picture, picture_size(picture), rows, prefix + picture.name))
        except WatchpostError as error:
            on_problem(str(error))
    return samples


def _pictures_and_range(folder: Path, boxes: MotBoxes) -> tuple[Path, int, int]:
    """Where the pictures are, and the first and the last frame that somebody has labelled."""
    first, last = (int(boxes.frame[0]), int(boxes.frame[-1])) if len(boxes) else (1, 0)
    file = folder / "seqinfo.ini"
    if not file.is_file():
        return folder / "img1", first, last
    info = configparser.ConfigParser(interpolation=None)
    try:
        info.read_string(read_text(file), str(file))
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or 1
        raise WatchpostError(f"{file}:{line}: this is no seqinfo.ini: it starts with [Sequence].") from None
    name = info.get("Sequence", "imDir", fallback="img1")
    if "\0" in name or not (folder / name).is_dir():
        raise WatchpostError(f"{file}: imDir is {name!r}, and there is no such folder.")
    length = info.get("Sequence", "seqLength", fallback="")
    if length:
        if not length.isdecimal() or not last <= int(length) <= _MOST_FRAMES:
            raise WatchpostError(f"{file}: seqLength is {length[:20]!r}, and the last labelled frame {last}.")
        first, last = 1, int(length)
    return folder / name, first, last
