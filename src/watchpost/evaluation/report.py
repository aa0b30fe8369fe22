"""An evaluation as Markdown, as one HTML page that needs nothing else, and as JSON."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any, Final

from watchpost.evaluation.confusion import Confusion, PictureOutcome
from watchpost.evaluation.detection import DetectionReport, DetectionScores
from watchpost.evaluation.plots import Line, Point, lines_plot, points_plot

_WORST_LISTED: Final = 50

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
figcaption { font-size: 13px; max-width: 320px; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; }
td.right { background: #2a92; } td.wrong { background: #c332; }
.scroll { overflow-x: auto; }
"""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture with its boxes drawn."""

    outcome: PictureOutcome
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One model: what it is, and what it scored. Accuracy and speed are of this one file."""

    name: str
    report: DetectionReport
    precision: str | None = None
    """fp32, fp16 or int8; `None` for a model without a file."""
    sha256: str | None = None
    megabytes: float | None = None
    parameters: int | None = None
    gflops: float | None = None
    thumbnails: tuple[Thumbnail, ...] = field(default=(), repr=False)


def markdown(title: str, machine: str, models: Sequence[Evaluated]) -> str:
    """The table of models, and of their classes where there are several."""
    parts = [f"# {title}", _counts(models), machine + ".", _markdown_table(_HEADINGS, map(_row, models))]
    if len(models[0].report.per_class) > 1:
        parts += ["## By class", _markdown_table(_CLASS_HEADINGS, _class_rows(models))]
    return "\n\n".join(parts) + "\n"


def as_json(data: str, confidence: float, machine: str, models: Sequence[Evaluated]) -> dict[str, Any]:
    """All figures, for programs; of the pictures the worst alone."""
    return {
        "data": data,
        "confidence": confidence,
        "machine": machine,
        "models": [_model_json(model) for model in models],
    }


def html(title: str, machine: str, models: Sequence[Evaluated]) -> str:
    """One page: tables, plots and the worst pictures. It loads nothing from elsewhere."""
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>",
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(_counts(models))} {escape(machine)}.</p>",
        _html_table(_HEADINGS, map(_row, models)),
        "<p>Accuracy and speed of a model are of the same file, in the same run.</p>",
        _plots(models),
    ]
    if len(models[0].report.per_class) > 1:
        parts += ["<h2>By class</h2>", _html_table(_CLASS_HEADINGS, _class_rows(models))]
    for model in models:
        parts.append(_model_section(model))
    return "\n".join([*parts, "</body></html>\n"])


_HEADINGS: Final = (
    "model",
    "SHA-256",
    "precision",
    "M params",
    "GFLOPs",
    "MB",
    "AP",
    "AP50",
    "AP75",
    "small",
    "medium",
    "large",
    "AR",
    "ms",
)
_CLASS_HEADINGS: Final = ("model", "class", "AP", "AP50", "AP75", "small", "medium", "large", "AR")


def _row(model: Evaluated) -> list[str]:
    return [
        model.name,
        "-" if model.sha256 is None else model.sha256[:8],
        model.precision or "-",
        "-" if model.parameters is None else f"{model.parameters / 1e6:.2f}",
        "-" if model.gflops is None else f"{model.gflops:.2f}",
        "-" if model.megabytes is None else f"{model.megabytes:.1f}",
        *_figures(model.report.scores),
        f"{model.report.ms_per_picture:.1f}",
    ]


def _figures(scores: DetectionScores) -> list[str]:
    return ["-" if value is None else f"{value:.3f}" for value in asdict(scores).values()]


def _class_rows(models: Sequence[Evaluated]) -> list[list[str]]:
    return [
        [model.name, name, *_figures(scores)] for model in models for name, scores in model.report.per_class.items()
    ]


def _counts(models: Sequence[Evaluated]) -> str:
    first = models[0].report
    return f"{first.pictures} pictures, {first.objects} objects of {', '.join(first.per_class)}."


def _markdown_table(headings: Sequence[str], rows: Any) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _html_table(headings: Sequence[str], rows: Any) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _plots(models: Sequence[Evaluated]) -> str:
    """Precision-recall by class with a line a model, and accuracy against time where there are several models."""
    figures = []
    if len(models) > 1:
        points = [Point(each.name, each.report.ms_per_picture, each.report.scores.ap50 or 0.0) for each in models]
        figures.append(points_plot("AP50 against time", "ms a picture", "AP50", points))
    for name in models[0].report.per_class:
        lines = []
        for model in models:
            curve = model.report.curves.get(name)
            if curve is not None:
                recalls = [level / (len(curve.precision) - 1) for level in range(len(curve.precision))]
                lines.append(Line(model.name, list(zip(recalls, curve.precision, strict=True))))
        if lines:
            figures.append(lines_plot(f"{name}: precision and recall at IoU .50", "recall", "precision", lines))
    return "".join(f"<figure>{each}</figure>" for each in figures)


def _model_section(model: Evaluated) -> str:
    found = model.report.confusion
    precision, recall = ("-" if each is None else f"{each:.3f}" for each in (found.precision, found.recall))
    parts = [
        f"<h2>{escape(model.name)}</h2>",
        f"<p>At confidence {found.confidence:.2f}: precision {precision}, recall {recall}. ",
        f"95 % of the pictures took at most {model.report.ms_per_picture_p95:.1f} ms.</p>",
        _confusion_table(found),
    ]
    worst = found.worst()
    if model.thumbnails:
        parts.append("<h3>Worst pictures</h3><p>Green: what is there. Orange: what was found.</p>")
        parts += [_figure(each) for each in model.thumbnails]
    elif worst:
        rows = [[each.name, str(each.found), str(each.missed), str(each.false)] for each in worst]
        parts += ["<h3>Worst pictures</h3>", _html_table(("picture", "found", "missed", "false"), rows)]
    return "".join(parts)


def _figure(thumbnail: Thumbnail) -> str:
    data = base64.b64encode(thumbnail.jpeg).decode("ascii")
    outcome = thumbnail.outcome
    text = f"{outcome.name}: {outcome.found} found, {outcome.missed} missed, {outcome.false} false"
    return (
        f"<figure><img src='data:image/jpeg;base64,{data}' alt='{escape(text, quote=True)}'>"
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def _confusion_table(found: Confusion) -> str:
    """Rows are what is there, columns what it was taken for."""
    head = "".join(f"<th>{escape(name)}</th>" for name in found.names)
    last = len(found.names) - 1
    rows = []
    for row, (name, counts) in enumerate(zip(found.names, found.table, strict=True)):
        cells = "".join(
            f"<td class='{'right' if row == column else 'wrong' if count else ''}'>"
            f"{'' if row == column == last else count}</td>"
            for column, count in enumerate(counts)
        )
        rows.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    return (
        "<div class='scroll'><table><caption>Rows: what is there. Columns: what it is taken for.</caption>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _model_json(model: Evaluated) -> dict[str, Any]:
    report, found = model.report, model.report.confusion
    facts = {name: getattr(model, name) for name in ("precision", "sha256", "megabytes", "parameters", "gflops")}
    return {
        "model": model.name,
        **facts,
        "scores": asdict(report.scores),
        "per_class": {name: asdict(scores) for name, scores in report.per_class.items()},
        "pictures": report.pictures,
        "objects": report.objects,
        "detections": report.detections,
        "ms_per_picture": report.ms_per_picture,
        "ms_per_picture_p95": report.ms_per_picture_p95,
        "curves": {name: asdict(curve) for name, curve in report.curves.items()},
        "operating_point": {
            "confidence": found.confidence,
            "precision": found.precision,
            "recall": found.recall,
        },
        "confusion": {"names": found.names, "table": found.table},
        "worst_pictures": [asdict(each) for each in found.worst(_WORST_LISTED)],
    }
