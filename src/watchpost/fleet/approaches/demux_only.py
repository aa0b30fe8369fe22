"""Floor: read all packets at their time and do nothing with them, all cameras in one thread."""

from __future__ import annotations

import threading

from watchpost.fleet.feed import in_due_order
from watchpost.fleet.stage import Stage


def create(stage: Stage) -> DemuxOnly:
    """Ready to run."""
    return DemuxOnly(stage)


class DemuxOnly:
    """Reads."""

    def __init__(self, stage: Stage) -> None:
        self._feeds = stage.feeds

    def run(self, stop: threading.Event) -> None:
        """Read until told to stop."""
        for _ in in_due_order(self._feeds, stop):
            pass
