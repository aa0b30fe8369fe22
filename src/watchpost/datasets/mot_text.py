"""Boxes by frame as text, one row a box: the MOTChallenge format.

A row is `frame, id, left, top, width, height, confidence, ...`: frames count from 1, boxes are in pixels. In rows of
8 or 9 columns the class follows, as in ground truth from MOT16 on; a place in the world (10 columns) is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import WatchpostError

COLUMNS = "frame, id, left, top, width, height, confidence"


@dataclass(frozen=True, slots=True, eq=False)
class MotBoxes:
    """N boxes of one video, in order of frame."""

    frame: NDArray[np.int64]
    """(N,): counts from 1."""
    id: NDArray[np.int64]
    """(N,): the object; -1 where the rows are detections."""
    xyxy: NDArray[np.float64]
    """(N, 4): left, top, right, bottom in pixels."""
    confidence: NDArray[np.float64]
    """(N,): of results 0-1; ground truth says 0 where a box is not to be evaluated."""
    class_number: NDArray[np.int64] | None = None
    """(N,): MOTChallenge's classes, 1 for pedestrians, and 0 in rows that say none; `None` where it is not known."""

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.integer] | slice) -> MotBoxes:
        """The boxes of a mask (N,), integer indices or a slice."""
        class_number = None if self.class_number is None else self.class_number[rows]
        return MotBoxes(self.frame[rows], self.id[rows], self.xyxy[rows], self.confidence[rows], class_number)

    def between(self, first: int, last: int) -> MotBoxes:
        """The boxes of frames `first` to `last`, both included."""
        return self[slice(*np.searchsorted(self.frame, [first, last + 1]))]

    def of_frame(self, frame: int) -> MotBoxes:
        """The boxes of one frame."""
        return self.between(frame, frame)


def read_mot(path: Path, *, need_ids: bool = True) -> MotBoxes:
    """Read a MOT text file.

    Raises `WatchpostError` naming file and line for a row that is malformed, or that names an object twice in
    one frame (not where `need_ids` is false: detections have no ids).
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise WatchpostError(f"{path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WatchpostError(f"{path} can not be read as text: {error}.") from None
    rows: list[list[float]] = []
    line_of: dict[tuple[float, float], int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _parse(line, f"{path}:{number}")
        key = (row[0], row[1])
        if need_ids and key in line_of:
            raise WatchpostError(
                f"{path}:{number}: object {row[1]:.0f} is in frame {row[0]:.0f} already (line {line_of[key]}); "
                "an id may occur once a frame."
            )
        line_of[key] = number
        rows.append(row)
    table = np.array(rows, np.float64).reshape(-1, 8)
    table = table[np.argsort(table[:, 0], kind="stable")]
    corner, size = table[:, 2:4], table[:, 4:6]
    return MotBoxes(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        np.concatenate([corner, corner + size], axis=1),
        table[:, 6],
        table[:, 7].astype(np.int64),
    )


def _parse(line: str, place: str) -> list[float]:
    cells = line.split(",")
    if len(cells) < 6:
        raise WatchpostError(f"{place}: {len(cells)} columns; expected {COLUMNS}, separated by commas.")
    try:
        row = [float(cell) for cell in cells[:7]]
        if len(row) == 6:
            row.append(1.0)
        row.append(float(cells[7]) if len(cells) in (8, 9) else 0.0)
    except ValueError as error:
        raise WatchpostError(f"{place}: {error}; expected the numbers {COLUMNS}.") from None
    if not np.isfinite(row).all():
        raise WatchpostError(f"{place}: a number is not finite; expected {COLUMNS}.")
    if row[0] < 1 or not row[0].is_integer() or not row[1].is_integer():
        raise WatchpostError(f"{place}: frame and id must be whole numbers and frames count from 1.")
    if row[4] < 0 or row[5] < 0:
        raise WatchpostError(f"{place}: width and height must not be negative, got {row[4]:g} x {row[5]:g}.")
    return row


def mot_text(boxes: MotBoxes) -> str:
    """The boxes as MOT text, to be read again by `read_mot` and by other tools of the field."""
    rows = zip(boxes.frame, boxes.id, boxes.xyxy, boxes.confidence, strict=True)
    return "".join(
        f"{frame},{number},{left:.3f},{top:.3f},{right - left:.3f},{bottom - top:.3f},{confidence:.4f},-1,-1,-1\n"
        for frame, number, (left, top, right, bottom), confidence in rows
    )
