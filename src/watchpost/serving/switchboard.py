"""The streams that are read or published now, found by what a client asks for; idle ones are let go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchpost.clock import Clock
from watchpost.serving.broadcast import Broadcast, CameraBroadcast, Streams
from watchpost.serving.published import PublishedBroadcast
from watchpost.serving.rtsp_target import Target, View
from watchpost.serving.sdp import Description

_IDLE_S: Final = 5.0
"""A stream that nobody holds is kept so long: players ask for its description first, and come back for it."""


class NotAllowedError(Exception):
    """This can not be published: nobody may, or somebody does already."""


class Switchboard:
    """All streams of a server. For the thread of the server's loop."""

    def __init__(self, streams: Streams, published: Iterable[str], clock: Clock) -> None:
        """`published` are the names that may be published."""
        self.lost = 0
        """Packets that readers who have left were too slow for."""
        self._streams = streams
        self._published = frozenset(published)
        self._clock = clock
        self._broadcasts: dict[tuple[str, View], Broadcast] = {}

    def find(self, target: Target) -> Broadcast | None:
        """The stream; a camera's is opened. `None` where there is none."""
        key = target.name, target.view
        found = self._broadcasts.get(key)
        if found is not None and not found.is_ended:
            return found
        if target.view == "publish":
            return None
        try:
            made = CameraBroadcast(target, lambda on_news: self._streams.open(*key, on_news))
        except LookupError:
            return None
        self._broadcasts[key] = made
        return made

    def announced(self, target: Target, description: Description) -> PublishedBroadcast:
        """The stream that somebody wants to publish; it is there for others once it is passed to `publish`.

        Raises `NotAllowedError`.
        """
        self._check_free(target)
        return PublishedBroadcast(target, description)

    def publish(self, broadcast: PublishedBroadcast) -> None:
        """Let others have it. Raises `NotAllowedError` where somebody else was faster."""
        self._check_free(broadcast.target)
        self._broadcasts[broadcast.target.name, "publish"] = broadcast

    def tend(self) -> None:
        """Let go of what nobody has held for a while; about once a second."""
        now_s = self._clock.monotonic_s()
        for key, each in list(self._broadcasts.items()):
            if each.is_ended:
                del self._broadcasts[key]
            elif each.holders or key[1] == "publish":
                each.idle_since_s = None
            elif each.idle_since_s is None:
                each.idle_since_s = now_s
            elif now_s - each.idle_since_s >= _IDLE_S:
                del self._broadcasts[key]
                each.end()

    def close(self) -> None:
        """End all."""
        for each in list(self._broadcasts.values()):
            each.end()
        self._broadcasts.clear()

    def readers(self) -> dict[str, int]:
        """How many read each stream, by its path."""
        return {each.target.shown: len(each.readers) for each in list(self._broadcasts.values())}

    def missed(self) -> int:
        """Packets that this server was too slow for, of the streams that are read now."""
        return sum(each.missed for each in list(self._broadcasts.values()))

    def _check_free(self, target: Target) -> None:
        if target.view != "publish" or target.name not in self._published:
            raise NotAllowedError
        running = self._broadcasts.get((target.name, "publish"))
        if running is not None and not running.is_ended:
            raise NotAllowedError
