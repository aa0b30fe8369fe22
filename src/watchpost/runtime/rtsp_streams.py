"""What an RTSP server finds in a running server: its cameras, as they are and annotated."""

from __future__ import annotations

from collections.abc import Callable, Collection

from watchpost.runtime.annotated import Annotated
from watchpost.runtime.taps import Tap, Taps
from watchpost.serving.rtsp_target import View


class ServedStreams:
    """The streams by the names of their cameras; `names` is asked each time, as cameras come and go."""

    def __init__(self, taps: Taps, annotated: Annotated, names: Callable[[], Collection[str]]) -> None:
        self._taps = taps
        self._annotated = annotated
        self._names = names

    def open(self, name: str, view: View, on_news: Callable[[], None]) -> Tap | None:
        """A place at a camera; `None` where there is none of that name."""
        if name not in self._names():
            return None
        return self._annotated.open(name, on_news) if view == "annotated" else self._taps.open(name, on_news)
