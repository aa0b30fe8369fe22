"""Plots are well-formed SVG, their points where the numbers say."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from watchpost.evaluation.plots import Line, Point, _round_up, lines_plot, points_plot, rising_plot


def test_lines() -> None:
    svg = ElementTree.fromstring(lines_plot("a < b", "recall", "precision", [Line("x & y", [(0, 0), (1, 1)])]))
    (line,) = svg.findall("polyline")
    (x0, y0), (x1, y1) = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert x0 < x1
    assert y0 > y1  # up is up
    assert "x & y" in [each.text for each in svg.iter("text")]


def test_points() -> None:
    plot = points_plot("t", "ms", "AP50", [Point("fast", 4.0, 0.5), Point("slow", 16.0, 0.7)])
    circles = ElementTree.fromstring(plot).findall("circle")
    assert float(circles[0].attrib["cx"]) < float(circles[1].attrib["cx"])
    assert float(circles[0].attrib["cy"]) > float(circles[1].attrib["cy"])


@pytest.mark.parametrize(("value", "end"), [(0.0, 1), (0.9, 1), (1.0, 1), (1.1, 2), (16, 20), (21, 50), (0.03, 0.05)])
def test_axes_end_at_round_numbers(value: float, end: float) -> None:
    assert _round_up(value) == pytest.approx(end)


def test_lines_on_axes_of_their_own() -> None:
    lines = [Line("clean", [(10, 120.0), (100, 180.0)]), Line("noisy", [(10, 130.0)])]
    svg = ElementTree.fromstring(rising_plot("Memory", "cameras", "MB", lines))
    circles = svg.findall("circle")
    assert len(circles) == 3
    assert float(circles[0].attrib["cx"]) < float(circles[1].attrib["cx"])
    assert float(circles[0].attrib["cy"]) > float(circles[1].attrib["cy"])
    texts = [each.text for each in svg.iter("text")]
    assert {"100", "200", "clean", "noisy"} <= set(texts)  # both axes end at round numbers
