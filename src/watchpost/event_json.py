"""Events as JSON objects: the one form that stores, sinks, files and the page share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from watchpost.types import Event, Moment


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as a dict that `json.dumps` takes, in the field names of `Event`, without the snapshot.

    Moments hold `camera_time_s` and `wall_time_s` in seconds and `time`, the wall time as RFC 3339 in UTC.
    `has_snapshot` says whether the event carries a picture.
    """
    return {
        "id": event.id,
        "camera": event.camera,
        "rule": event.rule,
        "kind": event.kind,
        "class_name": event.class_name,
        "track_id": event.track_id,
        "start": _moment_to_json(event.start),
        "end": _moment_to_json(event.end),
        "score": round(float(event.score), 4),
        "box": None if event.box is None else [round(float(edge), 5) for edge in event.box],
        "zone": event.zone,
        "attributes": dict(event.attributes),
        "has_snapshot": event.snapshot is not None,
    }


def event_from_json(data: Mapping[str, Any], snapshot: bytes | None = None) -> Event:
    """The event that `event_to_json` wrote, with `snapshot` as its picture.

    Raises `ValueError` naming the field that is missing or wrong.
    """
    try:
        box = data["box"]
        return Event(
            id=str(data["id"]),
            camera=str(data["camera"]),
            rule=str(data["rule"]),
            kind=str(data["kind"]),
            class_name=str(data["class_name"]),
            track_id=None if data["track_id"] is None else int(data["track_id"]),
            start=_moment_from_json(data["start"]),
            end=_moment_from_json(data["end"]),
            score=float(data["score"]),
            box=None if box is None else _box_from_json(box),
            zone=None if data["zone"] is None else str(data["zone"]),
            attributes=dict(data["attributes"]),
            snapshot=snapshot,
        )
    except KeyError as error:
        raise ValueError(f"an event without {error}") from None
    except TypeError as error:
        raise ValueError(f"not an event: {error}") from None


def _moment_to_json(moment: Moment) -> dict[str, Any]:
    time = datetime.fromtimestamp(moment.wall_time_s, UTC).isoformat(timespec="milliseconds")
    return {
        "camera_time_s": round(float(moment.camera_time_s), 6),
        "wall_time_s": round(float(moment.wall_time_s), 6),
        "time": time.replace("+00:00", "Z"),
    }


def _moment_from_json(data: Mapping[str, Any]) -> Moment:
    return Moment(float(data["camera_time_s"]), float(data["wall_time_s"]))


def _box_from_json(box: list[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in box)
    return left, top, right, bottom
