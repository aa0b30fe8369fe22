"""From names and options to the parts that run: the place where rooms meet."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watchpost import plugins
from watchpost.clock import Clock
from watchpost.config import Configuration, ModelSection
from watchpost.config.models import DetectorSection
from watchpost.detectors import Detector
from watchpost.errors import ConfigError
from watchpost.options import Options
from watchpost.picture import ArrayPicture
from watchpost.pipeline import Analysed
from watchpost.rules import Rule
from watchpost.runtime.delivery import Delivery
from watchpost.runtime.lane import Served
from watchpost.runtime.live import LiveHub
from watchpost.runtime.reconnect import State
from watchpost.runtime.shape import measure_batch
from watchpost.sinks import Sink
from watchpost.stores import EventStore
from watchpost.trackers import Tracker
from watchpost.types import Event, Frame

Points = Mapping[str, NDArray[np.floating]]
"""Zones or lines by name: (K, 2) fractions of the frame's width and height, 0-1."""


def make_detector(section: DetectorSection, least_confidence: float) -> Detector:
    """The detector of a configured model. Unless the model says otherwise, it reports from `least_confidence` on.

    Raises `WatchpostError` for a model that can not be loaded.
    """
    # One thread a call: cameras call at the same time, and that makes more frames a second than threads within a call.
    unset = {"confidence": least_confidence, "threads": 1}
    update = {name: value for name, value in unset.items() if getattr(section.options, name, value) is None}
    options = section.options.model_copy(update=update)
    detector: Detector = plugins.load("detectors", section.kind).create(options)
    return detector


def make_served(section: ModelSection, least_confidence: float, clock: Clock, before: Served | None = None) -> Served:
    """A configured model as cameras share it. The batch is measured where it is not set, on an accelerator alone.

    `before` is what it was when it was opened the last time: its batch holds. Raises `WatchpostError` for a model that
    can not be loaded, or a smaller one of other classes.
    """
    detector = make_detector(section, least_confidence)
    smaller = None if section.smaller is None else make_detector(section.smaller, least_confidence)
    if smaller is not None and smaller.class_names != detector.class_names:
        raise ConfigError(
            f"the smaller model {smaller.name} has other classes than {detector.name}: "
            f"{', '.join(smaller.class_names)} instead of {', '.join(detector.class_names)}."
        )
    is_accelerated = bool(getattr(detector, "is_accelerated", False))
    batch = section.batch or 1
    if section.batch is None and is_accelerated:
        grey = ArrayPicture(np.full((720, 1280, 3), 114, np.uint8))
        batch = measure_batch(detector, Frame("measure", grey, 0.0, 0.0, 0), clock) if before is None else before.batch
    fill_s = section.fill if batch > 1 else 0.0
    return Served(detector, batch, fill_s, section.share, smaller, is_accelerated=is_accelerated)


def make_tracker(kind: str, options: Options | None = None) -> Tracker:
    """A new tracker. Raises `ConfigError` for an unknown kind."""
    module = plugins.load("trackers", kind)
    tracker: Tracker = module.create(options or module.Options())
    return tracker


def make_rule(
    kind: str,
    camera: str,
    options: Options | None = None,
    name: str | None = None,
    zones: Points | None = None,
    lines: Points | None = None,
) -> Rule:
    """A new rule of one camera. Raises `ConfigError` for an unknown kind."""
    module = plugins.load("rules", kind)
    rule: Rule = module.create(
        options or module.Options(), name=name or kind, camera=camera, zones=zones or {}, lines=lines or {}
    )
    return rule


def wanted_classes(configured: frozenset[str] | None, detector: Detector | None) -> frozenset[str]:
    """The classes to keep, empty for all: as configured, else people where the model knows them."""
    if configured is not None:
        return configured
    known = () if detector is None else detector.class_names
    return frozenset({"person"} & set(known))


def make_delivery(config: Configuration, clock: Clock) -> Delivery:
    """Store and sinks of a configuration. Raises `WatchpostError` when one of them can not be used."""
    with ExitStack() as opened:  # where one can not be used, those before it let go again
        store = make_store(config)
        opened.callback(store.close)
        sinks: list[Sink] = []
        for section in config.sinks:
            sink: Sink = plugins.load("sinks", section.kind).create(_in_folder(section.options, config.data), clock)
            opened.callback(sink.close, 0.0)
            sinks.append(sink)
        opened.pop_all()
    return Delivery(store, sinks, clock)


def make_store(config: Configuration) -> EventStore:
    """The event store of a configuration. Raises `WatchpostError` when it can not be used."""
    store: EventStore = plugins.load("stores", config.store.kind).create(_in_folder(config.store.options, config.data))
    return store


def _in_folder(options: Options, folder: Path) -> Options:
    """The options with files that nobody has placed elsewhere in `folder`."""
    unplaced = {
        name: folder / value
        for name, value in options
        if isinstance(value, Path) and name not in options.model_fields_set
    }
    return options.model_copy(update=unplaced)


def show(hub: LiveHub, result: Analysed, dropped: int) -> None:
    """Publish an analysed frame on the live hub."""
    hub.publish(result.frame.camera, result.frame, result.detections, result.counts, dropped=dropped)


def show_events(hub: LiveHub, events: list[Event]) -> None:
    """Publish events on the live hub."""
    for event in events:
        hub.add_event(event)


def show_state(hub: LiveHub, camera: str, state: State) -> None:
    """Publish what has become of a camera's connection on the live hub."""
    hub.set_state(camera, "reconnecting" if state.name == "lost" else state.name, state.detail)
