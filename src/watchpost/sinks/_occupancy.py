"""Who is present at which camera, as `appeared` and `left` events tell it."""

from __future__ import annotations

import json
from pathlib import Path

from watchpost.types import Event


class Occupancy:
    """Counts by camera and class. The pairs that were ever seen are remembered in a file.

    A killed process sends no `left`; remembering the pairs lets the next one say that nobody is known to be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._present: dict[tuple[str, str], set[int | None]] = {pair: set() for pair in _read(path)}

    def take(self, event: Event) -> tuple[str, str]:
        """Note an event; the pair of camera and class that it is about. The same event may come twice.

        Raises `OSError` when the file can not be written; nothing is noted then.
        """
        pair = (event.camera, event.class_name)
        if event.kind == "left":  # its class may have been corrected since it appeared
            pair = next(
                (
                    other
                    for other, tracks in self._present.items()
                    if other[0] == event.camera and event.track_id in tracks
                ),
                pair,
            )
        if pair not in self._present:
            _write(self._path, [*self._present, pair])
            self._present[pair] = set()
        if event.kind == "appeared":
            self._present[pair].add(event.track_id)
        elif event.kind == "left":
            self._present[pair].discard(event.track_id)
        return pair

    def counts(self) -> dict[tuple[str, str], int]:
        """How many are present, by camera and class."""
        return {pair: len(tracks) for pair, tracks in self._present.items()}


def _read(path: Path) -> list[tuple[str, str]]:
    try:
        return [(str(camera), str(class_name)) for camera, class_name in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):  # the first start, or damaged: what is seen again is written again
        return []


def _write(path: Path, pairs: list[tuple[str, str]]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(pairs, ensure_ascii=False), "utf-8")
    new.replace(path)
