"""`watchpost evaluate detection`: COCO's average precision and the speed of one or several models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchpost.plugins import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.table import Table

    from watchpost.detectors import Detector
    from watchpost.evaluation.confusion import Confusion
    from watchpost.evaluation.dataset import LabelledData
    from watchpost.evaluation.detection import DetectionScores
    from watchpost.evaluation.report import Evaluated, Thumbnail


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
    at: Annotated[
        float | None,
        typer.Option(help="Count confusion and worst pictures at this confidence.", show_default="that of the best F1"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with tables, plots and the worst pictures.", show_default=False)
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables as Markdown.", show_default=False)] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.", show_default=False)] = None,
) -> None:
    """Measure how well and how fast detectors find what people have labelled.

    AP as COCO defines it: 101 recall levels, IoU .50 to .95, at most 100 detections a picture. Speed is the median
    time a picture, one by one, from the decoded picture to boxes, measured in the same run.

        watchpost evaluate detection --model yolox_nano.onnx --data person/val --classes person

        watchpost evaluate detection --model a.onnx --model b.onnx --data instances.json --images pictures/

        watchpost evaluate detection --model a.onnx --data street.mp4 --truth gt.txt --html report.html
    """
    from json import dumps

    from rich.console import Console

    from watchpost.evaluation import report

    labelled = _open_data(data, truth, images, names)
    wanted = None if classes is None else [name.strip() for name in classes.split(",")]
    settings = {"confidence": confidence, "iou": iou, "backend": backend, "threads": threads}
    models = [
        _evaluate(each, settings, labelled, wanted, at, draws=html is not None) for each in model or [DEFAULT_MODEL]
    ]
    console = Console()
    console.print(_table(labelled.name, models))
    if any(len(each.report.per_class) > 1 for each in models):
        console.print(_class_table(models))
    title, machine = f"Detection on {labelled.name}", _machine(backend, threads)
    if html is not None:
        _write(html, report.html(title, machine, models))
    if markdown is not None:
        _write(markdown, report.markdown(title, machine, models))
    if json is not None:
        _write(json, dumps(report.as_json(str(data), confidence, machine, models), indent=2) + "\n")


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
    model: str,
    settings: dict[str, Any],
    data: LabelledData,
    wanted: Sequence[str] | None,
    at: float | None,
    *,
    draws: bool,
) -> Evaluated:
    from rich.console import Console
    from rich.progress import track

    from watchpost.detectors import open_detector
    from watchpost.evaluation.detection import evaluate, shared_classes
    from watchpost.evaluation.report import Evaluated

    with closing(open_detector(model, **settings)) as detector:
        class_names = shared_classes(data.class_names, detector.class_names, wanted)
        console = Console(stderr=True)
        progress = track(data, detector.name, total=data.count, console=console, transient=True)
        report = evaluate(detector.detect, progress, data.class_names, class_names, at)
        thumbnails = tuple(_thumbnails(detector, data, class_names, report.confusion)) if draws else ()
        return Evaluated(detector.name, report, thumbnails=thumbnails, **_file_facts(model))


def _file_facts(model: str) -> dict[str, Any]:
    """What only the model's file can tell; nothing of a plugin, and no costs without onnx."""
    from watchpost.detectors.card import CARD_SUFFIXES, file_sha256, resolve
    from watchpost.detectors.cost import cost
    from watchpost.errors import MissingExtraError
    from watchpost.plugins import model_file

    path = model_file(model) or Path(model)
    if path.suffix.lower() not in (".onnx", *CARD_SUFFIXES):
        return {}
    file, card = resolve(path)
    facts = {"precision": card.precision, "sha256": file_sha256(file), "megabytes": file.stat().st_size / 1e6}
    try:
        counted = cost(file, card.input)
    except MissingExtraError:
        return facts
    return facts | {"parameters": counted.parameters, "gflops": counted.gflops}


def _thumbnails(
    detector: Detector, data: LabelledData, class_names: Sequence[str], confusion: Confusion
) -> Iterator[Thumbnail]:
    """The worst pictures once more, with what is there in green and what was found in orange."""
    import cv2

    from watchpost.evaluation.report import Thumbnail
    from watchpost.picture import encode_jpeg

    worst = {outcome.index: outcome for outcome in confusion.worst()}
    drawn: dict[int, bytes] = {}
    for index, labelled in enumerate(data):
        if index not in worst:
            continue
        picture = labelled.frame.picture
        scale = 320 / picture.width
        image = picture.resized(320, max(1, round(picture.height * scale))).copy()
        found = detector.detect([labelled.frame])[0].of_classes(frozenset(class_names))
        sure = found[found.confidence >= confusion.confidence]
        for boxes, colour in ((labelled.truth.xyxy, (80, 200, 60)), (sure.xyxy, (30, 140, 255))):
            for left, top, right, bottom in (boxes * scale).round().astype(int).tolist():
                cv2.rectangle(image, (left, top), (right, bottom), colour, 2 if colour[0] == 80 else 1)
        drawn[index] = encode_jpeg(image, 80)
        if len(drawn) == len(worst):
            break
    return (Thumbnail(outcome, drawn[index]) for index, outcome in worst.items())


def _machine(backend: str, threads: int | None) -> str:
    """What the speed was measured on."""
    from watchpost.detectors.network import usable_cores

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    engine = "ONNX Runtime" if backend in ("auto", "onnx") else "OpenVINO"
    return f"{names[0] if names else 'CPU'}, {threads or usable_cores()} threads, {engine} for models in files"


def _figures(scores: DetectionScores) -> list[str]:
    return ["-" if value is None else f"{value:.3f}".removeprefix("0") for value in asdict(scores).values()]


_HEADINGS = ("AP", "AP50", "AP75", "small", "medium", "large", "AR")


def _table(name: str, models: Sequence[Evaluated]) -> Table:
    first = models[0].report
    table = _new_table(f"{name}: {first.pictures} pictures, {first.objects} objects of {', '.join(first.per_class)}")
    for heading in ("params", "GFLOPs", *_HEADINGS, "ms"):
        table.add_column(heading, justify="right")
    for model in models:
        costs = (
            "-" if model.parameters is None else f"{model.parameters / 1e6:.2f}M",
            "-" if model.gflops is None else f"{model.gflops:.2f}",
        )
        table.add_row(model.name, *costs, *_figures(model.report.scores), f"{model.report.ms_per_picture:.1f}")
    return table


def _class_table(models: Sequence[Evaluated]) -> Table:
    table = _new_table("by class")
    table.add_column("class")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for model in models:
        for name, scores in model.report.per_class.items():
            table.add_row(model.name, name, *_figures(scores))
    return table


def _new_table(title: str) -> Table:
    """Narrow, so that all columns fit into 80 characters."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold")
    return table


def _write(path: Path, text: str) -> None:
    from watchpost.errors import WatchpostError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None
