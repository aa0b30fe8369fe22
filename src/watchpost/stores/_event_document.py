"""Events as the documents that are searched: the JSON form of an event, with what people ask for besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchpost.event_json import event_from_json, event_to_json
from watchpost.types import Event

ANALYZER: Final = "watchpost"
"""Name of the analyzer that the Elasticsearch store installs; see `query.words`."""
NAMES: Final = ("camera", "rule", "kind", "class_name", "zone")
"""Fields that hold a name: found as a whole, and by their words as `NAME.text`."""


def to_document(event: Event) -> dict[str, Any]:
    """The event's JSON form (`event_to_json`) and `duration_s`, by the camera's clock."""
    document = event_to_json(event)
    document["duration_s"] = round(document["end"]["camera_time_s"] - document["start"]["camera_time_s"], 6)
    return document


def from_document(document: Mapping[str, Any]) -> Event:
    """The event that `to_document` was given, without its snapshot. Raises `ValueError`."""
    return event_from_json(document)


def texts(document: Mapping[str, Any]) -> list[str]:
    """What the field `text` of a document holds: all names, and the attributes with theirs."""
    found = [document[name] for name in NAMES if document[name]]
    return found + [f"{name} {value}" for name, value in document["attributes"].items()]


def event_mapping(search_analyzer: str | None = None, index_analyzer: str | None = None) -> dict[str, Any]:
    """The mapping of events in Elasticsearch's words; the analyzers are those of a real cluster."""
    text: dict[str, Any] = {"type": "text"}
    if index_analyzer and search_analyzer:
        text |= {"analyzer": index_analyzer, "search_analyzer": search_analyzer}
    name = {"type": "keyword", "fields": {"text": text}}
    moment = {
        "properties": {
            "time": {"type": "date"},
            "wall_time_s": {"type": "double"},
            "camera_time_s": {"type": "double"},
        }
    }
    return {
        "dynamic_templates": [
            {
                "attributes in words": {
                    "path_match": "attributes.*",
                    "match_mapping_type": "string",
                    "mapping": {"type": "keyword"},
                }
            },
            {
                "attributes in numbers": {
                    "path_match": "attributes.*",
                    "match_mapping_type": "long",
                    "mapping": {"type": "double"},
                }
            },
        ],
        "properties": {
            "id": {"type": "keyword"},
            **dict.fromkeys(NAMES, name),
            "track_id": {"type": "long"},
            "start": moment,
            "end": moment,
            "duration_s": {"type": "double"},
            "score": {"type": "double"},
            "box": {"type": "double", "index": False},
            "attributes": {"type": "object"},
            "has_snapshot": {"type": "boolean"},
            "text": text,
        },
    }
