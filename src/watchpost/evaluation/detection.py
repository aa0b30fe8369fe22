"""How well a detector finds what is there: COCO's average precision, by the field's evaluator, and its speed.

Lin et al., "Microsoft COCO: Common Objects in Context", and cocodataset.org's detection evaluation: precision over
101 recall levels, at IoU .50 to .95 in steps of .05, at most 100 detections a picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchpost.datasets.pictures import SUFFIXES
from watchpost.errors import WatchpostError
from watchpost.evaluation.confusion import Confusion, Seen, confusion, seen
from watchpost.evaluation.curves import Curve, best_point
from watchpost.evaluation.dataset import Labelled, Truth
from watchpost.plugins import missing_extra
from watchpost.types import Detections, Frame

Detect = Callable[[Sequence[Frame]], list[Detections]]

_MAX_DETECTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class DetectionScores:
    """COCO's figures, 0-1; `None` where there is no object of that size or class to find."""

    ap: float | None
    """Mean over IoU .50:.95 and classes: what COCO calls AP, or mAP."""
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    """Objects under 32 x 32 pixels."""
    ap_medium: float | None
    """Up to 96 x 96 pixels."""
    ap_large: float | None
    ar: float | None
    """Recall at 100 detections a picture, mean over IoU .50:.95 and classes."""


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """What one model scores on one data set, and how fast it did so in the same run."""

    scores: DetectionScores
    per_class: dict[str, DetectionScores]
    pictures: int
    objects: int
    detections: int
    ms_per_picture: float
    """Median of the time in `detect`, one picture at a time, from decoded picture to boxes."""
    ms_per_picture_p95: float
    curves: dict[str, Curve]
    """Precision against recall, by class, at IoU .50."""
    confusion: Confusion
    """At the confidence that was asked for, or else the one with the best F1 on this data."""


class DetectionScorer:
    """Collects truth and detections picture by picture, then scores them.

    Only `class_names` count, matched by name between data and model; other detections are left out.
    """

    def __init__(self, class_names: Sequence[str], data_classes: Sequence[str]) -> None:
        self._category = {name: number for number, name in enumerate(class_names, start=1)}
        self._data_classes = tuple(data_classes)
        self._images: list[dict[str, int]] = []
        self._annotations: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._tables: dict[str, NDArray[np.float64]] | None = None

    @property
    def objects(self) -> int:
        """Objects that are to be found so far."""
        return sum(not annotation["iscrowd"] for annotation in self._annotations)

    @property
    def detections(self) -> int:
        """Detections that count so far."""
        return len(self._results)

    def add(self, truth: Truth, found: Detections) -> None:
        """One more picture."""
        self._tables = None
        image = len(self._images) + 1
        self._images.append({"id": image, "width": found.frame_size[0], "height": found.frame_size[1]})
        for box, class_id, area, ignored in zip(
            _xywh(truth.xyxy), truth.class_id.tolist(), truth.area.tolist(), truth.is_ignored.tolist(), strict=True
        ):
            category = self._category.get(self._data_classes[class_id])
            if category is not None:
                self._annotations.append(
                    {
                        "id": len(self._annotations) + 1,
                        "image_id": image,
                        "category_id": category,
                        "bbox": box,
                        "area": area,
                        "iscrowd": int(ignored),
                    }
                )
        for row, (box, score) in enumerate(zip(_xywh(found.xyxy), found.confidence.tolist(), strict=True)):
            category = self._category.get(found.class_name(row))
            if category is not None:
                self._results.append({"image_id": image, "category_id": category, "bbox": box, "score": score})

    def scores(self) -> tuple[DetectionScores, dict[str, DetectionScores]]:
        """Over all classes, and for each. Raises `MissingExtraError` without the evaluator."""
        tables = self._evaluated()
        precision, recall = tables["precision"], tables["recall"]
        per_class = {name: _scores(precision[:, :, [row]], recall[:, [row]]) for row, name in enumerate(self._category)}
        return _scores(precision, recall), per_class

    def curves(self) -> dict[str, Curve]:
        """Precision against recall at IoU .50 of each class that the data has. Raises as `scores` does."""
        tables = self._evaluated()
        curves = {}
        for row, name in enumerate(self._category):
            precision, confidence = (tables[each][0, :, row, 0, 0] for each in ("precision", "scores"))
            if precision.max() > -1:  # the evaluator marks what can not be measured with -1
                curves[name] = Curve(tuple(precision.tolist()), tuple(np.maximum(confidence, 0).tolist()))
        return curves

    def _evaluated(self) -> dict[str, NDArray[np.float64]]:
        """The evaluator's tables of what was added so far."""
        if self._tables is not None:
            return self._tables
        try:
            from faster_coco_eval import COCO, COCOeval_faster
        except ModuleNotFoundError as error:
            raise missing_extra(error) or error from None
        truth = COCO(
            {
                "info": {},
                "images": self._images,
                "annotations": self._annotations,
                "categories": [{"id": number, "name": name} for name, number in self._category.items()],
            }
        )
        evaluator = COCOeval_faster(truth, truth.loadRes(self._results), "bbox")
        evaluator.params.maxDets = [_MAX_DETECTIONS]
        evaluator.evaluate()
        evaluator.accumulate()
        self._tables = {name: evaluator.eval[name] for name in ("precision", "recall", "scores")}
        return self._tables


def evaluate(
    detect: Detect,
    data: Iterable[Labelled],
    data_classes: Sequence[str],
    class_names: Sequence[str],
    at: float | None = None,
) -> DetectionReport:
    """Run `detect` over `data`, one picture at a time, and score `class_names`.

    Confusion and worst pictures are counted at confidence `at`, by default the one with the best F1. For comparable
    figures the detector's own threshold must be low (.01): average precision needs the unsure detections too.
    Raises `WatchpostError` when there are no pictures, and `MissingExtraError` without the evaluator.
    """
    scorer = DetectionScorer(class_names, data_classes)
    times_s: list[float] = []
    pictures: list[Seen] = []
    for labelled in data:
        started = time.perf_counter()
        found = detect([labelled.frame])[0]
        times_s.append(time.perf_counter() - started)
        scorer.add(labelled.truth, found)
        pictures.append(seen(_name(labelled.frame), labelled.truth, found, class_names, data_classes))
    if not times_s:
        raise WatchpostError("there are no labelled pictures to evaluate on.")
    scores, per_class = scorer.scores()
    curves = scorer.curves()
    best = best_point(curves)
    if at is None:
        at = best.confidence if best else 0.5
    return DetectionReport(
        scores=scores,
        per_class=per_class,
        pictures=len(times_s),
        objects=scorer.objects,
        detections=scorer.detections,
        ms_per_picture=float(np.median(times_s)) * 1e3,
        ms_per_picture_p95=float(np.percentile(times_s, 95)) * 1e3,
        curves=curves,
        confusion=confusion(pictures, class_names, at),
    )


def _name(frame: Frame) -> str:
    """A picture's file name; a video's frames all have the video's, so their number is added."""
    return frame.camera if Path(frame.camera).suffix.lower() in SUFFIXES else f"{frame.camera} frame {frame.index}"


def shared_classes(
    data_classes: Sequence[str], model_classes: Sequence[str], wanted: Sequence[str] | None = None
) -> list[str]:
    """The classes that data and model both know, by name, in the data's order; of them the `wanted` ones.

    Raises `WatchpostError` for a wanted class that one of them does not know, and when nothing is left.
    """
    for name in wanted or ():
        for who, known in (("data", data_classes), ("model", model_classes)):
            if name not in known:
                raise WatchpostError(f"the {who} does not know the class {name!r}; it has: {', '.join(known)}.")
    shared = [name for name in data_classes if name in model_classes and (wanted is None or name in wanted)]
    if not shared:
        raise WatchpostError(f"data ({', '.join(data_classes)}) and model ({', '.join(model_classes)}) share no class.")
    return shared


def _scores(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> DetectionScores:
    """From the evaluator's tables: (IoU, recall level, class, size, limit) and (IoU, class, size, limit)."""
    return DetectionScores(
        ap=_mean(precision[:, :, :, 0]),
        ap50=_mean(precision[0, :, :, 0]),
        ap75=_mean(precision[5, :, :, 0]),
        ap_small=_mean(precision[:, :, :, 1]),
        ap_medium=_mean(precision[:, :, :, 2]),
        ap_large=_mean(precision[:, :, :, 3]),
        ar=_mean(recall[:, :, 0]),
    )


def _mean(table: NDArray[np.float64]) -> float | None:
    valid = table[table > -1]  # the evaluator marks what can not be measured with -1
    return float(valid.mean()) if valid.size else None


def _xywh(xyxy: NDArray[np.floating]) -> list[list[float]]:
    boxes: list[list[float]] = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1).tolist()
    return boxes
