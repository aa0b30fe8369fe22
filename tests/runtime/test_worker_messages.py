"""What is told arrives as it was said."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import event
from watchpost.config import loads
from watchpost.config.gate import GateOptions
from watchpost.runtime.figures import CameraFigures, Figures
from watchpost.runtime.footprints import COLUMNS, ROWS, Footprint
from watchpost.runtime.link import Message, read_message
from watchpost.runtime.live import CameraStatus
from watchpost.runtime.worker_messages import (
    apply_message,
    event_message,
    footprint_message,
    read_apply,
    read_event,
    read_figures,
    read_footprint,
    read_report,
    report_message,
)
from watchpost.video.gate import Gate
from watchpost.video.ring import Ring

STATUS = CameraStatus("옆문", "live", "", 5.0, 640, 480, 0, 1, 0.25, "awake", "picture")


def sent(message: Message) -> Message:
    arrived = read_message(io.BytesIO(message.encoded()))
    assert arrived is not None
    return arrived


def test_a_configuration_arrives_whole(tmp_path: Path) -> None:
    text = """
models: {blind: {model: fake_rooms.blind}}
cameras:
  gate:
    source: rtsp://me:secret@10.0.0.5/1
    options: {transport: udp}
    zones: {door: [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}
    rules: [{kind: zone, zone: door, dwell: 30s}]
"""
    config = loads(text, folder=tmp_path)
    assert read_apply(sent(apply_message(config, 3))) == (config, 3)


def test_only_a_configuration_is_one() -> None:
    message = replace(apply_message(loads("{}"), 1), body=b"\x80\x04N.")
    with pytest.raises(TypeError, match="NoneType"):
        read_apply(message)


def test_an_event_arrives_with_its_picture() -> None:
    said = replace(event(), zone="옆문", attributes={"dwell_s": 1.5}, snapshot=b"\xff\xd8jpeg")
    assert read_event(sent(event_message(said))) == said
    assert read_event(sent(event_message(replace(said, snapshot=None)))).snapshot is None


def test_a_report_arrives_with_all_that_a_gate_explains() -> None:
    gate = Gate(GateOptions(), Ring(1000, 10.0)).explain()
    camera = CameraFigures("옆문", 1, 2, 3, 4, 5, 6, 7, 8, gate)
    figures = Figures((camera, replace(camera, name="file", gate=None)), {"detected": 9.0, "level": 1})
    report = read_report(sent(report_message([STATUS], {"옆문": 12}, figures, 0.5)))
    assert report.statuses == (STATUS,)
    assert report.sequences == {"옆문": 12}
    assert report.busy_s == 0.5
    assert read_figures(report.figures) == figures


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"statuses": [{}], "sequences": {}, "figures": {}, "busy_s": 0},
        {"statuses": [], "sequences": [], "figures": {}, "busy_s": 0},
        {"statuses": [], "sequences": {"a": "x"}, "figures": {}, "busy_s": 0},
    ],
)
def test_what_is_no_report_is_told(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no report|invalid literal"):
        read_report(Message("report", data))


def test_what_are_no_figures_is_told() -> None:
    with pytest.raises(ValueError, match="no figures"):
        read_figures({"cameras": [{"name": 1}], "batcher": {}})


def test_where_people_stood_arrives_to_the_second() -> None:
    seconds = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS) / 7
    found = read_footprint(sent(footprint_message(Footprint("옆문", 7200, seconds))))
    assert (found.camera, found.hour_s) == ("옆문", 7200)
    assert (found.seconds == seconds).all()


@pytest.mark.parametrize("cells", [b"", b"\0" * 12, b"\xff" * (ROWS * COLUMNS * 4)])
def test_what_is_no_grid_is_told(cells: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - numpy's words for it
        read_footprint(Message("footprint", {"camera": "a", "hour_s": 0}, cells))
