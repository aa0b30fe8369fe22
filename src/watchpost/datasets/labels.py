"""What the readers of all formats share: rows that become samples, and what to do about malformed ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from watchpost.datasets import Sample
from watchpost.errors import WatchpostError

OnProblem = Callable[[str], object]
"""Called with one line that names file and place; when it returns, the reader leaves the row out and goes on."""

Progress = Callable[[], object]
"""Called once a picture."""

MAX_TEXT_BYTES: Final = 1 << 30


class Row(NamedTuple):
    """One object of a label file."""

    class_id: int
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels."""
    weight: float = 1.0
    is_ignored: bool = False
    area: float | None = None


def fail(problem: str) -> None:
    """The usual `OnProblem`: raises `WatchpostError`, so that the first problem ends the reading."""
    raise WatchpostError(problem)


def nothing() -> None:
    """The usual `Progress`."""


def make_sample(picture: Path, size: tuple[int, int], rows: Sequence[Row], name: str) -> Sample:
    """The sample of a picture of (width, height) pixels and its rows."""
    area = None
    if any(row.area is not None for row in rows):
        area = np.array([_area(row) for row in rows], np.float64)
    return Sample(
        picture,
        *size,
        xyxy=np.array([row.box for row in rows], np.float64).reshape(-1, 4),
        class_id=np.array([row.class_id for row in rows], np.int64),
        weight=np.array([row.weight for row in rows], np.float32),
        is_ignored=np.array([row.is_ignored for row in rows], np.bool_),
        name=name,
        area=area,
    )


def _area(row: Row) -> float:
    left, top, right, bottom = row.box
    return (right - left) * (bottom - top) if row.area is None else row.area


def read_text(path: Path) -> str:
    """A label file's text, UTF-8 with or without byte order mark.

    Raises `WatchpostError` naming the file, and the line where it stops being text.
    """
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise WatchpostError(f"{path} is larger than {MAX_TEXT_BYTES >> 20} MiB: that is no label file.")
        data = path.read_bytes()
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise WatchpostError(f"{path}:{line}: this is no text in UTF-8.") from None


def number(text: object, place: str, what: str) -> float:
    """A finite number. Raises `WatchpostError` with place and what was expected."""
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if isinstance(text, bool) or not math.isfinite(value):
        shown = "nothing" if text is None or text == "" else repr(text)[:40]
        raise WatchpostError(f"{place}: {what} must be a number, found {shown}.")
    return value


def check_weight(value: float, place: str, what: str) -> float:
    """A confidence. Raises `WatchpostError` when it is not 0-1."""
    if not 0 <= value <= 1:
        raise WatchpostError(f"{place}: {what} must be 0 to 1, found {value:g}.")
    return value


def write_text(path: Path, text: str) -> None:
    """Write a label file, and its folder where it is missing. Raises `WatchpostError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None


def decimal(value: float, digits: int) -> str:
    """The shortest text of a number with at most so many digits after the point."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
