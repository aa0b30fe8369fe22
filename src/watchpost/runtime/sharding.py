"""Which worker process runs which camera: evenly, and with as few moves as possible when cameras come and go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

_SLACK: Final = 1.25
"""A worker keeps what it has, up to so many times its fair share."""


def assign(cameras: Sequence[str], before: Mapping[str, int], workers: int) -> dict[str, int]:
    """The worker (0 to `workers` - 1) of each camera, in the order of `cameras`; `before` is how it was.

    A camera stays where it is, unless its worker is no more, or holds more than 1.25 times the fair share: then the
    last ones of it move. Whoever is without a worker goes to the one with the fewest. Deterministic.

    This is the bound of "Consistent Hashing with Bounded Loads" (Mirrokni, Thorup, Zadimoghaddam, 2016) without its
    hashing: one process knows all places, so nothing has to be found again without asking it.

    >>> assign(["a", "b", "c"], {"b": 1}, 2)
    {'a': 0, 'b': 1, 'c': 0}
    """
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}")
    most = math.ceil(_SLACK * len(cameras) / workers)
    places: dict[str, int] = {}
    held = [0] * workers
    for camera in cameras:
        worker = before.get(camera, -1)
        if 0 <= worker < workers and held[worker] < most:
            places[camera] = worker
            held[worker] += 1
    for camera in cameras:
        if camera not in places:
            worker = min(range(workers), key=held.__getitem__)
            places[camera] = worker
            held[worker] += 1
    return {camera: places[camera] for camera in cameras}
