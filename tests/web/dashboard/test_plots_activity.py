"""Charts of what happened, from plain rows."""

from datetime import datetime, timedelta

import pytest

from watchpost.web.dashboard import plots_activity
from watchpost.web.texts import catalogue

MONDAY = datetime(2026, 5, 4)


@pytest.fixture(params=["en", "ko"])
def words(request):
    head = "insights.words."
    return {key.removeprefix(head): text for key, text in catalogue(request.param).items() if key.startswith(head)}


def test_hours_lie_across_and_days_down_the_newest_on_top(words):
    counts = [(MONDAY + timedelta(hours=9), 3), (MONDAY + timedelta(days=2, hours=23), 5)]
    plot = plots_activity.by_hour_and_day(counts, words)
    (trace,) = plot.traces
    assert [day[-10:] for day in trace["y"]] == ["2026-05-06", "2026-05-05", "2026-05-04"]
    assert trace["z"][0][23] == 5
    assert trace["z"][2][9] == 3
    assert sum(map(sum, trace["z"])) == 8
    assert ("2026-05-04", 9, 3) in plot.rows


def test_an_hour_that_clocks_show_twice_is_one_cell(words):
    plot = plots_activity.by_hour_and_day([(MONDAY, 3), (MONDAY, 4)], words)
    assert plot.traces[0]["z"][0][0] == 7


def test_what_goes_out_hangs_down_and_is_told_without_a_sign(words):
    plot = plots_activity.crossings([(MONDAY, 12, 3)], 3600.0, words)
    inward, outward = plot.traces
    assert inward["y"] == [12]
    assert outward["y"] == [-3]
    assert outward["customdata"] == [3]
    assert inward["width"] == 900 * 3600  # milliseconds
    assert "-" not in "".join(plot.layout["yaxis"]["ticktext"])


@pytest.mark.parametrize(
    "plot",
    [
        lambda words: plots_activity.by_hour_and_day([], words),
        lambda words: plots_activity.by_hour_and_day([(MONDAY, 0)], words),
        lambda words: plots_activity.crossings([(MONDAY, 0, 0)], 3600.0, words),
        lambda words: plots_activity.dwell_times([0, 5], [("door", [0, 0], 0.0, 0.0)], words),
        lambda words: plots_activity.over_picture([[0.0, 0.0]], "/p.jpg", 1.5, words),
        lambda words: plots_activity.composition({"person": 0}, words),
    ],
)
def test_nothing_is_no_chart(plot, words):
    assert plot(words).traces == []


def test_a_waffle_has_a_hundred_cells_by_share(words):
    plot = plots_activity.composition({"person": 2, "car": 1}, words)
    cells = [sum(cell is not None for row in trace["z"] for cell in row) for trace in plot.traces]
    assert cells == [67, 33]
    taken = [[trace["z"][row][column] for trace in plot.traces] for row in range(10) for column in range(10)]
    assert all(cell.count(1) == 1 for cell in taken)


def test_stays_are_told_by_how_long_they_were_with_units_once(words):
    stays = [("door", [1, 3, 0], 12.0, 28.0)]
    plot = plots_activity.dwell_times([0, 30, 60], stays, words)
    (trace,) = plot.traces
    seconds, minutes = words["seconds"], words["minutes"]
    assert trace["x"] == [f"0–30 {seconds}", f"30 {seconds}–1 {minutes}", f"> 1 {minutes}"]
    assert trace["z"] == [[0.25, 0.75, 0.0]]
    assert trace["text"] == [["1", "3", ""]]
    assert ("door", f"0–30 {seconds}", 1, 12.0, 28.0) in plot.rows


def test_rare_classes_are_one(words):
    plot = plots_activity.composition({f"class {number}": 10 - number for number in range(9)}, words)
    assert len(plot.traces) == 7
    assert plot.traces[-1]["name"].startswith(words["others"])
    assert len(plot.rows) == 9


def test_the_heat_lies_on_the_picture_with_its_first_row_on_top(words):
    plot = plots_activity.over_picture([[0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]], "/picture.jpg", 16 / 9, words)
    (trace,) = plot.traces
    assert (trace["x0"], trace["dx"], trace["y0"], trace["dy"]) == (0.125, 0.25, 0.25, 0.5)
    assert plot.layout["yaxis"]["range"] == [1, 0]
    assert plot.layout["images"][0]["source"] == "/picture.jpg"
    assert trace["z"][0] == [None, 2.0, None, None]


def test_names_are_shown_as_they_are_and_never_as_markup(words):
    plot = plots_activity.composition({"<b>x</b>": 1}, words)
    assert "<b>" not in plot.traces[0]["name"]
    assert plot.rows[0][0] == "<b>x</b>"
