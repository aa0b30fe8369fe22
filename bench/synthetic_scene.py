"""Do person detectors find the synthetic scene's people, and what does a frame cost?

    python bench/synthetic_scene.py DATA [--cameras 6] [--night]

DATA is the test data folder, with the reference models in models/; without it HOG alone is measured. To be found:
people at least 40 pixels high of whom at least half is to be seen; others are neither right nor wrong.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from watchpost.detectors import Detector, open_detector
from watchpost.evaluation.dataset import Truth
from watchpost.evaluation.detection import DetectionScorer
from watchpost.geometry import box_iou
from watchpost.picture import ArrayPicture
from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.scene.truth import TruthBox
from watchpost.types import Frame

MODELS = {
    "YOLOX-nano": "models/yolox_nano/yolox_nano.onnx",
    "FastestDet": "models/fastestdet/FastestDet.onnx",
    "retail-0013": "models/retail0013/person-detection-retail-0013.converted.onnx",
}
LEAST_HEIGHT = 40
LEAST_VISIBILITY = 0.5
USUAL_CONFIDENCE = 0.3


def machine() -> str:
    """The processor's name and its cores."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def truth_of(people: Sequence[TruthBox]) -> Truth:
    """The visible boxes; those too small or too much hidden are ignored."""
    seen = [person for person in people if person.visible is not None]
    boxes = np.array([person.visible for person in seen], np.float64).reshape(-1, 4)
    height = boxes[:, 3] - boxes[:, 1]
    hidden = np.array([person.visibility < LEAST_VISIBILITY for person in seen], np.bool_)
    truth = Truth.of_boxes(boxes, np.zeros(len(boxes), np.int64))
    return Truth(truth.xyxy, truth.class_id, truth.area, hidden | (height < LEAST_HEIGHT))


class Tally:
    """One detector's results."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.scorer = DetectionScorer(("person",), ("person",))
        self.found = self.people = self.false = self.frames = 0

    def add(self, frame: Frame, truth: Truth) -> None:
        """Detect in one frame."""
        detections = self.detector.detect([frame])[0].of_classes(frozenset({"person"}))
        self.scorer.add(truth, detections)
        sure = detections[detections.confidence >= USUAL_CONFIDENCE]
        overlap = box_iou(truth.xyxy, sure.xyxy.astype(np.float64))
        self.found += int((overlap.max(axis=1, initial=0)[~truth.is_ignored] >= 0.5).sum())
        self.people += int((~truth.is_ignored).sum())
        self.false += int((overlap.max(axis=0, initial=0) < 0.3).sum())
        self.frames += 1

    def row(self) -> str:
        """The line of the table."""
        scores, _ = self.scorer.scores()
        cells = f"{scores.ap50 or 0:>7.3f}{scores.ap or 0:>10.3f}{self.found / max(self.people, 1):>9.3f}"
        return cells + f"{self.false / max(self.frames, 1):>13.3f}"


def measure_detectors(models: dict[str, str], cameras: int, *, night: bool) -> None:
    """Print a line for each model."""
    tallies = {name: Tally(open_detector(model, confidence=0.01)) for name, model in models.items()}
    heights: list[float] = []
    for camera in range(cameras):
        scene = Scene(SceneOptions(camera=camera, people=4, night=night))
        for index in range(40, 1300, 37):
            picture, people = scene.frame(index)
            truth = truth_of(people)
            heights += (truth.xyxy[:, 3] - truth.xyxy[:, 1])[~truth.is_ignored].tolist()
            frame = Frame("bench", ArrayPicture(picture), index / 15, 0.0, index)
            for tally in tallies.values():
                tally.add(frame, truth)
    low, middle, high = np.percentile(heights, (5, 50, 95))
    print(f"{len(heights)} people in {cameras} cameras, {low:.0f} to {high:.0f} pixels high (median {middle:.0f})")
    print(f"{'':<14}{'AP50':>7}{'AP50:95':>10}{'recall':>9}{'false/frame':>13}   (at confidence {USUAL_CONFIDENCE})")
    for name, tally in tallies.items():
        print(f"{name:<14}{tally.row()}")


def measure_time() -> None:
    """Print what a 1280x720 frame costs this process's cores, by the number of people in view."""
    scene = Scene(SceneOptions(people=4))
    scene.visits(120)
    times_ms: dict[int, list[float]] = {}
    for index in range(1200):
        started = time.process_time()
        _, people = scene.frame(index)
        times_ms.setdefault(len(people), []).append((time.process_time() - started) * 1e3)
    print("milliseconds of processor time a 1280x720 frame, median / 95th percentile")
    for count, times in sorted(times_ms.items()):
        print(f"{count} in view: {np.median(times):6.1f} /{np.percentile(times, 95):6.1f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--night", action="store_true")
    arguments = parser.parse_args()
    print(machine())
    models = {"HOG": "hog"}
    if arguments.data is not None:
        models = {name: str(arguments.data / path) for name, path in MODELS.items()} | models
    measure_detectors(models, arguments.cameras, night=arguments.night)
    measure_time()


if __name__ == "__main__":
    main()
