import io
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

import watchpost.config
from watchpost import plugins
from watchpost.config.schema import json_schema

ROOT = Path(__file__).parents[2]
EXAMPLES = [*sorted((ROOT / "examples").glob("*.yaml")), Path(watchpost.config.__file__).with_name("example.yaml")]
ENVIRONMENT = {"CAMERA_PASSWORD": "c", "WATCHPOST_TOKEN": "correct horse"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


def faults(schema: dict[str, Any], text: str) -> list[str]:
    data = YAML(typ="safe", pure=True).load(io.StringIO(text))
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(data)]


def test_it_is_a_schema(schema: dict[str, Any]):
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_the_examples_are_valid_for_schema_and_reader(schema: dict[str, Any], file: Path):
    assert faults(schema, file.read_text(encoding="utf-8")) == []
    assert watchpost.config.loads(file.read_bytes(), folder=ROOT, environment=ENVIRONMENT).cameras


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("camaras: {}", "$"),
        ("web: {port: 0}", "$.web.port"),
        ("cameras: {a: {model: m}}", "$.cameras.a"),
        ("cameras: {a: {source: x, zones: {z: [[0, 0], [1, 1]]}}}", "$.cameras.a.zones.z"),
        ("cameras: {a: {source: x, lines: {z: [[0, 0], [2, 1]]}}}", "$.cameras.a.lines.z[1][0]"),
        ("cameras: {a: {source: 'rtsp://h/', options: {transport: tpc}}}", "$.cameras.a.options.transport"),
        ("cameras: {a: {source: x, rules: [{kind: zone}]}}", "$.cameras.a.rules[0]"),
        ("cameras: {a: {source: x, rules: [{kind: presence, klasses: [a]}]}}", "$.cameras.a.rules[0]"),
        ("defaults: {tracker: {kind: bytetrak}}", "$.defaults.tracker"),
        ("defaults: {tracker: bytetrak}", "$.defaults.tracker"),
        ("store: {kind: sqlite, path: 3}", "$.store"),
        ("sinks: [{kind: webhook}]", "$.sinks[0]"),
        ("models: {m: {model: hogg}}", "$.models.m"),
        ("models: {m: {model: hog, backend: onnx}}", "$.models.m"),
        ("models: {m: {model: m.onnx, backend: tflite}}", "$.models.m"),
    ],
)
def test_it_refuses_what_the_reader_refuses(schema: dict[str, Any], text: str, path: str):
    assert faults(schema, text) == [path]
    with pytest.raises(watchpost.config.InvalidConfigError):
        watchpost.config.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "store: sqlite",
        "store: {kind: somebody.store, colour: blue}",
        "defaults: {tracker: sort, rules: [presence, {kind: presence, name: again, confirm: 2s}]}",
        "models: {a: hog, b: b.onnx, c: {model: c.onnx, threads: 2}, d: {model: d.yaml, backend: openvino}}",
        "cameras: {a: {source: clips, options: {fps: 5}}}",
    ],
)
def test_it_accepts_short_forms_and_other_packages_plugins(schema: dict[str, Any], text: str):
    assert faults(schema, text) == []


@pytest.mark.parametrize(
    ("section", "room"),
    [("RuleSection", "rules"), ("SinkSection", "sinks"), ("StoreSection", "stores"), ("TrackerSection", "trackers")],
)
def test_every_plugin_is_in_it_with_its_options(schema: dict[str, Any], section: str, room: str):
    choices = schema["$defs"][section]["anyOf"][0]["oneOf"]
    by_kind = {choice["properties"]["kind"].get("const"): choice["properties"] for choice in choices}
    for kind in plugins.names(room):
        assert by_kind[kind].keys() >= plugins.load(room, kind).Options.model_fields.keys()
