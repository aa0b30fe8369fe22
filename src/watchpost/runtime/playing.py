"""Films as cameras: played round and round at their own speed, for whoever watches their taps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from watchpost import plugins
from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.runtime.reconnect import Policy, packets
from watchpost.runtime.taps import Tap, Taps
from watchpost.serving.rtsp_target import View
from watchpost.sources import open_source, plugin_for

_LOG: Final = logging.getLogger(__name__)
_AS_CAMERA: Final = {"realtime": True, "loop": True, "sound": True}
_APART_S: Final = 0.137
_SPREAD_S: Final = 2.0
"""Films begin so far apart, within so long: the key frames of copies do not all come at once."""


class Playing:
    """Plays sources, each in a thread of its own. What an RTSP server finds in it are the films by their names."""

    def __init__(self, sources: Mapping[str, str], clock: Clock, taps: Taps | None = None) -> None:
        """`sources` are addresses by name."""
        self.taps = taps or Taps()
        self.ended = threading.Event()
        """All films have ended, or could not be played."""
        self._sources = dict(sources)
        self._clock = clock
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._left = len(self._sources)
        self._errors: dict[str, WatchpostError] = {}
        self._threads = [
            threading.Thread(target=self._play, args=(name, number * _APART_S % _SPREAD_S), name=name, daemon=True)
            for number, name in enumerate(self._sources)
        ]

    @property
    def errors(self) -> dict[str, WatchpostError]:
        """What ended a film, by its name."""
        with self._lock:
            return dict(self._errors)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(5.0)

    def open(self, name: str, view: View, on_news: Callable[[], None]) -> Tap | None:
        """A place at a film, as it is; `None` where there is none of that name."""
        if name not in self._sources or view != "live":
            return None
        return self.taps.open(name, on_news)

    def _play(self, name: str, delay_s: float) -> None:
        address = self._sources[name]
        try:
            if self._clock.wait(delay_s, self._stop):
                return
            options = options_as_camera(address)
            opener = lambda: open_source(address, name, options, self._clock)  # noqa: E731
            for packet in packets(opener, self._clock, self._stop, Policy(first_must_succeed=True)):
                self.taps.offer(name, packet)
        except WatchpostError as error:
            with self._lock:
                self._errors[name] = error
        except Exception as error:  # told like the others; the other films go on
            _LOG.exception("%s can not be played", name)
            with self._lock:
                self._errors[name] = WatchpostError(f"{name}: {type(error).__name__}: {error}")
        finally:
            self.taps.remove(name)
            with self._lock:
                self._left -= 1
                if not self._left:
                    self.ended.set()


def options_as_camera(address: str) -> dict[str, Any]:
    """The options by which a source plays as a camera does. Raises `SourceError` for an address that none plays."""
    known = plugins.load("sources", plugin_for(address)).Options.model_fields
    wanted = _AS_CAMERA if "sound" in known else {"realtime": True}  # a scene has no sound, and its loop is a length
    return {name: value for name, value in wanted.items() if name in known}
