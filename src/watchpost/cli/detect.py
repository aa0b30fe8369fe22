"""`watchpost detect`: boxes for pictures, folders of pictures and videos."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from watchpost.plugins import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.progress import Progress

    from watchpost.detectors import Detector
    from watchpost.types import Detections, Frame


def detect(
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, videos.", show_default=False)],
    model: Annotated[str, typer.Option(help="A plugin, an .onnx file or a model card.")] = DEFAULT_MODEL,
    output: Annotated[Path, typer.Option(help="Folder for the annotated copies.")] = Path("detections"),
    json: Annotated[
        str | None,
        typer.Option(
            help="File for a JSON line a picture or frame; - is stdout.", show_default="OUTPUT/detections.jsonl"
        ),
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Write annotated copies.")] = True,
    classes: Annotated[str | None, typer.Option(help="These alone, such as person,car.", show_default="all")] = None,
    confidence: Annotated[float | None, typer.Option(help="The least score, 0-1.", show_default="the card's")] = None,
    iou: Annotated[
        float | None, typer.Option(help="Overlap above which boxes are one object.", show_default="the card's")
    ] = None,
    backend: Annotated[str, typer.Option(help="auto, onnx or openvino.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.", show_default="all physical cores")] = None,
) -> None:
    """Find objects in pictures and videos: annotated copies, and one JSON line a picture or frame.

    A line holds file, frame, time_s, width, height and detections; each detection has COCO's result fields
    image_id, category_id, bbox [left, top, width, height] in pixels and score, and the category's name.

        watchpost detect street.jpg --model yolox_nano.onnx

        watchpost detect photos/ night.mp4 --model yolox_nano.onnx --output found --confidence 0.4

        watchpost detect photos/ --no-pictures --json - | jq .detections

    A file that can not be read is reported and skipped; then the exit code is 1.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from watchpost.detectors import open_detector

    settings: dict[str, Any] = {"confidence": confidence, "iou": iou, "backend": backend, "threads": threads}
    console = Console(stderr=True, highlight=False)
    files = _files(inputs)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        detector = stack.enter_context(closing(open_detector(model, **settings)))
        wanted = _wanted(classes, detector)
        copies = _folder(output) if pictures else None
        lines = _open_lines(json, output, stack)
        progress = stack.enter_context(Progress(*columns, console=console, transient=True))
        run = _Run(detector, wanted, copies, lines, progress, taken={file.resolve() for file in files})
        task = progress.add_task("files", total=len(files))
        for file in files:
            progress.update(task, description=file.name)
            run.file(file)
            progress.advance(task)
    totals = run.totals
    rate = totals.pictures / totals.detect_s if totals.detect_s else 0.0
    console.print(
        f"{totals.pictures} pictures, {totals.detections} detections, "
        f"{rate:.1f} pictures/s in {detector.name}" + (f"; copies in {copies}" if copies else "")
    )
    if totals.failed:
        console.print(f"[red]{totals.failed} of {len(files)} files could not be read.[/]")
        raise typer.Exit(1)


@dataclass(slots=True)
class _Totals:
    pictures: int = 0
    detections: int = 0
    failed: int = 0
    detect_s: float = 0.0


@dataclass(slots=True)
class _Run:
    """One call of the verb: what it was asked for, and what it has done so far."""

    detector: Detector
    wanted: frozenset[str] | None
    copies: Path | None
    lines: IO[str]
    progress: Progress
    taken: set[Path]
    """Files that no copy may overwrite: the inputs and the copies before."""
    totals: _Totals = field(default_factory=_Totals)

    def file(self, file: Path) -> None:
        """All of one file; what is wrong with it is printed and counted."""
        from rich.markup import escape

        from watchpost.errors import WatchpostError
        from watchpost.telemetry import redacted

        try:
            if _is_picture(file):
                self._picture(file)
            else:
                self._video(file)
        except WatchpostError as error:
            self.totals.failed += 1
            self.progress.console.print(f"[red]{escape(redacted(str(error)))}[/]")

    def _picture(self, file: Path) -> None:
        from watchpost.errors import WatchpostError
        from watchpost.picture import ArrayPicture, decode_picture, encode_jpeg
        from watchpost.types import Frame
        from watchpost.video.draw import Overlay

        try:
            data = file.read_bytes()
        except OSError as error:
            raise WatchpostError(f"{file} can not be read: {error.strerror}.") from None
        frame = Frame(str(file), ArrayPicture(decode_picture(data, str(file))), 0.0, 0.0, 0)
        found = self._detect(file, frame)
        if self.copies is not None:
            copy = self._copy_path(self.copies, file, ".jpg")
            _write(copy, encode_jpeg(Overlay().annotate(frame, found), quality=92))

    def _video(self, file: Path) -> None:
        from watchpost.cli._frames import video_frames
        from watchpost.video.draw import Overlay
        from watchpost.video.encoder import VideoWriter

        overlay = Overlay()
        task = self.progress.add_task("frames", total=None)
        with ExitStack() as stack:
            stack.callback(self.progress.remove_task, task)
            writer = None
            for frame in video_frames(str(file)):
                found = self._detect(file, frame)
                if self.copies is not None:
                    if writer is None:
                        path = self._copy_path(self.copies, file, ".mp4")
                        writer = stack.enter_context(VideoWriter(path))
                    writer.write(overlay.annotate(frame, found), frame.camera_time_s)
                self.progress.advance(task)

    def _detect(self, file: Path, frame: Frame) -> Detections:
        import time

        started = time.perf_counter()
        found = self.detector.detect([frame])[0]
        self.totals.detect_s += time.perf_counter() - started
        if self.wanted is not None:
            found = found.of_classes(self.wanted)
        self.totals.pictures += 1
        self.totals.detections += len(found)
        self.lines.write(_json_line(file, frame, found, self.totals.pictures))
        return found

    def _copy_path(self, folder: Path, file: Path, suffix: str) -> Path:
        """`NAME.jpg`, or `NAME-2.jpg` where that is an input of this call or another one's copy."""
        path, number = folder / f"{file.stem}{suffix}", 1
        while path.resolve() in self.taken:
            number += 1
            path = folder / f"{file.stem}-{number}{suffix}"
        self.taken.add(path.resolve())
        return path


def _files(inputs: list[Path]) -> list[Path]:
    """The inputs, with folders replaced by the pictures in them, sorted by name. Missing ones stay, to be reported."""
    from watchpost.errors import WatchpostError

    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if _is_picture(each) and each.is_file())
            if not found:
                raise WatchpostError(f"there are no pictures in the folder {path}.")
            files += found
        else:
            files.append(path)
    return files


def _is_picture(path: Path) -> bool:
    from watchpost.datasets.pictures import is_picture

    return is_picture(path)


def _wanted(classes: str | None, detector: Detector) -> frozenset[str] | None:
    from watchpost.errors import WatchpostError

    if classes is None:
        return None
    wanted = frozenset(name.strip() for name in classes.split(","))
    unknown = sorted(wanted - set(detector.class_names))
    if unknown:
        known = ", ".join(detector.class_names)
        raise WatchpostError(f"{detector.name} knows no class {unknown[0]!r}; it knows: {known}.")
    return wanted


def _folder(path: Path) -> Path:
    from watchpost.errors import WatchpostError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WatchpostError(f"the folder {path} can not be made: {error.strerror}.") from None
    return path


def _open_lines(json: str | None, output: Path, stack: ExitStack) -> IO[str]:
    import sys

    from watchpost.errors import WatchpostError

    if json == "-":
        return sys.stdout
    path = _folder(output) / "detections.jsonl" if json is None else Path(json)
    try:
        return stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None


def _write(path: Path, data: bytes) -> None:
    from watchpost.errors import WatchpostError

    try:
        path.write_bytes(data)
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None


def _json_line(file: Path, frame: Frame, found: Detections, image_id: int) -> str:
    import json

    left, top, right, bottom = found.xyxy.astype(float).T
    boxes = zip(left, top, right - left, bottom - top, strict=True)
    category_of = _category_ids(found.class_names)
    detections = [
        {
            "image_id": image_id,
            "category_id": category_of.get(int(class_id), int(class_id) + 1),
            "category": found.class_name(row),
            "bbox": [round(float(value), 2) for value in box],
            "score": round(float(score), 5),
        }
        for row, (box, class_id, score) in enumerate(zip(boxes, found.class_id, found.confidence, strict=True))
    ]
    width, height = frame.size
    content = {
        "file": str(file),
        "frame": frame.index,
        "time_s": round(frame.camera_time_s, 3),
        "width": width,
        "height": height,
        "detections": detections,
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def _category_ids(class_names: tuple[str, ...]) -> dict[int, int]:
    """COCO's own ids where all of the model's classes are COCO's, so that its annotations can be used as they are."""
    from watchpost.detectors.classes import COCO91

    if not set(class_names) <= set(COCO91):
        return {}
    return {index: COCO91.index(name) for index, name in enumerate(class_names)}
