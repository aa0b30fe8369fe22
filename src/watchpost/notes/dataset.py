"""Feedback as a data set to train with: what was seen where nothing was, and what was missed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.labels import Row, make_sample
from watchpost.datasets.pictures import picture_size
from watchpost.errors import WatchpostError
from watchpost.notes import FEEDBACK, Note
from watchpost.notes.book import NoteBook
from watchpost.picture import decode_picture, encode_jpeg

_AT_ONCE: Final = 500
_AROUND: Final = 0.25
"""Of a box's width and height, what is kept around it at each side of a cut."""
_QUALITY: Final = 95


@dataclass(slots=True)
class Taken:
    """What became of the feedback."""

    false_alarms: int = 0
    """Pictures without an object."""
    missed: int = 0
    """Pictures with those that were missed."""
    without_picture: int = 0
    """Left out: nothing was recorded then, or the event had no picture."""
    without_box: int = 0
    """Left out: nobody said where the missed ones are; of cuts, the event had no box."""


def feedback_dataset(
    book: NoteBook,
    folder: Path,
    *,
    since_wall_time_s: float | None = None,
    cuts: bool = False,
    progress: Callable[[], object] = lambda: None,
) -> tuple[Dataset, Taken]:
    """Write the pictures of all feedback below `folder`; the data set over them, and what was left out.

    A picture that was a false alarm has no object in it; one in which somebody was missed has those that were drawn.
    With `cuts`, of a false alarm there is the part around its box alone: of the rest nobody has said that it is empty.
    What else is in the pictures nobody has said: look through them before training (`watchpost data view`).
    Raises `WatchpostError` when the pictures can not be written.
    """
    taken, samples, class_names = Taken(), list[Sample](), dict[str, int]()
    before: str | None = None
    while notes := book.find(FEEDBACK, since_wall_time_s=since_wall_time_s, before_id=before, limit=_AT_ONCE):
        before = notes[-1].id
        for note in notes:
            class_names.setdefault(note.class_name, len(class_names))
            sample = _sample(book, note, folder, class_names, taken, cuts=cuts)
            if sample is not None:
                samples.append(sample)
            progress()
    return Dataset("feedback", tuple(class_names), tuple(reversed(samples))), taken


def _sample(
    book: NoteBook, note: Note, folder: Path, class_names: dict[str, int], taken: Taken, *, cuts: bool
) -> Sample | None:
    jpeg = book.picture(note.id)
    if jpeg is None:
        taken.without_picture += 1
        return None
    if note.kind == "false_alarm" and cuts:
        jpeg = _cut(jpeg, note)
    if jpeg is None or (note.kind == "missed" and not note.boxes):
        taken.without_box += 1
        return None
    name = f"{note.kind}/{note.id}.jpg"
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None
    width, height = picture_size(path)
    rows = []
    if note.kind == "missed":
        taken.missed += 1
        for left, top, right, bottom in note.boxes:
            box = (left * width, top * height, right * width, bottom * height)
            rows.append(Row(class_names[note.class_name], box))
    else:
        taken.false_alarms += 1
    return make_sample(path, (width, height), rows, name)


def _cut(jpeg: bytes, note: Note) -> bytes | None:
    """The part of a picture that was judged: its event's box and a little around it; `None` where it has none."""
    box = (note.event or {}).get("box")
    if box is None:
        return None
    picture = decode_picture(jpeg)
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    across, down = _AROUND * (right - left), _AROUND * (bottom - top)
    columns = slice(int(max(0.0, left - across) * width), math.ceil(min(1.0, right + across) * width))
    rows = slice(int(max(0.0, top - down) * height), math.ceil(min(1.0, bottom + down) * height))
    return encode_jpeg(picture[rows, columns], _QUALITY)
