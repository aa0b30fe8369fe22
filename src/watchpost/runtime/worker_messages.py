"""What a server and its worker processes tell each other, as messages of their link.

| to the worker | |
| --- | --- |
| `apply` | the configuration of its cameras |
| `watch` | somebody looks at a camera: send pictures of this width for a while |
| `watch_streams` | send the packets and boxes of these cameras, and of no others: `stream_relay.py` |
| `wake` | keep a camera awake for so many seconds |
| `stop` | end in order |

| from the worker | |
| --- | --- |
| `report` | once a second: each camera's status and figures; also its sign of life |
| `event` | an event, its snapshot as the body |
| `picture` | a drawn picture that was asked for, a JPEG as the body |
| `stream` | what a watched camera's packets are from here on |
| `packet` | one of them, its data as the body |
| `boxes` | what was found in a frame of a watched camera |
| `footprint` | once a minute, and at the end: where people stood, a grid of a camera and an hour as the body |

The configuration is a pickle. Only what a server writes for the process that it started itself is ever unpickled; a
server unpickles nothing, as a worker meets what strangers send: its cameras' streams.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from watchpost.config import Configuration
from watchpost.event_json import event_from_json, event_to_json
from watchpost.runtime.figures import CameraFigures, Figures, ModelFigures
from watchpost.runtime.footprints import COLUMNS, ROWS, Footprint
from watchpost.runtime.link import Message
from watchpost.runtime.live import CameraStatus
from watchpost.types import Event

_FIGURES: Final = TypeAdapter(tuple[CameraFigures, ...])
_MODELS: Final = TypeAdapter(tuple[ModelFigures, ...])
_STATUSES: Final = TypeAdapter(tuple[CameraStatus, ...])


@dataclass(frozen=True, slots=True)
class Report:
    """How a worker and its cameras are, at one moment."""

    statuses: tuple[CameraStatus, ...]
    sequences: Mapping[str, int]
    """The number of the newest frame, by camera."""
    figures: Mapping[str, Any]
    """For `read_figures`; they are looked at only when somebody asks."""
    busy_s: float
    """How long its main loop has been at one thing: starting cameras, loading a model."""


def apply_message(config: Configuration, detector_threads: int) -> Message:
    """Run this configuration's cameras; detectors run in so many threads."""
    return Message("apply", {"detector_threads": detector_threads}, pickle.dumps(config))


def read_apply(message: Message) -> tuple[Configuration, int]:
    """Configuration and number of threads. For the worker alone."""
    config = pickle.loads(message.body)  # noqa: S301 - of the server that started this process
    if not isinstance(config, Configuration):
        raise TypeError(f"expected a Configuration, got {type(config).__name__}")
    return config, int(message.data["detector_threads"])


def event_message(event: Event) -> Message:
    """An event of one of the cameras."""
    return Message("event", event_to_json(event), event.snapshot or b"")


def read_event(message: Message) -> Event:
    """The event. Raises `ValueError` for what is none."""
    return event_from_json(message.data, message.body or None)


def picture_message(camera: str, width: int, sequence: int, jpeg: bytes) -> Message:
    """A drawn picture of a camera's frame `sequence`."""
    return Message("picture", {"camera": camera, "width": width, "sequence": sequence}, jpeg)


def footprint_message(footprint: Footprint) -> Message:
    """Where people stood in a camera's picture."""
    data = {"camera": footprint.camera, "hour_s": footprint.hour_s}
    return Message("footprint", data, footprint.seconds.astype("<f4").tobytes())


def read_footprint(message: Message) -> Footprint:
    """The grid. Raises `ValueError` for what is none."""
    try:
        seconds = np.frombuffer(message.body, "<f4").reshape(ROWS, COLUMNS).astype(np.float32)
        if not (np.isfinite(seconds) & (seconds >= 0)).all():
            raise ValueError("seconds below 0")
        return Footprint(str(message.data["camera"]), int(message.data["hour_s"]), seconds)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no footprint: {error}") from None


def report_message(
    statuses: Sequence[CameraStatus], sequences: Mapping[str, int], figures: Figures, busy_s: float
) -> Message:
    """How the worker and its cameras are."""
    return Message(
        "report",
        {
            "statuses": [asdict(status) for status in statuses],
            "sequences": dict(sequences),
            "figures": {
                "cameras": _FIGURES.dump_python(figures.cameras, mode="json"),
                "batcher": dict(figures.batcher),
                "models": _MODELS.dump_python(figures.models, mode="json"),
            },
            "busy_s": busy_s,
        },
    )


def read_report(message: Message) -> Report:
    """The report. Raises `ValueError` for what is none."""
    data = message.data
    try:
        return Report(
            _STATUSES.validate_python(data["statuses"]),
            {str(name): int(number) for name, number in data["sequences"].items()},
            dict(data["figures"]),
            float(data["busy_s"]),
        )
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"no report: {error}") from None


def read_figures(data: Mapping[str, Any]) -> Figures:
    """The figures of a report. Raises `ValueError` for what are none."""
    try:
        cameras = _FIGURES.validate_python(data["cameras"])
        batcher = {str(name): float(value) for name, value in data["batcher"].items()}
        return Figures(cameras, batcher, models=_MODELS.validate_python(data["models"]))
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"no figures: {error}") from None
