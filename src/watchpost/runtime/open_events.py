"""What has begun and not ended, by the events of cameras: for when whoever would have reported the end is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from watchpost.types import Event, Moment, new_event_id

_ENDS: Final = {"appeared": "left", "entered": "exited", "crowded": "thinned"}
"""The kind that ends what each kind begins."""
_BEGINNINGS: Final = {end: kind for kind, end in _ENDS.items()}

_Key = tuple[str, str, str | None, str, int | None]


class OpenEvents:
    """The beginnings that wait for their end. Not for several threads."""

    def __init__(self) -> None:
        self._open: dict[_Key, Event] = {}

    def note(self, event: Event) -> None:
        """Take in an event, in the order of events of its camera."""
        if event.kind in _ENDS:
            self._open[_key(event, event.kind)] = replace(event, snapshot=None)
        elif event.kind in _BEGINNINGS:
            self._open.pop(_key(event, _BEGINNINGS[event.kind]), None)

    def interrupt(self, wall_time_s: float) -> list[Event]:
        """Ends for all that is open, with the attribute `interrupted`: last known about until `wall_time_s`."""
        ended = list(self._ends(wall_time_s))
        self._open.clear()
        return ended

    def _ends(self, wall_time_s: float) -> Iterator[Event]:
        for begun in self._open.values():
            later_s = max(0.0, wall_time_s - begun.end.wall_time_s)
            end = Moment(begun.end.camera_time_s + later_s, begun.end.wall_time_s + later_s)
            duration_s = round(end.camera_time_s - begun.start.camera_time_s, 3)
            yield replace(
                begun,
                id=new_event_id(),
                kind=_ENDS[begun.kind],
                end=end,
                attributes={"interrupted": True, "duration_s": duration_s},
            )


def _key(event: Event, kind: str) -> _Key:
    return event.camera, event.rule, event.zone, kind, event.track_id
