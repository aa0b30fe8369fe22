"""A file says something else, and every byte that need not change is as it was."""

from __future__ import annotations

import copy
import difflib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watchpost.config
from watchpost.config.edit import EditError, rewritten, written

OFFICE = """\
# The office, by hand.
data: watchpost-data   # on the large disk

models:
  people: {model: watchpost-person, confidence: 0.40}  # tried in May

cameras:
  # the gate at the road
  gate:
    source: rtsp://watchpost:${GATE_PASSWORD}@10.0.0.5/stream1   # user of its own
    max_fps: 5      # more is not needed
    zones:
      # where the lorries stand
      side door: [[0.10, 0.2], [0.4, 0.2], [0.4, 0.9]]   # measured
      yard: [[0, 0], [1, 0], [1, 1]]
    rules:
      - {kind: presence}
      - kind: zone
        zone: side door

  # the old one
  "back yard":
    source: 'synthetic:'
    enabled: false

# At the end.
store: {kind: sqlite}
"""


def edit(text: str, change: Any) -> tuple[str, list[str]]:
    """The new text, and the lines that were taken out (-) and put in (+)."""
    wanted = copy.deepcopy(written(text.encode()))
    change(wanted)
    new = rewritten(text.encode(), wanted).decode()
    assert written(new.encode()) == wanted
    lines = difflib.ndiff(text.splitlines(keepends=True), new.splitlines(keepends=True))
    return new, [line.rstrip("\n") for line in lines if line[0] in "+-"]


def test_what_is_read_is_what_is_written_without_variables() -> None:
    data = written(OFFICE.encode())
    assert data["cameras"]["gate"]["source"] == "rtsp://watchpost:${GATE_PASSWORD}@10.0.0.5/stream1"
    assert data["cameras"]["back yard"] == {"source": "synthetic:", "enabled": False}


def test_nothing_changes_where_nothing_is_to_change() -> None:
    assert rewritten(OFFICE.encode(), written(OFFICE.encode())) == OFFICE.encode()


def test_a_value_changes_and_its_comment_stays() -> None:
    _, lines = edit(OFFICE, lambda data: data["cameras"]["gate"].update(max_fps=2.5))
    assert lines == ["-     max_fps: 5      # more is not needed", "+     max_fps: 2.5      # more is not needed"]


def test_a_threshold_in_a_group_of_one_line() -> None:
    _, lines = edit(OFFICE, lambda data: data["models"]["people"].update(confidence=0.5, share=2))
    assert lines[1] == "+   people: {model: watchpost-person, confidence: 0.5, share: 2}  # tried in May"


def test_a_zone_is_added_beside_the_others() -> None:
    zone = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]
    _, lines = edit(OFFICE, lambda data: data["cameras"]["gate"]["zones"].update({"왼쪽": zone}))
    assert lines == ["+       왼쪽: [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]"]


def test_one_zone_goes_another_comes() -> None:
    def change(data: Any) -> None:
        zones = data["cameras"]["gate"]["zones"]
        del zones["yard"]
        zones["new: yard"] = [[0, 0], [1, 0], [0, 1]]

    _, lines = edit(OFFICE, change)
    assert lines == ["-       yard: [[0, 0], [1, 0], [1, 1]]", '+       "new: yard": [[0, 0], [1, 0], [0, 1]]']


def test_settings_that_were_not_there_come_behind_the_others() -> None:
    new, lines = edit(OFFICE, lambda data: data["cameras"]["gate"].update(recording={"mode": "events", "keep": None}))
    assert lines == ["+     recording: {mode: events, keep: null}"]
    assert "        zone: side door\n    recording:" in new


def test_rules_are_replaced_as_a_list() -> None:
    rules = [{"kind": "presence"}, {"kind": "zone", "zone": "yard", "dwell": "30s", "name": "somebody is in the yard"}]
    new, _ = edit(OFFICE, lambda data: data["cameras"]["gate"].update(rules=rules))
    assert (
        "    rules:\n      - {kind: presence}\n"
        '      - {kind: zone, zone: yard, dwell: "30s", name: somebody is in the yard}\n\n  # the old one\n' in new
    )


def test_a_camera_comes_and_one_goes() -> None:
    def change(data: Any) -> None:
        del data["cameras"]["gate"]
        data["cameras"]["정문"] = {"source": "rtsp://10.0.0.6/1", "zones": {"a": [[0, 0], [1, 0], [1, 1]]}}

    new, lines = edit(OFFICE, change)
    assert [line for line in lines if line[0] == "+"] == [
        "+   정문:",
        '+     source: "rtsp://10.0.0.6/1"',
        "+     zones:",
        "+       a: [[0, 0], [1, 0], [1, 1]]",
    ]
    assert "# the old one\n" in new
    assert "# At the end.\n" in new


def test_the_last_of_a_group_leaves_it_empty() -> None:
    new, _ = edit("cameras:\n  gate: {source: 'synthetic:'}  # only one\n", lambda data: data.update(cameras={}))
    assert new == "cameras: {}  # only one\n"


def test_a_group_comes_where_none_is() -> None:
    camera = {"gate": {"source": "synthetic:"}}
    for text in (
        "",
        "# nothing yet",
        "data: x\n",
        "data: x",
        "cameras:\n",
        "cameras: {}\n",
        "cameras:   # none\ndata: x\n",
    ):
        new, _ = edit(text, lambda data: data.update(cameras=camera))
        assert written(new.encode())["cameras"] == camera
        assert [line for line in text.splitlines() if line.startswith("#")] == [
            line for line in new.splitlines() if line.startswith("#")
        ]


def test_line_breaks_and_a_byte_order_mark_stay() -> None:
    content = b"\xef\xbb\xbf" + OFFICE.replace("\n", "\r\n").encode()
    wanted = written(content)
    wanted["cameras"]["gate"]["weight"] = 2
    del wanted["cameras"]["back yard"]["enabled"]
    new = rewritten(content, wanted)
    assert new.startswith(b"\xef\xbb\xbf#")
    assert new.count(b"\n") == new.count(b"\r\n")
    assert written(new) == wanted


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a: &x {b: 1}\nc: *x\n", lambda data: data["a"].update(b=2)),
        ("a: &x {b: 1}\nc: *x\n", lambda data: data.pop("a")),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", lambda data: data["c"].pop("b")),
    ],
)
def test_what_is_written_once_for_several_places_is_left_to_its_owner(text: str, change: Any) -> None:
    with pytest.raises(EditError, match="by hand"):
        edit(text, change)


def test_what_comes_from_elsewhere_is_overridden_in_its_place() -> None:
    new, lines = edit("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", lambda data: data["c"].update(b=3))
    assert lines == ["+   b: 3"]
    new, _ = edit("a: &x {b: 1}\nc: *x\n", lambda data: data.update(c={"b": 4}))
    assert new == "a: &x {b: 1}\nc: {b: 4}\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object(), "a\x07b\x7f"])
def test_what_no_file_can_say_is_refused_or_said_right(value: Any) -> None:
    try:
        new = rewritten(OFFICE.encode(), {**written(OFFICE.encode()), "data": value})
    except EditError:
        return
    assert written(new)["data"] == value


def test_what_is_no_configuration_is_told() -> None:
    with pytest.raises(EditError, match="line 1"):
        written(b"a: [1")
    with pytest.raises(EditError, match="no settings"):
        written(b"- 1\n")


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
keys = st.text(min_size=1, max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


@given(
    wanted=st.dictionaries(st.sampled_from(["cameras", "data", "models", "store", "새것"]) | keys, values, max_size=5)
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_wanted_is_said_or_refused(wanted: dict[str, Any]) -> None:
    try:
        new = rewritten(OFFICE.encode(), wanted)
    except EditError:
        return
    assert "# The office, by hand." in new.decode()


@given(
    name=keys,
    value=values,
    place=st.sampled_from(
        [(), ("cameras",), ("cameras", "gate"), ("cameras", "gate", "zones"), ("models", "people"), ("store",)]
    ),
)
@settings(max_examples=40, deadline=None)
def test_one_new_setting_anywhere_touches_no_other_line(name: str, value: Any, place: tuple[str, ...]) -> None:
    def change(data: Any) -> None:
        for part in place:
            data = data[part]
        data.setdefault(name, value)

    try:
        _, lines = edit(OFFICE, change)
    except EditError:
        return  # a name or text that YAML can not have
    except AssertionError:
        assert value == {}  # a group of nothing counts as not written
        return
    assert len([line for line in lines if line[0] == "-"]) <= 1


@pytest.mark.parametrize(
    "file", sorted(Path(watchpost.config.__file__).parents[3].glob("examples/*.yaml")), ids=lambda file: file.name
)
def test_a_camera_can_be_added_to_every_example(file: Path) -> None:
    content = file.read_bytes()
    wanted = written(content)
    wanted.setdefault("cameras", {})["another one"] = {"source": "synthetic:", "zones": {"a": [[0, 0], [1, 0], [1, 1]]}}
    new = rewritten(content, wanted)
    removed = [
        line for line in difflib.ndiff(content.decode().splitlines(), new.decode().splitlines()) if line[0] == "-"
    ]
    assert removed == []
