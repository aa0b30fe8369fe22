"""`watchpost evaluate detection`: COCO's average precision and the speed of one or several models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchpost.plugins import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.table import Table

    from watchpost.evaluation.dataset import LabelledData
    from watchpost.evaluation.detection import DetectionReport, DetectionScores


def evaluate_detection(
    data: Annotated[
        Path, typer.Option(help="A data set in any format (COCO, YOLO, VOC, ...), or a video with --truth.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(help="A detector: a plugin, .onnx or card. May be repeated.", show_default=DEFAULT_MODEL),
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="What is true in the video: MOT text.", show_default=False)] = None,
    images: Annotated[
        Path | None, typer.Option(help="Where the pictures of the COCO file lie.", show_default="beside it")
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(help="The YOLO folder's classes, such as person,car, or coco80.", show_default="its data.yaml"),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Score these alone, such as person,car.", show_default="all that both know")
    ] = None,
    confidence: Annotated[float, typer.Option(help="The least score that counts; precision needs a low one.")] = 0.01,
    iou: Annotated[
        float | None, typer.Option(help="Overlap above which boxes are one object.", show_default="the card's")
    ] = None,
    backend: Annotated[str, typer.Option(help="auto, onnx or openvino.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.", show_default="all physical cores")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.", show_default=False)] = None,
) -> None:
    """Measure how well and how fast detectors find what people have labelled.

    AP as COCO defines it: 101 recall levels, IoU .50 to .95, at most 100 detections a picture. Speed is the median
    time a picture, one by one, from the decoded picture to boxes, measured in the same run.

    - `watchpost evaluate detection --model yolox_nano.onnx --data person/val --classes person`
    - `watchpost evaluate detection --model a.onnx --model b.onnx --data instances.json --images pictures/`
    - `watchpost evaluate detection --model a.onnx --data street.mp4 --truth gt.txt`
    """
    from rich.console import Console

    labelled = _open_data(data, truth, images, names)
    wanted = None if classes is None else [name.strip() for name in classes.split(",")]
    reports: list[tuple[str, DetectionReport]] = []
    for each in model or [DEFAULT_MODEL]:
        settings = {"confidence": confidence, "iou": iou, "backend": backend, "threads": threads}
        reports.append(_evaluate(each, settings, labelled, wanted))
    console = Console()
    console.print(_table(labelled.name, reports))
    if any(len(report.per_class) > 1 for _, report in reports):
        console.print(_class_table(reports))
    if json is not None:
        _write_json(json, data, confidence, reports)


def _open_data(data: Path, truth: Path | None, images: Path | None, names: str | None) -> LabelledData:
    from watchpost.cli._frames import video_frames
    from watchpost.datasets.detect_format import detect_format, read
    from watchpost.datasets.mot_text import read_mot
    from watchpost.detectors.classes import COCO80
    from watchpost.errors import WatchpostError
    from watchpost.evaluation.dataset import LabelledData, labelled, with_mot

    if not data.exists():
        raise WatchpostError(f"{data} does not exist.")
    if truth is None and (data.is_dir() or detect_format(data)):
        given = None if names is None else [name.strip() for name in names.split(",")]
        class_names = COCO80 if given == ["coco80"] else given
        return labelled(read(data, pictures=images, class_names=class_names))
    if truth is None:
        raise WatchpostError(f"{data} is no data set; for a video give its boxes with --truth GT.txt.")
    boxes = read_mot(truth)
    if not len(boxes):
        raise WatchpostError(f"{truth} holds no boxes.")
    count = int(boxes.frame[-1] - boxes.frame[0]) + 1
    return LabelledData(data.name, ("person",), count, lambda: with_mot(video_frames(str(data)), boxes))


def _evaluate(
    model: str, settings: dict[str, Any], data: LabelledData, wanted: Sequence[str] | None
) -> tuple[str, DetectionReport]:
    from rich.console import Console
    from rich.progress import track

    from watchpost.detectors import open_detector
    from watchpost.evaluation.detection import evaluate, shared_classes

    with closing(open_detector(model, **settings)) as detector:
        class_names = shared_classes(data.class_names, detector.class_names, wanted)
        console = Console(stderr=True)
        progress = track(data, detector.name, total=data.count, console=console, transient=True)
        return detector.name, evaluate(detector.detect, progress, data.class_names, class_names)


def _figures(scores: DetectionScores) -> list[str]:
    return ["-" if value is None else f"{value:.3f}" for value in asdict(scores).values()]


_HEADINGS = ("AP", "AP50", "AP75", "small", "medium", "large", "AR")


def _table(name: str, reports: list[tuple[str, DetectionReport]]) -> Table:
    from rich.table import Table

    first = reports[0][1]
    title = f"{name}: {first.pictures} pictures, {first.objects} objects of {', '.join(first.per_class)}"
    table = Table(title=title, title_justify="left")
    table.add_column("model", overflow="fold")
    for heading in (*_HEADINGS, "ms"):
        table.add_column(heading, justify="right")
    for model, report in reports:
        table.add_row(model, *_figures(report.scores), f"{report.ms_per_picture:.1f}")
    return table


def _class_table(reports: list[tuple[str, DetectionReport]]) -> Table:
    from rich.table import Table

    table = Table(title="by class", title_justify="left")
    table.add_column("model", overflow="fold")
    table.add_column("class")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for model, report in reports:
        for name, scores in report.per_class.items():
            table.add_row(model, name, *_figures(scores))
    return table


def _write_json(path: Path, data: Path, confidence: float, reports: list[tuple[str, DetectionReport]]) -> None:
    import json

    from watchpost.errors import WatchpostError

    content = {
        "data": str(data),
        "confidence": confidence,
        "models": [{"model": model, **asdict(report)} for model, report in reports],
    }
    try:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None
