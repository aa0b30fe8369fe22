"""ONE camera, packet to event, on one screen: decode, detect, track, apply the rules, attach snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from watchpost.detectors import Detector
from watchpost.rules import Rule
from watchpost.trackers import Tracker
from watchpost.types import Detections, Event, Frame, Moment, Packet
from watchpost.video.snapshots import BestPictures


class FrameDecoder(Protocol):
    """What the pipeline needs of `watchpost.video.decoder.Decoder`."""

    def decode(self, packet: Packet) -> list[Frame]:
        """The frames that this packet completes, in order of presentation."""

    def flush(self) -> list[Frame]:
        """The frames that were held back for reordering."""


@dataclass(frozen=True, slots=True, eq=False)
class Analysed:
    """What is known about one frame."""

    frame: Frame
    detections: Detections
    """The confirmed objects, with `track_id` set."""
    events: list[Event] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """What the rules count, for the overlay: `gate line in` -> 3."""


def frames(packets: Iterable[Packet], decoder: FrameDecoder) -> Iterator[Frame]:
    """The decoded frames of a camera's packets, the held-back ones at the end too."""
    for packet in packets:
        yield from decoder.decode(packet)
    yield from decoder.flush()


class Pipeline:
    """One camera's analysis. `detector` is shared with other cameras; tracker and rules are this camera's own.

    Without a detector (`None`) frames pass through with no detections.
    """

    def __init__(
        self,
        detector: Detector | None,
        tracker: Tracker,
        rules: Sequence[Rule] = (),
        classes: frozenset[str] = frozenset(),
    ) -> None:
        self._detector = detector
        self._tracker = tracker
        self._rules = rules
        self._classes = classes
        self._pictures = BestPictures()
        self._last = Moment(0.0, 0.0)

    def analyse(self, frame: Frame) -> Analysed:
        """Detect, track and judge one frame; frames come in order of presentation."""
        return self.conclude(frame, self.detect(frame))

    def detect(self, frame: Frame) -> Detections:
        """What is seen in one frame: the step that knows no other frame, so several threads may do it at once."""
        if self._detector is None:
            return Detections.empty(frame.size)
        return self.wanted(self._detector.detect([frame])[0])

    def wanted(self, found: Detections) -> Detections:
        """Those of the camera's classes."""
        return found.of_classes(self._classes) if self._classes else found

    def conclude(self, frame: Frame, found: Detections) -> Analysed:
        """Track and judge what was detected; frames come in order of presentation, from one thread.

        Events of a clock restart (who was there has left) come with the first frame after it.
        """
        events = self.finish() if frame.is_discontinuous else []
        moment = Moment(frame.camera_time_s, frame.wall_time_s)
        tracked = self._tracker.update(found, frame.camera_time_s)
        self._pictures.see(frame, tracked)
        self._last = moment
        for rule in self._rules:
            events += self._with_snapshots(rule.update(tracked, moment))
        if not len(tracked):
            self._pictures.forget_scene()
        return Analysed(frame, tracked, events, self._counts())

    @property
    def needs_frames(self) -> bool:
        """Whether a rule waits for something that it would miss if the camera slept."""
        return any(getattr(rule, "needs_frames", False) for rule in self._rules)

    def finish(self) -> list[Event]:
        """The events owed when the camera ends or its clock restarts; the next frame starts afresh."""
        events = [event for rule in self._rules for event in rule.finish(self._last)]
        events = self._with_snapshots(events)
        self._tracker.reset()
        self._pictures.clear()
        return events

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for rule in self._rules:
            for label, count in rule.counts.items():
                counts[label if label not in counts else f"{rule.name}: {label}"] = count
        return counts

    def _with_snapshots(self, events: list[Event]) -> list[Event]:
        return [self._with_snapshot(event) for event in events]

    def _with_snapshot(self, event: Event) -> Event:
        best = self._pictures.snapshot(event.track_id if event.best_track_id is None else event.best_track_id)
        return event if best is None else replace(event, snapshot=best.jpeg, box=best.box or event.box)
