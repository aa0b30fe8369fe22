"""Two weeks of events of three cameras, made up but always the same, for tests that count them again the plain way."""

from __future__ import annotations

import random
from collections.abc import Sequence

from watchpost.types import Event, Moment

START_S = 1_792_800_000.0
"""2026-10-24 00:00 UTC: clocks in Berlin go back on the next day."""
CAMERAS = ("gate", "yard", "정문")
LASTS_S = (0.0, 3.0, 12.5, 45.0, 130.0, 4000.0)


def scripted_events(count: int = 400, seed: int = 1) -> list[Event]:
    """Events of rules as they come, in the order of their ends."""
    dice = random.Random(seed)
    events = []
    for number in range(count):
        end_s = START_S + 14 * 86_400 * number / count + dice.random() * 60
        kind = dice.choice(("appeared", "left", "entered", "exited", "crossed"))
        place = {"crossed": ("line", "ramp"), "entered": ("door",), "exited": ("door", "옆문")}.get(kind)
        lasts_s = dice.choice(LASTS_S)
        left, top = dice.random() * 0.8, dice.random() * 0.8
        events.append(
            Event(
                f"{number:032x}",
                dice.choice(CAMERAS),
                "rule",
                kind,
                dice.choice(("person", "person", "car")),
                number,
                Moment(1000.0, end_s - lasts_s),
                Moment(1000.0 + lasts_s, end_s),
                round(dice.random(), 3),
                (left, top, left + 0.2, top + 0.2),
                dice.choice(place) if place else None,
                {"direction": dice.choice(("in", "out"))} if kind == "crossed" else {},
            )
        )
    return events


def ends(events: Sequence[Event]) -> list[float]:
    return [event.end.wall_time_s for event in events]
