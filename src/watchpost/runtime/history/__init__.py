"""What a server remembers of itself: how its cameras were, what it did, how late it was, and where people stood.

One SQLite file, `history.db` in the data folder, beside the events and much smaller: figures once a minute that grow
coarser with age, states of cameras when they change, delays and grids by the hour. Nothing here is needed to run: a
file that can not be written costs its history and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from watchpost.runtime.history.delays import DelayHistory
from watchpost.runtime.history.figures import FigureHistory
from watchpost.runtime.history.file import HistoryFile
from watchpost.runtime.history.footprints import FootprintHistory
from watchpost.runtime.history.states import StateHistory

FILE: Final = "history.db"
"""In the data folder."""


class History:
    """All of it. Safe to use from several threads. Methods raise `WatchpostError` where the file can not be used."""

    def __init__(self, path: Path) -> None:
        self._file = HistoryFile(path)
        self.states = StateHistory(self._file)
        self.figures = FigureHistory(self._file)
        self.delays = DelayHistory(self._file)
        self.footprints = FootprintHistory(self._file)

    def prune(self, now_s: float, keep_s: float) -> None:
        """Forget what is older than `keep_s`, and make coarser what is old."""
        before_s = now_s - keep_s
        for each in (self.states, self.figures, self.delays, self.footprints):
            each.prune(now_s, before_s)

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        self._file.close()
