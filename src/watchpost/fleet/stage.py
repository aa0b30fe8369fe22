"""What every approach is given, so that only the video side differs: cameras, the detector, tracker and rule."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from watchpost.config import ModelSection
from watchpost.detectors import Detector
from watchpost.detectors.network import usable_cores
from watchpost.fleet.feed import Feed
from watchpost.pipeline import Pipeline
from watchpost.runtime.assembly import make_detector, make_rule, make_tracker, wanted_classes
from watchpost.types import Detections, Frame


class Approach(Protocol):
    """One way of watching the stage's cameras; its module's `create(stage)` has loaded all that takes time."""

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set; called once, from a thread of its own, when the cameras' start is set.

        It reads the feeds (`Feed.packets` and `in_due_order` count what is read), counts `decoded`, `asked` and
        `dropped` in their tallies, and notes results there (`Tally.note_analysed`, `note_events`, or `Watcher`).
        """


@dataclass(frozen=True, slots=True)
class Stage:
    """The cameras, and how all approaches analyse."""

    feeds: Sequence[Feed]
    model: Path
    fps: float = 5.0
    """Analysed frames a second of a camera in which something happens."""
    tracker: str = "bytetrack"
    cores: int = field(default_factory=usable_cores)

    def detector(self) -> Detector:
        """The model as the product opens it: one thread a call, calls from several threads at once."""
        section = ModelSection.model_validate(str(self.model))
        return make_detector(section, make_tracker(self.tracker).minimum_confidence)

    def pipeline(self, feed: Feed, detector: Detector) -> Pipeline:
        """The product's tracker and presence rule of one camera."""
        rules = [make_rule("presence", feed.name)]
        return Pipeline(detector, make_tracker(self.tracker), rules, wanted_classes(None, detector))


class Watcher:
    """One camera's analysis, for approaches that have no runtime of their own: results go into its tally."""

    def __init__(self, stage: Stage, feed: Feed, detector: Detector) -> None:
        self._feed = feed
        self._pipeline = stage.pipeline(feed, detector)

    def analyse(self, frame: Frame, *, is_backlog: bool = False) -> Detections:
        """Detect, track and judge a frame; the confirmed objects in it. `is_backlog`: fetched from the past."""
        result = self._pipeline.analyse(frame)
        self._feed.tally.note_analysed(self._feed.captured_s(frame.camera_time_s), is_backlog=is_backlog)
        self._feed.tally.note_events(result.events)
        return result.detections


class Limited:
    """A detector that lets in as many calls at once as there are cores: more only fight over memory."""

    def __init__(self, detector: Detector, calls: int) -> None:
        self._detector = detector
        self._may_enter = threading.BoundedSemaphore(calls)

    @property
    def name(self) -> str:
        """The model's."""
        return self._detector.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """The model's."""
        return self._detector.class_names

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The objects in each frame, when it is this call's turn."""
        with self._may_enter:
            return self._detector.detect(frames)

    def close(self) -> None:
        """Let go of the model."""
        self._detector.close()
