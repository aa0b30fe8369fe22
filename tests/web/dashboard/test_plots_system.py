"""Charts of how the server does, from plain rows."""

from datetime import datetime, timedelta

import pytest

from watchpost.web.dashboard import plots_system
from watchpost.web.dashboard.plot import Plot
from watchpost.web.texts import catalogue

NOON = datetime(2026, 5, 4, 12)
TIMES = [NOON, NOON + timedelta(minutes=5)]


@pytest.fixture
def words():
    head = "insights.words."
    return {key.removeprefix(head): text for key, text in catalogue("en").items() if key.startswith(head)}


def test_the_camera_with_the_largest_hole_comes_first(words):
    plot = plots_system.presence(["gate", "yard"], TIMES, [[1.0, 0.9], [0.0, None]], words)
    (trace,) = plot.traces
    assert trace["y"] == ["yard", "gate"]
    assert trace["z"] == [[0.0, None], [1.0, 0.9]]
    assert plot.rows[0] == ("yard", NOON.isoformat(), 0.0)


def test_what_is_not_known_at_all_is_no_chart(words):
    assert plots_system.presence(["gate"], TIMES, [[None, None]], words).traces == []
    assert plots_system.delays({}, words).traces == []
    assert plots_system.over_time(TIMES, {"cpu": [None, None]}, "%", words).traces == []


def test_the_slowest_camera_is_on_top(words):
    plot = plots_system.delays({"gate": (0.2, 0.4), "yard": (0.1, 3.0)}, words)
    assert plot.traces[1]["y"] == ["yard", "gate"]
    assert plot.traces[2]["x"] == [3.0, 0.4]
    assert plot.rows == [("yard", 0.1, 3.0), ("gate", 0.2, 0.4)]


def test_lines_are_told_apart_without_colours(words):
    plot = plots_system.over_time(TIMES, {"cpu": [1.0, 2.0], "gpu": [3.0, None]}, "%", words, most=100)
    assert len({trace["line"]["dash"] for trace in plot.traces}) == 2
    assert plot.layout["yaxis"]["range"] == [0, 100]
    assert plot.columns == ("Time", "cpu (%)", "gpu (%)")


def test_a_file_of_figures_holds_no_formula():
    text = Plot(columns=("camera", "n"), rows=[('=HYPERLINK("x")', 1), ("-1", -1), ("정문", None)]).as_csv()
    assert text == '\ufeffcamera,n\r\n"\'=HYPERLINK(""x"")",1\r\n\'-1,-1\r\n정문,\r\n'
