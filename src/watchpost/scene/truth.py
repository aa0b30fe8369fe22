"""Exact ground truth of a synthetic scene, and its two file formats."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first beyond."""


@dataclass(frozen=True, slots=True)
class TruthBox:
    """One person in one frame."""

    id: int
    """The visit's number."""
    full: Box
    """The whole body, also what is hidden or outside the picture."""
    visible: Box | None
    """What is to be seen of it; `None` while all is hidden."""
    visibility: float
    """Share of the body's pixels that are to be seen, 0-1."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's stay in view, in seconds of camera time; a body hidden by an object is still in view."""

    id: int
    enter_s: float
    leave_s: float


def write_mot(path: Path, frames: Iterable[Sequence[TruthBox]]) -> None:
    """Write `frame,id,left,top,width,height,1,1,visibility` lines, frames from 1, boxes in full extent.

    The ground-truth format of MOTChallenge (Milan et al., MOT16, arXiv:1603.00831, table 5); its pixels count
    from 1.
    """
    with path.open("w", encoding="utf-8") as file:
        for number, boxes in enumerate(frames, start=1):
            for box in boxes:
                left, top, right, bottom = box.full
                size = f"{left + 1},{top + 1},{right - left},{bottom - top}"
                file.write(f"{number},{box.id},{size},1,1,{box.visibility:.4f}\n")


def write_coco(
    path: Path,
    pictures: Iterable[tuple[str, Sequence[TruthBox]]],
    size: tuple[int, int],
    *,
    min_visibility: float = 0.0,
) -> None:
    """Write a COCO detection file of pictures (file name, people), all of `size` (width, height).

    Boxes are the visible extent; people seen less than `min_visibility` are marked `iscrowd`, which the
    field's evaluators leave out of account.
    """
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, (name, boxes) in enumerate(pictures, start=1):
        images.append({"id": image_id, "file_name": name, "width": size[0], "height": size[1]})
        for box in boxes:
            if box.visible is None:
                continue
            left, top, right, bottom = box.visible
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": int(box.visibility < min_visibility),
                }
            )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
