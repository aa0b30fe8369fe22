"""What surrounds the loop: the folder of a run, its pictures, its teacher, its reports."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from watchpost.datasets import Dataset
from watchpost.datasets.detect_format import read as read_any
from watchpost.errors import WatchpostError
from watchpost.training import checkpoint, teacher
from watchpost.training.checkpoint import Checkpoint
from watchpost.training.data import Pictures, Read, gather
from watchpost.training.loop import LAST, Outcome, Watcher, train
from watchpost.training.recipe import DataSet, Recipe, Teacher, as_yaml
from watchpost.training.report import Scalars, write_page

RECIPE: Final = "recipe.yaml"
PAGE: Final = "report.html"
TEACHER: Final = "teacher.json"


def start(
    recipe: Recipe,
    folder: Path,
    *,
    watcher: Watcher,
    device: str = "auto",
    stop: Callable[[], bool] = lambda: False,
    track: teacher.Track = iter,
) -> Outcome:
    """Begin a run in `folder`. Raises `WatchpostError` when it holds one already, and for all that keeps it from it."""
    if (folder / LAST).exists():
        raise WatchpostError(f"{folder} holds a run already: go on with it by --resume, or name another --out.")
    return _run(recipe, folder, None, watcher, device, stop, track)


def resume(
    folder: Path,
    *,
    watcher: Watcher,
    device: str = "auto",
    stop: Callable[[], bool] = lambda: False,
    track: teacher.Track = iter,
) -> Outcome:
    """Go on with the run in `folder`, as its checkpoint says. Raises `WatchpostError` when there is none."""
    if not (folder / LAST).exists():
        raise WatchpostError(f"there is no run to resume in {folder}: it holds no {LAST}.")
    saved = checkpoint.load(folder / LAST)
    return _run(saved.recipe, folder, saved, watcher, device, stop, track)


def use_threads(count: int | None) -> None:
    """CPU threads of the network; without a number as many as there are physical cores to use."""
    import cv2
    import torch

    from watchpost.detectors.network import usable_cores

    torch.set_num_threads(count or usable_cores())
    cv2.setNumThreads(1)  # the loader's workers are several already


def leads() -> bool:
    """Whether this process is the one that reports, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _run(
    recipe: Recipe,
    folder: Path,
    saved: Checkpoint | None,
    watcher: Watcher,
    device: str,
    stop: Callable[[], bool],
    track: teacher.Track,
) -> Outcome:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if leads():
            (folder / RECIPE).write_text(as_yaml(recipe), encoding="utf-8")
    except OSError as error:
        raise WatchpostError(f"{folder} can not be written: {error.strerror}.") from None
    pictures = gather(recipe.data, _reader(recipe, folder, track))
    if not leads():
        return train(recipe, pictures, folder, watcher=watcher, resumed=saved, device=device, stop=stop)
    first_epoch = saved.progress.epoch + 1 if saved else 1
    with closing(Reporter(recipe, folder, pictures, watcher, first_epoch)) as reporter:
        if saved is not None:
            reporter.history = list(saved.progress.history)
        return train(recipe, pictures, folder, watcher=reporter, resumed=saved, device=device, stop=stop)


class Reporter:
    """A watcher that writes TensorBoard's file and the page after each epoch, and tells another watcher."""

    def __init__(self, recipe: Recipe, folder: Path, pictures: Pictures, watcher: Watcher, first_epoch: int) -> None:
        self._recipe, self._folder, self._class_names, self._watcher = recipe, folder, pictures.class_names, watcher
        self._scalars = Scalars(folder / "tensorboard", first_epoch)
        self.history: list[dict[str, float]] = []

    def begins(self, steps: int, done: int) -> None:
        """Pass it on."""
        self._watcher.begins(steps, done)

    def stepped(self, loss: float, rate: float) -> None:
        """Pass it on."""
        self._watcher.stepped(loss, rate)

    def finished_epoch(self, row: dict[str, float]) -> None:
        """Write it down and pass it on."""
        self.history.append(row)
        self._scalars.write(row)
        write_page(self._folder / PAGE, self._recipe, self._class_names, self.history)
        self._watcher.finished_epoch(row)

    def close(self) -> None:
        """Finish the files."""
        self._scalars.close()


def _reader(recipe: Recipe, folder: Path, track: teacher.Track) -> Read:
    """How a recipe's sets are read; the teacher is opened when the first set needs it."""
    answers: list[teacher.Answers] = []

    def taught(section: Teacher) -> teacher.Answers:
        if not answers:
            from watchpost.detectors import open_detector

            detector = open_detector(str(section.model), confidence=section.confidence)
            answers.append(teacher.Answers(detector, folder / TEACHER, section.confidence))
        return answers[0]

    def read(each: DataSet, class_names: tuple[str, ...] | None) -> Dataset:
        section = recipe.teacher
        if each.labels == "teacher" and section is not None:
            if class_names is None:
                raise WatchpostError("data.classes: name them, since the first set has the teacher's labels alone.")
            return teacher.pseudo_labelled(each.path, class_names, taught(section), track)
        dataset = read_any(each.path)
        if section is None or section.distil == 0 or each in recipe.data.val:
            return dataset
        if class_names is not None:
            dataset = dataset.of_classes(class_names)
        return teacher.distilled(dataset, taught(section), section.distil, track)

    return read
