"""What cameras, zones and models may be called, and how areas of the picture are written."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from watchpost.geometry import segments_cross
from watchpost.options import Fraction01

MAX_NAME: Final = 64
"""Characters. Names become parts of file names, which Linux limits to 255 bytes."""
_MAX_NAME_BYTES: Final = 192


def _checked_name(name: str) -> str:
    if not name or len(name) > MAX_NAME or len(name.encode()) > _MAX_NAME_BYTES:
        raise PydanticCustomError("name", "a name has 1 to 64 characters; write a shorter one")
    if not name.isprintable():
        raise PydanticCustomError("name", "the name holds a character that can not be printed; type it again")
    if "/" in name or "\\" in name or name.startswith("."):
        raise PydanticCustomError(
            "name", "names become file names: write it without / and \\ and not beginning with a dot"
        )
    if name != name.strip():
        raise PydanticCustomError("name", "the name begins or ends with a space; take the space away")
    return name


Name = Annotated[str, AfterValidator(_checked_name), Field(min_length=1, max_length=MAX_NAME)]
"""A name in any script: printable, without `/`, at most 64 characters."""

Point = tuple[Fraction01, Fraction01]
"""x, y in fractions of the picture's width and height, from its top left corner."""


def _checked_polygon(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    if corners[0] == corners[-1]:
        corners = corners[:-1]  # some tools close a polygon by its first corner; ours closes by itself
    if len(set(corners)) < 3:
        raise PydanticCustomError("polygon", "a zone needs at least 3 different corners")
    points = np.asarray(corners, np.float64)
    count = len(points)
    for first in range(count):
        for second in range(first + 2, count - (first == 0)):
            ends = (points[first], points[first + 1], points[second], points[(second + 1) % count])
            if segments_cross(*ends):
                raise PydanticCustomError(
                    "polygon",
                    "the zone's outline crosses itself (side {first} and side {second}); "
                    "list the corners in the order in which you would walk around it",
                    {"first": first + 1, "second": second + 1},
                )
    x, y = points.T
    if abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) < 1e-9:
        raise PydanticCustomError("polygon", "the zone's corners lie on one line; it has no area")
    return corners


def _checked_line(points: tuple[Point, ...]) -> tuple[Point, ...]:
    if any(point == following for point, following in pairwise(points)):
        raise PydanticCustomError("line", "the line has the same point twice in a row; write different ones")
    return points


Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=100), AfterValidator(_checked_polygon)]
"""The corners of a zone in order around it, `[[x, y], [x, y], [x, y], ...]`, in fractions 0-1."""

Line = Annotated[tuple[Point, ...], Field(min_length=2, max_length=100), AfterValidator(_checked_line)]
"""A line from point to point, `[[x, y], [x, y]]` or longer, in fractions 0-1."""


def _checked_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError):  # unknown, or no name that a file could have
        raise PydanticCustomError(
            "timezone", "{name} is no time zone; write a name such as Europe/Berlin or Asia/Seoul", {"name": name}
        ) from None
    return name


Timezone = Annotated[str, AfterValidator(_checked_timezone)]
"""A name of the IANA time zone database."""
