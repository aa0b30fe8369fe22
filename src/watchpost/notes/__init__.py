"""What people say about events and cameras: bookmarks, notes, and where the detection was wrong.

Kept apart from the events, in `notes.db` of the data folder: an event goes when it is old, and what somebody said about
it stays, with its picture, for those who train a better model (`notes.dataset`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from watchpost.types import Box

NoteKind = Literal["bookmark", "note", "false_alarm", "missed"]
KINDS: Final[tuple[NoteKind, ...]] = ("bookmark", "note", "false_alarm", "missed")
FEEDBACK: Final[tuple[NoteKind, ...]] = ("false_alarm", "missed")
"""Kinds that are kept for training."""
ONCE: Final[tuple[NoteKind, ...]] = ("bookmark", "false_alarm")
"""Kinds that an event has once, whoever says it."""
MAX_TEXT: Final = 1000
MAX_BOXES: Final = 50
FILE: Final = "notes.db"
"""In the data folder."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that somebody said."""

    id: str
    """A UUID version 7, as events have them."""
    kind: NoteKind
    camera: str
    wall_time_s: float
    """Of what it is about: when the event began, or the moment at which somebody was missed."""
    author: str
    """The user's name, empty where nobody had to log in."""
    made_wall_time_s: float
    event_id: str | None = None
    """`None` for `missed`."""
    text: str = ""
    class_name: str = "person"
    """What was missed, or seen where it was not."""
    boxes: tuple[Box, ...] = ()
    """Of `missed`: where they are, in fractions of the picture."""
    event: Mapping[str, Any] | None = field(default=None, compare=False)
    """The event in its JSON form, as it was when this was said."""
    has_picture: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What was said about one event, in short."""

    is_bookmarked: bool = False
    is_false_alarm: bool = False
    notes: int = 0
