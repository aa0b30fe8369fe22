"""What a run shows of itself: scalars for TensorBoard, and one HTML page that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from watchpost.errors import WatchpostError
from watchpost.plugins import missing_extra
from watchpost.training.recipe import Recipe, as_yaml

History = Sequence[dict[str, float]]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 260, 56, 28
_COLOURS: Final = ("#0b6bcb", "#c41c1c", "#1f7a1f", "#9a5b13", "#7b3fb0", "#5f6b73", "#b8860b")
_SCORES: Final = ("ap", "ap50", "ap75", "ar")
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 46rem; padding: 0 1rem; color: #1a1a1a;
  background: #fff }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .1rem .7rem; text-align: right }
pre { background: #f4f4f4; padding: 1rem; overflow-x: auto } svg { width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: #444 }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #161616 } pre { background: #222 }
  svg text { fill: #bbb } }
"""


class Scalars:
    """Writes the history's rows for TensorBoard. Raises `MissingExtraError` without it."""

    def __init__(self, folder: Path, first_epoch: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise missing_extra(error) or error from None
        # what a run that was killed wrote beyond its last checkpoint is taken back
        self._writer = SummaryWriter(str(folder), purge_step=first_epoch)

    def write(self, row: dict[str, float]) -> None:
        """One epoch."""
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def write_page(path: Path, recipe: Recipe, class_names: Sequence[str], history: History) -> None:
    """The run as one HTML page with its curves. Raises `WatchpostError` when it can not be written."""
    charts = "".join(f"<h2>{escape(title)}</h2>{chart(history, names)}" for title, names in _charts(history) if names)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(recipe.name)}: training</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{escape(recipe.name)}</h1>
<p>{len(history)} of {recipe.epochs} epochs; classes: {escape(", ".join(class_names))}.
{escape(_best(recipe, history))}</p>
{charts}
<h2>Epochs that were measured</h2>{_table([row for row in history if "ap" in row])}
<h2>Recipe</h2><pre>{escape(as_yaml(recipe))}</pre>
</body></html>
"""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None


def _charts(history: History) -> tuple[tuple[str, list[str]], ...]:
    """Titles and columns; each family of detectors has its own parts of the loss."""
    known = list(dict.fromkeys(name for row in history for name in row))
    losses = [name for name in known if name not in (*_SCORES, "lr", "epoch", "seconds")]
    return (
        ("Average precision on the validation pictures", [name for name in _SCORES if name in known]),
        ("Loss on the training pictures", losses[: len(_COLOURS)]),
        ("Learning rate", [name for name in known if name == "lr"]),
    )


def chart(history: History, names: Sequence[str]) -> str:
    """An SVG of some columns over the epochs, from 0 up."""
    series = [(name, [(row["epoch"], row[name]) for row in history if name in row]) for name in names]
    series = [(name, points) for name, points in series if points]
    last = max(max(point[0] for point in points) for _, points in series)
    top = max(max(point[1] for point in points) for _, points in series) * 1.05 or 1.0

    def place(point: tuple[float, float]) -> str:
        x = _LEFT + (point[0] - 1) / max(1.0, last - 1) * (_WIDTH - _LEFT - 10)
        y = (_HEIGHT - _BOTTOM) * (1 - point[1] / top)
        return f"{x:.1f},{y:.1f}"

    parts = []
    for step in range(5):
        value = top * step / 5
        y = (_HEIGHT - _BOTTOM) * (1 - step / 5)
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 10}" stroke="#8884"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    for at, anchor in ((1.0, "start"), (last, "end")):
        x_at = place((at, 0)).split(",")[0]
        parts.append(f'<text x="{x_at}" y="{_HEIGHT - 8}" text-anchor="{anchor}">epoch {at:.0f}</text>')
    for number, (name, points) in enumerate(series):
        colour = _COLOURS[number]
        line = " ".join(map(place, points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        if len(points) == 1:
            centre_x, centre_y = place(points[0]).split(",")
            parts.append(f'<circle cx="{centre_x}" cy="{centre_y}" r="3" fill="{colour}"/>')
        label = f"{escape(name)} {points[-1][1]:.3g}"
        parts.append(f'<text x="{_LEFT + 12 + 120 * number}" y="14" style="fill:{colour}">{label}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{", ".join(names)}">{"".join(parts)}</svg>'


def _best(recipe: Recipe, history: History) -> str:
    measured = [row for row in history if recipe.best_by in row]
    if not measured:
        return "Not measured yet."
    best = max(measured, key=lambda row: row[recipe.best_by])
    return f"Best {recipe.best_by}: {best[recipe.best_by]:.3f} after epoch {best['epoch']:.0f}."


def _table(rows: History) -> str:
    names = ("epoch", "ap", "ap50", "ap75", "ar", "loss")
    heads = "".join(f"<th>{name}</th>" for name in names)
    lines = "".join(
        "<tr>" + "".join(f"<td>{row[name]:.3g}</td>" if name in row else "<td></td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{heads}</tr>{lines}</table>"
