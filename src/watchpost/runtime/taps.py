"""Live streams for those who watch: a camera's packets as they came, from its last key frame on.

Whoever is slow loses its own packets, counted, and goes on with a key frame; the camera and the others do not notice.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from watchpost.types import Packet

_LOG: Final = logging.getLogger(__name__)
HELD_BYTES: Final = 8_000_000
"""What waits for one viewer before its packets are dropped."""
_GROUP_BYTES: Final = HELD_BYTES
"""A group of pictures larger than this, which a viewer could not hold, is not kept for whoever comes next; they wait
for a key frame. The ring may have dropped its packets already: then they are held here alone."""
_PACKET_COST: Final = 500


class Tap:
    """One viewer's place at a camera. `Taps.open` makes it; use it as a context manager, or `close` it.

    `on_news` is called, from the camera's thread, when something came and nothing had been waiting, and at the end: be
    quick (`loop.call_soon_threadsafe(event.set)`). `take` and `wait` belong to one thread.
    """

    def __init__(self, on_news: Callable[[], None], held_bytes: int, leave: Callable[[Tap], None]) -> None:
        self.lost = 0
        """Packets that this viewer was too slow for."""
        self._on_news = on_news
        self._held_bytes = held_bytes
        self._leave = leave
        self._changed = threading.Condition()
        self._waiting: deque[Packet] = deque()
        self._waiting_bytes = 0
        self._wants_key = True
        self._ended = False

    @property
    def ended(self) -> bool:
        """The camera has gone, or `close` was called; what still waits can be taken."""
        return self._ended

    def take(self) -> list[Packet]:
        """What came since the last call, in decoding order; returns at once.

        It begins with a key frame, also after a loss.
        """
        with self._changed:
            return self._taken()

    def wait(self, timeout_s: float) -> list[Packet]:
        """The same, once there is something; empty after `timeout_s` or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, timeout_s)
            return self._taken()

    def close(self) -> None:
        """Give up the place; also more than once, from any thread."""
        self._leave(self)
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _taken(self) -> list[Packet]:
        taken = list(self._waiting)
        self._clear()
        return taken

    def _clear(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0

    def _offer(self, packets: Iterable[Packet]) -> None:
        with self._changed:
            if self._ended:
                return
            was_empty = not self._waiting
            for packet in packets:
                self._add(packet)
            tell = was_empty and bool(self._waiting)
            self._changed.notify_all()
        if tell:
            self._tell()

    def _tell(self) -> None:
        try:
            self._on_news()
        except Exception as error:  # of a viewer that is ending, such as a loop that is closed: no camera's business
            _LOG.debug("a viewer can not be told any more: %s", error)
            with self._changed:
                self._ended = True
                self._clear()

    def _add(self, packet: Packet) -> None:
        size = packet.size + _PACKET_COST
        if self._waiting and self._waiting_bytes + size > self._held_bytes:
            self.lost += len(self._waiting)
            self._clear()
            self._wants_key = True
        if self._wants_key and not packet.is_key:
            self.lost += 1
            return
        self._wants_key = False
        self._waiting.append(packet)
        self._waiting_bytes += size

    def _end(self) -> None:
        with self._changed:
            if self._ended:
                return
            self._ended = True
            self._changed.notify_all()
        self._tell()


@dataclass(frozen=True, slots=True)
class TapFigures:
    """Of one camera."""

    viewers: int
    lost: int
    """Packets that viewers were too slow for, those who have left included."""


class _Camera:
    """The group of pictures in progress, and who watches. The ring holds the same packets: these are references.

    `is_remote`: they come from another process, and nothing is held while nobody watches.
    """

    def __init__(self, *, is_remote: bool) -> None:
        self.is_remote = is_remote
        self.is_gone = False
        """It was removed: nothing is held for it any more, and whoever comes is to ask for another one."""
        self.lost = 0
        """Packets that viewers who have left were too slow for."""
        self.demand = threading.Lock()
        self.lock = threading.Lock()
        self.group: list[Packet] = []
        self.group_bytes = 0
        self.taps: set[Tap] = set()

    def add(self, packet: Packet) -> None:
        with self.lock:
            if self.is_gone or (self.is_remote and not self.taps):
                return  # sent before it was heard that nobody watches any more
            if packet.is_key:
                self.group, self.group_bytes = [packet], packet.size
            elif self.group and self.group_bytes + packet.size <= _GROUP_BYTES:
                self.group.append(packet)
                self.group_bytes += packet.size
            else:
                self.forget()
            for tap in self.taps:
                tap._offer((packet,))

    def forget(self) -> None:
        self.group, self.group_bytes = [], 0


class Taps:
    """The live streams of all cameras. All methods may be called from any thread.

    `on_demand` is called with a camera's name and true when its first viewer comes, false when its last one leaves:
    whoever gets the packets from another process asks for them only so long.
    """

    def __init__(self, on_demand: Callable[[str, bool], None] | None = None) -> None:
        self._on_demand = on_demand
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera] = {}

    def passing(self, camera: str, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Hand on `packets`, timestamps mended, and let viewers have those of live cameras."""
        entry = self._known(camera)  # once removed, a camera that ends late must not bring it back
        for packet in packets:
            if packet.stream.is_live:
                entry.add(packet)
            yield packet

    def offer(self, camera: str, packet: Packet) -> None:
        """Let viewers have a packet; returns at once."""
        self._known(camera).add(packet)

    def open(self, camera: str, on_news: Callable[[], None] = lambda: None, held_bytes: int = HELD_BYTES) -> Tap:
        """A viewer's place: the packets from the last key frame on, then each as it comes.

        A camera that is not known, or not connected, gives nothing until it is.
        """
        while True:
            entry = self._known(camera)
            tap = Tap(on_news, held_bytes, lambda one, entry=entry: self._leave(camera, entry, one))  # type: ignore[misc]
            with entry.lock:
                if entry.is_gone:
                    continue
                is_first = not entry.taps
                entry.taps.add(tap)
                if entry.group:
                    tap._offer(entry.group)
            if is_first:
                self._tell_demand(camera, entry)
            return tap

    def remove(self, camera: str) -> None:
        """The camera has gone from the configuration: its viewers' places end."""
        with self._lock:
            entry = self._cameras.pop(camera, None)
        if entry is not None:
            with entry.lock:
                entry.is_gone = True
                entry.forget()
                going = list(entry.taps)
            for tap in going:
                tap._end()

    def forget(self, camera: str) -> None:
        """The camera's stream has broken off: what came is not shown to whoever comes next."""
        with self._lock:
            entry = self._cameras.get(camera)
        if entry is not None:
            with entry.lock:
                entry.forget()

    def viewers(self, camera: str) -> int:
        """How many watch this camera."""
        with self._lock:
            entry = self._cameras.get(camera)
        return 0 if entry is None else len(entry.taps)

    def figures(self) -> dict[str, TapFigures]:
        """Who watches and what they lost, of the cameras that somebody has watched."""
        with self._lock:
            entries = list(self._cameras.items())
        found = {}
        for name, entry in entries:
            with entry.lock:
                lost = entry.lost + sum(tap.lost for tap in entry.taps)
                if entry.taps or lost:
                    found[name] = TapFigures(len(entry.taps), lost)
        return found

    def watched(self) -> frozenset[str]:
        """The cameras that somebody watches."""
        with self._lock:
            return frozenset(name for name, entry in self._cameras.items() if entry.taps)

    def _known(self, camera: str) -> _Camera:
        if (entry := self._cameras.get(camera)) is not None:  # as nearly always, and for each packet
            return entry
        with self._lock:
            return self._cameras.setdefault(camera, _Camera(is_remote=self._on_demand is not None))

    def _tell_demand(self, camera: str, entry: _Camera) -> None:
        """Whoever comes and whoever leaves at the same moment may tell it in any order: what is told last holds."""
        if self._on_demand is not None:
            with entry.demand:
                self._on_demand(camera, bool(entry.taps))

    def _leave(self, camera: str, entry: _Camera, tap: Tap) -> None:
        with entry.lock:
            was_there = tap in entry.taps
            entry.taps.discard(tap)
            entry.lost += tap.lost if was_there else 0
            is_last = was_there and not entry.taps
            if is_last and entry.is_remote:
                entry.forget()
        if is_last and not entry.is_gone:
            self._tell_demand(camera, entry)
