"""What Home Assistant must be told to show a camera (MQTT discovery, home-assistant.io/integrations/mqtt)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import watchpost


def topic_name(name: str) -> str:
    """A name as a level of a topic and as an id: letters, digits, `_` and `-`; different names stay different.

    >>> topic_name("gate")
    'gate'
    >>> topic_name("정문/1")
    '1-0834b6'
    """
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}".lstrip("-")


def discovery(prefix: str, discovery_prefix: str, camera: str, class_name: str) -> list[tuple[str, dict[str, Any]]]:
    """Topics and payloads that make a camera's entities: occupancy, count and last event."""
    device_id = f"{topic_name(prefix)}_{topic_name(camera)}"
    base = f"{prefix}/{topic_name(camera)}"
    state = f"{base}/{topic_name(class_name)}"
    shared = {
        "availability_topic": f"{prefix}/status",
        "device": {
            "identifiers": [device_id],
            "name": camera,
            "manufacturer": "Watchpost",
            "sw_version": watchpost.__version__,
        },
        "origin": {"name": "Watchpost", "sw_version": watchpost.__version__},
    }
    entities: list[tuple[str, str, dict[str, Any]]] = [
        (
            "binary_sensor",
            f"{topic_name(class_name)}_occupied",
            {"name": class_name.capitalize(), "device_class": "occupancy", "state_topic": f"{state}/occupied"},
        ),
        (
            "sensor",
            f"{topic_name(class_name)}_count",
            {
                "name": f"{class_name.capitalize()} count",
                "state_topic": f"{state}/count",
                "state_class": "measurement",
                "icon": "mdi:counter",
            },
        ),
        (
            "sensor",
            "last_event",
            {
                "name": "Last event",
                "state_topic": f"{base}/last_event",
                "value_template": "{{ value_json.kind }}",
                "json_attributes_topic": f"{base}/last_event",
                "icon": "mdi:cctv",
            },
        ),
    ]
    return [
        (
            f"{discovery_prefix}/{component}/{device_id}/{entity}/config",
            {"unique_id": f"{device_id}_{entity}"} | own | shared,
        )
        for component, entity, own in entities
    ]
