"""Writes the tables of docs/configuration.md from the settings' own descriptions.

    python scripts/write_configuration_reference.py     (or: make docs)

A test fails while the page and the settings differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from watchpost import plugins
from watchpost.config import Camera, Configuration, ModelSection, RuleSection, SinkSection, Web
from watchpost.config.detection import DetectionOptions, LoadOptions
from watchpost.config.gate import GateOptions, RingOptions
from watchpost.config.history import HistoryOptions
from watchpost.config.models import Defaults
from watchpost.config.outputs import OutputOptions
from watchpost.config.recording import RecordingOptions, StorageOptions
from watchpost.config.serve import RtspOptions, ServeOptions
from watchpost.options import Settings

PAGE: Final = Path(__file__).parents[1] / "docs" / "configuration.md"
MARK: Final = "<!-- From here on written by scripts/write_configuration_reference.py. -->\n"
_ROOMS: Final = {
    "Trackers (`tracker:`)": "trackers",
    "Rules (`rules:`)": "rules",
    "Models (`models:`)": "detectors",
    "Sources (`options:` of a camera)": "sources",
    "Sinks (`sinks:`)": "sinks",
    "Stores (`store:`)": "stores",
}


def reference() -> str:
    """All settings as Markdown, one table for each part of the file and for each plugin."""
    parts: dict[str, type[Settings]] = {"The file": Configuration, "`web:`": Web}
    parts |= {"`defaults:`": Defaults, "A camera": Camera}
    parts |= {"`gate:` of a camera": GateOptions, "`ring:` of a camera": RingOptions}
    parts |= {"`recording:` of a camera": RecordingOptions, "`recordings:`": StorageOptions}
    parts |= {"`outputs:` of a camera": OutputOptions}
    parts |= {"`history:`": HistoryOptions}
    parts |= {"`detection:`": DetectionOptions, "`load:` of `detection:`": LoadOptions}
    parts |= {"`serve:`": ServeOptions, "`rtsp:` of `serve:`": RtspOptions}
    lines = [MARK, "## All settings"]
    for title, part in parts.items():
        lines += [f"### {title}", _text(part.__doc__), "", *_table(part.model_fields)]
    for title, room in _ROOMS.items():
        lines += [f"### {title}", *_shared(room)]
        for kind in plugins.names(room):
            options = plugins.load(room, kind).Options
            lines += [f"#### `{kind}`", _text(options.__doc__), "", *_table(options.model_fields)]
    return "\n".join(lines).rstrip() + "\n"


def _shared(room: str) -> Iterator[str]:
    """What every plugin of a room takes besides its own options."""
    sections: dict[str, type[Settings]] = {"rules": RuleSection, "sinks": SinkSection}
    if room == "detectors":
        yield "`model` names the plugin, or a model file; with a file, `backend` may choose `onnx` or `openvino`."
        yield "Each takes"
        yield ""
        fields = ModelSection.model_fields
        yield from _table({name: each for name, each in fields.items() if name not in ("kind", "options")})
    elif room == "sources":
        yield "The address of `source` tells which of these is meant."
        yield ""
    elif room in sections:
        fields = sections[room].model_fields
        yield "Each has a `kind`, and"
        yield ""
        yield from _table({name: each for name, each in fields.items() if name not in ("kind", "options")})


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    if not fields:
        yield "No settings.\n"
        return
    yield "| setting | default | meaning |"
    yield "| --- | --- | --- |"
    for name, each in fields.items():
        yield f"| `{name}` | {_default(each)} | {_text(each.description)} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return f"`{_plain(value)}`" if value is not None else ""


def _plain(value: Any) -> str:
    """A default as it would be written in the file."""
    if isinstance(value, Settings):
        return str(getattr(value, "kind", "{}"))
    if isinstance(value, tuple | frozenset | list):
        return f"[{', '.join(_plain(item) for item in value)}]"
    return str(value) if isinstance(value, str | Path) else json.dumps(value)


def _text(description: str | None) -> str:
    return " ".join((description or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(before + reference(), encoding="utf-8")
