"""Tiny labelled pictures for the tests of training: bright discs and squares on a dark, uneven ground."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from watchpost.datasets import Sample
from watchpost.training.data import Pictures
from watchpost.training.recipe import Recipe

CLASSES = ("disc", "square")


def draw(rng: np.random.Generator, size: int = 96) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture, boxes (N, 4) and classes (N,) of one to three shapes that do not touch."""
    bgr = np.asarray(rng.integers(0, 70, (size // 8, size // 8, 3)), np.uint8)
    bgr = cv2.resize(bgr, (size, size), interpolation=cv2.INTER_LINEAR)
    boxes, classes = [], []
    places = rng.permutation(4)[: int(rng.integers(1, 4))]
    for place in places:
        side = int(rng.integers(size // 6, size // 2 - 4))
        left, top = ((np.array([place % 2, place // 2]) * size // 2) + rng.integers(1, size // 2 - side, 2)).tolist()
        colour = [int(each) for each in rng.integers(150, 255, 3)]
        kind = int(rng.integers(2))
        if kind == 0:
            cv2.circle(bgr, (left + side // 2, top + side // 2), side // 2, colour, -1)
            box = [left, top, left + 2 * (side // 2) + 1, top + 2 * (side // 2) + 1]
        else:
            cv2.rectangle(bgr, (left, top), (left + side - 1, top + side - 1), colour, -1)
            box = [left, top, left + side, top + side]
        boxes.append(box)
        classes.append(kind)
    return bgr, np.array(boxes, np.float64), np.array(classes, np.int64)


def samples(folder: Path, count: int, seed: int = 0, size: int = 96) -> tuple[Sample, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        bgr, boxes, classes = draw(np.random.default_rng([seed, number]), size)
        path = folder / f"{number:03d}.png"
        cv2.imwrite(str(path), bgr)
        ones = np.ones(len(boxes), np.float32)
        made.append(Sample(path, size, size, boxes, classes, ones, np.zeros(len(boxes), bool), path.name))
    return tuple(made)


def pictures(folder: Path, count: int = 8, seed: int = 0, size: int = 96) -> Pictures:
    """The same pictures to learn from and to measure on."""
    made = samples(folder, count, seed, size)
    return Pictures(CLASSES, made, np.ones(count), made)


def recipe(**changes: object) -> Recipe:
    """A recipe of seconds."""
    settings: dict[str, object] = {
        "name": "shapes",
        "data": {"train": [{"path": "unused"}]},
        "input": {"width": 96, "height": 96},
        "model": {"width": 0.25, "depth": 0.3},
        "epochs": 2,
        "batch": 4,
        "warmup_epochs": 0,
        "workers": 0,
        "evaluate_every": 2,
        "deterministic": True,
        "amp": "off",
        "augment": {"mosaic": 0.3, "mixup": 0.2},
    }
    return Recipe.model_validate(settings | changes)


class Silent:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rows: list[dict[str, float]] = []

    def begins(self, steps: int, done: int) -> None:
        self.steps, self.done = steps, done

    def stepped(self, loss: float, rate: float) -> None:
        self.losses.append(loss)

    def finished_epoch(self, row: dict[str, float]) -> None:
        self.rows.append(row)
