"""The JSON Schema of the configuration file, with the options of every plugin, for editors that complete and check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from watchpost import plugins
from watchpost.config.models import (
    MODEL_FILES,
    Configuration,
    DetectorSection,
    ModelSection,
    RuleSection,
    SinkSection,
    StoreSection,
    TrackerSection,
)
from watchpost.config.plugin import PluginSection

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SECTIONS: Final[tuple[type[PluginSection], ...]] = (RuleSection, SinkSection, StoreSection, TrackerSection)
_FOREIGN: Final = {"type": "string", "pattern": r"\.", "description": "A module of another package."}
_MODEL_FILE: Final = r"\.(" + "|".join(ending[1:] for ending in MODEL_FILES) + ")$"


def json_schema() -> Schema:
    """The schema (draft 2020-12). Plugins are told apart by `kind`, a camera's options by its source's address."""
    schema = Configuration.model_json_schema()
    definitions: Schema = schema["$defs"]
    definitions.pop("Options", None)
    for section in _SECTIONS:
        definitions[section.__name__] = _section(section, definitions)
    for model in (DetectorSection, ModelSection):
        definitions[model.__name__] = _model_section(model, definitions)
    definitions["Camera"]["allOf"] = list(_source_options(definitions))
    for part in (schema, *definitions.values()):
        _drop_titles(part)
    return {"$schema": _DIALECT, "title": "Watchpost configuration", **schema}


def _section(section: type[PluginSection], definitions: Schema) -> Schema:
    """`{kind: NAME, ...}` for each plugin of the room, another package's plugin, or a name alone."""
    original = definitions[section.__name__]
    shared = {name: part for name, part in original["properties"].items() if name not in ("kind", "options")}
    kinds = plugins.names(section.room)
    choices: list[Schema] = []
    for kind in kinds:
        options = _options(section.room, kind, definitions)
        properties = {"kind": {"const": kind}, **shared, **options["properties"]}
        required = ["kind", *options.get("required", [])]
        choices.append({**options, "properties": properties, "required": required})
    foreign = {"type": "object", "properties": {"kind": _FOREIGN}, "required": ["kind"]}
    short = {"anyOf": [{"enum": kinds}, _FOREIGN]}
    return {"description": original["description"], "anyOf": [{"oneOf": [*choices, foreign]}, short]}


def _model_section(section: type[DetectorSection], definitions: Schema) -> Schema:
    """A plugin that is a model by itself, or a file for one of the plugins that take one."""
    original = definitions[section.__name__]["properties"]
    shared = {name: part for name, part in original.items() if name not in ("kind", "options")}
    choices: list[Schema] = []
    by_themselves: list[str] = []
    for kind in plugins.names(section.room):
        options = _options(section.room, kind, definitions)
        required = {"model", *options.get("required", [])}
        if "model" in options["properties"]:
            pattern = "|".join([_MODEL_FILE, *(f"^{re.escape(name)}$" for name in plugins.model_names())])
            model = {**options["properties"]["model"], "type": "string", "pattern": pattern}
            properties = {"model": model, "backend": {"const": kind}, **shared}
            required |= set() if kind == "onnx" else {"backend"}
        else:
            by_themselves.append(kind)
            properties = {"model": {"const": kind}, **shared}
        choices.append({**options, "properties": options["properties"] | properties, "required": sorted(required)})
    foreign_name = {"pattern": r"\.", "not": {"pattern": _MODEL_FILE}}
    foreign = {"type": "object", "properties": {"model": foreign_name}, "required": ["model"]}
    short = {"anyOf": [{"enum": [*by_themselves, *plugins.model_names()]}, {"type": "string", "pattern": r"\."}]}
    description = definitions[section.__name__]["description"]
    return {"description": description, "anyOf": [{"oneOf": [*choices, foreign]}, short]}


def _source_options(definitions: Schema) -> list[Schema]:
    """A camera's `options` by the scheme of its `source`; paths may be files or folders and stay open."""
    conditions: list[Schema] = []
    for kind in plugins.names("sources"):
        options = _options("sources", kind, definitions)
        schemes = "|".join(re.escape(scheme) for scheme in plugins.load("sources", kind).SCHEMES)
        if schemes:
            address = {"properties": {"source": {"pattern": f"^({schemes}):"}}, "required": ["source"]}
            conditions.append({"if": address, "then": {"properties": {"options": options}}})
    return conditions


def _options(room: str, kind: str, definitions: Schema) -> Schema:
    """A plugin's options; the definitions that they refer to join the file's, under names of their own."""
    prefix = f"{room}.{kind}."
    options: Schema = plugins.load(room, kind).Options.model_json_schema(
        ref_template=f"#/$defs/{prefix}{{model}}", mode="validation"
    )
    definitions |= {prefix + name: part for name, part in options.pop("$defs", {}).items()}
    options.setdefault("properties", {})
    return options


def _drop_titles(part: object) -> None:
    """Titles that repeat a setting's name are noise in an editor. A setting called `title` stays."""
    if isinstance(part, Mapping):
        if isinstance(part, dict) and isinstance(part.get("title"), str):
            del part["title"]
        for value in part.values():
            _drop_titles(value)
    elif isinstance(part, list):
        for value in part:
            _drop_titles(value)
