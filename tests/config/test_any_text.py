"""Whatever a file holds, reading it ends in a configuration or in a `ConfigError` of clear lines."""

import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from watchpost.config import InvalidConfigError, loads

VALID = """\
data: watchpost-data
web: {host: 127.0.0.1, port: 8010, token: "${TOKEN:-sixteen letters or more}"}
models:
  people: {model: hog, confidence: 0.5}
defaults: &defaults
  model: people
  classes: [person]
  tracker: {kind: bytetrack, patience: 2s}
  max_fps: 10
cameras:
  정문:
    source: rtsp://user:password@10.0.0.5/stream1
    options: {transport: tcp, timeout: 5s}
    zones: {side door: [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9]]}
    lines: {gate line: [[0.2, 0.8], [0.8, 0.8]]}
    rules:
      - {kind: presence}
      - {kind: zone, zone: side door, dwell: 30s}
      - {kind: line, line: gate line}
  yard:
    <<: *defaults
    source: yard.mp4
    enabled: false
sinks:
  - {kind: jsonl, path: events.jsonl}
store: {kind: sqlite}
"""
PIECES = [
    *("\t", "\n", "  ", ":", ": ", "- ", "[", "]", "{", "}", "'", '"', "&a ", "*a", "!x ", "!!int ", "? ", "|\n", "#"),
    *("%", "@", "\x00", "\ufeff", "\u2028", "null", "~", "-1", "1e999", ".nan", "${", "${X}", "<<: ", "---\n", "...\n"),
    *("9" * 5000, "~root/", "x" * 300, "0x", "[[0, 0]]", "true", "2026-01-01", "문", "😀", "/", "..", "\\"),
]
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(content: str | bytes) -> None:
    try:
        loads(content, name="f.yaml", environment={})
    except InvalidConfigError as error:
        problems, told = error.problems, str(error).split("\n")
    else:
        return
    assert 0 < len(problems) == len(told)
    assert all(line.startswith("f.yaml:") and line.isprintable() for line in told)
    assert problems == tuple(sorted(problems))


def test_the_example_to_be_mutated_is_valid():
    assert len(loads(VALID, environment={}).cameras) == 2


@QUICK
@given(st.text())
def test_any_text(text: str):
    check(text)


@QUICK
@given(st.binary())
def test_any_bytes(content: bytes):
    check(content)


@QUICK
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_piece_of_syntax(text: str):
    check(text)


@QUICK
@given(st.integers(0, len(VALID)), st.integers(0, 40), st.sampled_from(["", *PIECES]))
def test_a_valid_file_with_a_part_replaced(start: int, length: int, piece: str):
    check(VALID[:start] + piece + VALID[start + length :])


@QUICK
@given(st.randoms(use_true_random=False))
def test_a_valid_file_with_its_lines_shuffled_or_lost(random: random.Random):
    lines = VALID.splitlines(keepends=True)
    first, second = sorted(random.sample(range(len(lines)), 2))
    lines[first], lines[second] = lines[second], lines[first]
    del lines[random.randrange(len(lines))]
    check("".join(lines))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(PIECES)
KEYS = st.sampled_from(
    [*"a", "", "kind", "model", "backend", "name", "zone", "zones", "line", "options", "source", "url"]
)
SHAPES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value below `data`."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


PARSED = YAML(typ="safe", pure=True).load(VALID)
PLACES = list(places(PARSED))


@settings(QUICK, max_examples=200)
@given(st.sampled_from(PLACES), SHAPES)
def test_a_valid_file_with_a_value_of_any_shape(place: tuple[Any, ...], value: object):
    data = json.loads(json.dumps(PARSED))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    check(json.dumps(data))
