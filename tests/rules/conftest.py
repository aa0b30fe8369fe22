"""A hand-made world: tracked boxes go in frame by frame, events come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from watchpost.rules import Rule
from watchpost.types import Detections, Event, Moment

SIZE = (1000, 500)
NAMES = ("person", "cat")
Thing = tuple[int, float, float]
"""Track, and the foot point x, y in fractions of the frame."""
Play = Callable[..., list[Event]]


def moment(time_s: float) -> Moment:
    return Moment(time_s, 1_700_000_000.0 + time_s)


def people(things: Sequence[Thing], *, score: float = 0.8, class_id: int = 0, height: float = 0.4) -> Detections:
    """Upright boxes of `height` of the frame's height that stand at the foot points."""
    if not things:
        return Detections.empty(SIZE, NAMES)
    boxes = [(x * SIZE[0] - 40, (y - height) * SIZE[1], x * SIZE[0] + 40, y * SIZE[1]) for _, x, y in things]
    return Detections(
        xyxy=np.array(boxes, np.float32),
        confidence=np.full(len(things), score, np.float32),
        class_id=np.full(len(things), class_id, np.int32),
        frame_size=SIZE,
        class_names=NAMES,
        track_id=np.array([track for track, _, _ in things], np.int64),
    )


@pytest.fixture
def play() -> Play:
    """`play(rule, {second: things})`: what each second's entry shows holds until the next entry, at 10 fps."""

    def run(
        rule: Rule,
        script: Mapping[float, Sequence[Thing] | Callable[[float], Sequence[Thing]]],
        until: float,
        fps: float = 10.0,
        **kwargs: float,
    ) -> list[Event]:
        events: list[Event] = []
        for frame in range(round(min(script) * fps), round(until * fps) + 1):
            time_s = frame / fps
            scene = script[max(second for second in script if second <= time_s + 1e-9)]
            things = scene(time_s) if callable(scene) else scene
            events += rule.update(people(things, **kwargs), moment(time_s))  # type: ignore[arg-type]
        return events

    return run
