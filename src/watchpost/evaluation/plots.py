"""Small plots as SVG text, to be put into a page as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final

_WIDTH, _HEIGHT = 460, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 30, 44
COLOURS: Final = ("#3572b0", "#d9822b", "#3a9a5b", "#b84a62", "#7a5ab5", "#8a7345", "#2a9d9d", "#777777")
"""Of lines and points, in turn; readable on light and on dark ground."""


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through points (x, y)."""

    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Point:
    """A named point."""

    name: str
    x: float
    y: float


def lines_plot(title: str, x_title: str, y_title: str, lines: Sequence[Line]) -> str:
    """Lines over 0-1 by 0-1, with a legend."""
    parts = _frame(title, x_title, y_title, 1.0)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{_x(x, 1.0):.1f},{_y(y):.1f}" for x, y in line.points)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        row = _HEIGHT - _BOTTOM - 8 - 16 * (len(lines) - 1 - number)
        parts.append(f"<text x='{_LEFT + 8}' y='{row}' fill='{colour}' font-size='12'>{escape(line.name)}</text>")
    return _svg(title, parts)


def points_plot(title: str, x_title: str, y_title: str, points: Sequence[Point]) -> str:
    """Points with their names; x from 0 to a round number, y 0-1."""
    end = _round_up(max((point.x for point in points), default=1.0))
    parts = _frame(title, x_title, y_title, end)
    for number, point in enumerate(points):
        colour = COLOURS[number % len(COLOURS)]
        x, y = _x(point.x, end), _y(point.y)
        anchor, offset = ("end", -8) if point.x > end / 2 else ("start", 8)
        parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{colour}'/>")
        parts.append(
            f"<text x='{x + offset:.1f}' y='{y - 6:.1f}' fill='{colour}' font-size='12' text-anchor='{anchor}'>"
            f"{escape(point.name)}</text>"
        )
    return _svg(title, parts)


def rising_plot(title: str, x_title: str, y_title: str, lines: Sequence[Line]) -> str:
    """Lines with their points, both axes from 0 to a round number, with a legend where there are several."""
    x_end = _round_up(max((x for line in lines for x, _ in line.points), default=1.0))
    y_end = _round_up(max((y for line in lines for _, y in line.points), default=1.0))
    parts = _frame(title, x_title, y_title, x_end, y_end)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        points = [(_x(x, x_end), _y(y, y_end)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in points]
        if len(lines) > 1:
            row = _TOP + 16 * (number + 1)
            parts.append(f"<text x='{_LEFT + 8}' y='{row}' fill='{colour}' font-size='12'>{escape(line.name)}</text>")
    return _svg(title, parts)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ... times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step >= value / power - 1e-9)


def _x(value: float, end: float) -> float:
    return _LEFT + value / end * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, end: float = 1.0) -> float:
    return _HEIGHT - _BOTTOM - value / end * (_HEIGHT - _TOP - _BOTTOM)


def _frame(title: str, x_title: str, y_title: str, end: float, y_end: float = 1.0) -> list[str]:
    """Title, grid, numbers and the axes' names."""
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts = [
        f"<text x='{middle}' y='18' font-size='14' text-anchor='middle' fill='currentColor'>{escape(title)}</text>",
        f"<text x='{middle}' y='{_HEIGHT - 8}' font-size='12' text-anchor='middle' fill='currentColor'>"
        f"{escape(x_title)}</text>",
        f"<text transform='translate(14 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)' font-size='12' "
        f"text-anchor='middle' fill='currentColor'>{escape(y_title)}</text>",
    ]
    digits, y_digits = (max(0, ceil(-log10(each / 5))) for each in (end, y_end))
    for step in range(6):
        x, y = _x(end * step / 5, end), _y(step / 5)
        parts += [
            f"<line x1='{x:.1f}' y1='{_TOP}' x2='{x:.1f}' y2='{_HEIGHT - _BOTTOM}' stroke='#8884'/>",
            f"<line x1='{_LEFT}' y1='{y:.1f}' x2='{_WIDTH - _RIGHT}' y2='{y:.1f}' stroke='#8884'/>",
            f"<text x='{x:.1f}' y='{_HEIGHT - _BOTTOM + 16}' font-size='11' text-anchor='middle' fill='currentColor'>"
            f"{end * step / 5:.{digits}f}</text>",
            f"<text x='{_LEFT - 6}' y='{y + 4:.1f}' font-size='11' text-anchor='end' fill='currentColor'>"
            f"{y_end * step / 5:.{y_digits}f}</text>",
        ]
    return parts


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' width='{_WIDTH}' height='{_HEIGHT}' role='img' "
        f"aria-label='{escape(title, quote=True)}' font-family='system-ui, sans-serif'>{''.join(parts)}</svg>"
    )
