"""`watchpost data harvest`: pictures from videos, with a teacher's boxes as pseudo-labels."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchpost.plugins import DEFAULT_MODEL

if TYPE_CHECKING:
    from contextlib import ExitStack

    import numpy as np
    from numpy.typing import NDArray

    from watchpost.datasets import Sample
    from watchpost.datasets.labels import Row
    from watchpost.types import Frame

    Label = Callable[[Frame], list[Row] | None]
    """What is in a frame; `None` for one that is to be left out."""

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".avi", ".webm", ".ts", ".m4v", ".gif", ".flv", ".mpg"})


def harvest(
    videos: Annotated[
        list[Path], typer.Argument(help="Videos, recorded footage, or folders of them.", show_default=False)
    ],
    output: Annotated[Path, typer.Option(help="A new folder for the data set.")] = Path("harvest"),
    model: Annotated[str, typer.Option(help="The teacher: a plugin, an .onnx file or a model card.")] = DEFAULT_MODEL,
    every: Annotated[float, typer.Option(min=0, help="Seconds between two pictures; 0 takes every frame.")] = 2.0,
    on_change: Annotated[
        bool,
        typer.Option(
            "--on-change", help="Only when the scene has changed since the last picture; --every still holds."
        ),
    ] = False,
    change: Annotated[
        float, typer.Option(min=0, max=255, help="Grey levels by which a part of the scene must differ.")
    ] = 20.0,
    confidence: Annotated[float, typer.Option(min=0, max=1, help="The teacher's least score.")] = 0.25,
    classes: Annotated[str | None, typer.Option(help="These alone, such as person,car.", show_default="all")] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="MOT text about the one video: its boxes of people in place of a teacher's.", show_default=False
        ),
    ] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Stop after so many pictures.", show_default=False)] = None,
    to: Annotated[str, typer.Option(help="Format; coco and tfrecord keep the confidence as weight.")] = "coco",
    backend: Annotated[str, typer.Option(help="auto, onnx or openvino.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.", show_default="all physical cores")] = None,
) -> None:
    """Take pictures from videos and let a detector label them; its confidence becomes the weight of each box.

    One picture each --every seconds of each video; with --on-change only where something has changed.

        watchpost data harvest recordings/ --model yolox_nano.onnx --classes person --every 5

        watchpost data harvest street.mp4 --on-change --every 0.5 --output street

        watchpost data harvest pets.mp4 --truth gt.txt --every 0 --to mot
    """
    from contextlib import ExitStack

    from watchpost.cli._data import bar, given_names, whole_folder, write_splits
    from watchpost.datasets import Dataset
    from watchpost.datasets.detect_format import FORMATS
    from watchpost.errors import WatchpostError

    if to not in FORMATS:
        raise WatchpostError(f"--to {to}: there is no such format; there are: {', '.join(FORMATS)}.")
    files = _files(videos)
    if truth is not None and len(files) != 1:
        raise WatchpostError("--truth speaks of one video: give that one alone.")
    with ExitStack() as stack:
        if truth is None:
            settings = {"confidence": confidence, "backend": backend, "threads": threads}
            label, class_names = _teacher(model, settings, given_names(classes), stack)
        else:
            label, class_names = _truth(truth), ("person",)
        folder = stack.enter_context(whole_folder(output))
        progress = stack.enter_context(bar())
        task = progress.add_task("pictures", total=most)
        samples: list[Sample] = []
        for name, frame in islice(_frames(files, every, change if on_change else None), most):
            rows = label(frame)
            if rows is not None:
                samples.append(_kept(folder / ".frames" / name, frame, rows, name))
            progress.update(task, advance=1, description=Path(name).parent.name)
        if not samples:
            raise WatchpostError(f"no picture was taken from {len(files)} videos.")
        dataset = Dataset(output.name, class_names, tuple(samples))
        write_splits({output.name: dataset}, folder, to, link=True, progress=lambda: None)
        shutil.rmtree(folder / ".frames")
    typer.echo(f"{len(dataset)} pictures, {dataset.objects} objects in {output} ({to})")


def _files(videos: Sequence[Path]) -> list[Path]:
    """The videos, with folders replaced by those in them. Raises `WatchpostError` where there are none."""
    from watchpost.errors import WatchpostError

    files: list[Path] = []
    for path in videos:
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if each.suffix.lower() in VIDEO_SUFFIXES)
            if not found:
                raise WatchpostError(f"there are no videos in the folder {path}.")
            files += found
        else:
            files.append(path)
    return files


def _frames(files: Sequence[Path], every_s: float, change: float | None) -> Iterator[tuple[str, Frame]]:
    """The frames to take, each with a name below that of its video."""
    import numpy as np

    from watchpost.cli._frames import video_frames

    taken: set[str] = set()
    for file in files:
        folder, number = file.stem, 1
        while folder in taken:
            number += 1
            folder = f"{file.stem}-{number}"
        taken.add(folder)
        next_s, last = float("-inf"), None
        for frame in video_frames(str(file)):
            if frame.camera_time_s < next_s:
                continue
            scene = _scene(frame)
            if change is not None and last is not None and np.abs(scene - last).max() < change:
                continue
            # a thousandth early, so that 0.2 s of a video of 10 frames a second are two frames and not three
            next_s, last = frame.camera_time_s + every_s - 1e-3, scene
            yield f"{folder}/{frame.index + 1:06d}.jpg", frame


def _scene(frame: Frame) -> NDArray[np.float32]:
    """(9, 16): the mean grey of each part of the picture, less that of the whole: a cloud changes no scene."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(frame.picture.resized(160, 90), cv2.COLOR_BGR2GRAY)
    parts = cv2.resize(grey, (16, 9), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(parts - parts.mean(), np.float32)


def _teacher(
    model: str, settings: dict[str, Any], classes: tuple[str, ...] | None, stack: ExitStack
) -> tuple[Label, tuple[str, ...]]:
    """Labels by a detector, and the names of its classes, or of those that are wanted."""
    import numpy as np

    from watchpost.datasets.labels import Row
    from watchpost.detectors import open_detector
    from watchpost.errors import WatchpostError
    from watchpost.geometry import clip_boxes

    detector = stack.enter_context(closing(open_detector(model, **settings)))
    class_names = tuple(classes or detector.class_names)
    for name in class_names:
        if name not in detector.class_names:
            known = ", ".join(detector.class_names)
            raise WatchpostError(f"{detector.name} knows no class {name!r}; it knows: {known}.")

    def label(frame: Frame) -> list[Row]:
        found = detector.detect([frame])[0].of_classes(frozenset(class_names))
        rows = []
        for index, box in enumerate(clip_boxes(found.xyxy.astype(np.float64), *frame.size).tolist()):
            weight = min(1.0, max(0.0, float(found.confidence[index])))
            rows.append(Row(class_names.index(found.class_name(index)), tuple(box), weight))
        return rows

    return label, class_names


def _truth(path: Path) -> Label:
    """Labels by MOT text; nothing for frames before the first and after the last labelled one."""
    from watchpost.datasets.labels import Row
    from watchpost.datasets.mot_text import read_mot
    from watchpost.errors import WatchpostError

    boxes = read_mot(path)
    if not len(boxes):
        raise WatchpostError(f"{path} holds no boxes.")

    def label(frame: Frame) -> list[Row] | None:
        number = frame.index + 1
        if not boxes.frame[0] <= number <= boxes.frame[-1]:
            return None
        here = boxes.of_frame(number)
        confident = zip(here.xyxy.tolist(), here.confidence.tolist(), strict=True)
        return [Row(0, tuple(box), is_ignored=confidence == 0) for box, confidence in confident]

    return label


def _kept(path: Path, frame: Frame, rows: list[Row], name: str) -> Sample:
    """The frame as a JPEG file, and its sample."""
    from watchpost.datasets.labels import make_sample
    from watchpost.errors import WatchpostError
    from watchpost.picture import encode_jpeg

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(frame.picture.bgr(), quality=95))
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None
    return make_sample(path, frame.size, rows, name)
