"""Events chosen by what people said about them, for searches and exports."""

from __future__ import annotations

from typing import Final

from watchpost.notes import NoteKind
from watchpost.web.questions import Clause, Question
from watchpost.web.services import Services

_MOST: Final = 1000
"""Events that can be chosen so: the last so many."""


class MarkedQuestion(Question):
    """Which events, also by what was said about them."""

    bookmarked: bool = False
    """Only those with a bookmark."""
    false_alarm: bool = False
    """Only those that somebody said were false alarms."""

    def marked(self, services: Services) -> list[Clause]:
        """The clauses for that."""
        book = None if services.notes is None else services.notes()
        wanted: dict[NoteKind, bool] = {"bookmark": self.bookmarked, "false_alarm": self.false_alarm}
        return [
            {"ids": {"values": [] if book is None else book.event_ids(kind, _MOST)}}
            for kind, is_wanted in wanted.items()
            if is_wanted
        ]
