"""`watchpost evaluate tracking`: HOTA, MOTA, IDF1 and switches of results, or of a tracker run here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from watchpost.datasets.mot_text import MotBoxes
    from watchpost.evaluation.tracking import TrackingScores
    from watchpost.trackers import Tracker
    from watchpost.types import Detections

Timed = Iterator[tuple[int, float, "Detections"]]
"""Frame number from 1, camera time in seconds, and what was detected."""


def evaluate_tracking(
    ground_truth: Annotated[Path, typer.Option(help="What is true: MOT text.")],
    results: Annotated[Path | None, typer.Option(help="Score these tracks: MOT text.", show_default=False)] = None,
    detections: Annotated[
        Path | None,
        typer.Option(help="Track these detections (MOT text, any ids) and score that.", show_default=False),
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(help="Detect and track in this video and score that.", show_default=False),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The detector for --video: a plugin, .onnx or card.", show_default=False)
    ] = None,
    tracker: Annotated[str, typer.Option(help="The tracker for --detections and --video.")] = "bytetrack",
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the tracker, such as patience=2s. May be repeated.", show_default=False),
    ] = None,
    class_name: Annotated[
        str, typer.Option("--class", help="The class that the ground truth speaks of, for --video.")
    ] = "person",
    fps: Annotated[float, typer.Option(min=0.01, help="Frames per second of --detections.")] = 10.0,
    frames: Annotated[
        str | None,
        typer.Option(help="Score these only, such as 1-400; otherwise all to the last labelled one."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the tracks here, as MOT text.", show_default=False)] = None,
    json: Annotated[Path | None, typer.Option(help="Write the scores here.", show_default=False)] = None,
) -> None:
    """Measure tracking against ground truth: HOTA, CLEAR MOT and Identity, as TrackEval computes them.

    One of --results, --detections or --video says what is measured.

        watchpost evaluate tracking --results tracks.txt --ground-truth gt.txt

        watchpost evaluate tracking --detections det.txt --fps 25 --tracker sort --ground-truth gt.txt

        watchpost evaluate tracking --video street.mp4 --model yolox.onnx --ground-truth gt.txt --frames 1-400
    """
    from rich.console import Console

    from watchpost.datasets.mot_text import mot_text, read_mot
    from watchpost.errors import WatchpostError
    from watchpost.evaluation.tracking import evaluate_tracking as score

    if sum(each is not None for each in (results, detections, video)) != 1:
        raise WatchpostError("give one of --results, --detections and --video: what is to be measured.")
    truth = read_mot(ground_truth)
    first, last = _frame_range(frames, truth)
    if results is not None:
        tracks = read_mot(results)
    else:
        chosen = _make_tracker(tracker, option or [])
        if video is not None:
            timed = _detected(video, model, chosen.minimum_confidence, class_name)
        else:
            timed = _given(read_mot(detections or Path(), need_ids=False), fps, last)
        tracks = _track(chosen, timed, last)
    if save is not None:
        _write(save, mot_text(tracks))
    scores = score(truth, tracks, first, last)
    console = Console()
    console.print(_table(scores, f"frames {first}-{last} of {ground_truth.name}"))
    left_out = len(tracks) - len(tracks.between(first, last))
    if left_out:
        console.print(f"{left_out} boxes lie outside of frames {first}-{last} and are not scored.")
    if json is not None:
        _write(json, _as_json(scores, first, last))


def _frame_range(frames: str | None, truth: MotBoxes) -> tuple[int, int]:
    from watchpost.errors import WatchpostError

    if frames is None:
        if not len(truth):
            raise WatchpostError("the ground truth is empty; name the frames to score with --frames 1-400.")
        return 1, int(truth.frame[-1])
    match = re.fullmatch(r"(\d+)-(\d+)", frames.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise WatchpostError(f"--frames {frames}: write the first and last frame, such as 1-400.")
    return int(match[1]), int(match[2])


def _make_tracker(name: str, options: list[str]) -> Tracker:
    from pydantic import ValidationError

    from watchpost import plugins
    from watchpost.errors import WatchpostError

    module = plugins.load("trackers", name)
    pairs = [each.partition("=") for each in options]
    try:
        chosen = module.Options(**{key.strip(): value.strip() for key, _, value in pairs})
    except ValidationError as error:
        problem = error.errors()[0]
        known = ", ".join(module.Options.model_fields)
        raise WatchpostError(
            f"--option {'.'.join(map(str, problem['loc']))}: {problem['msg']}; {name} has: {known}."
        ) from None
    tracker: Tracker = module.create(chosen)
    return tracker


def _given(boxes: MotBoxes, fps: float, last: int) -> Timed:
    """Detections from a file; the frame is taken to be as large as the boxes reach."""
    import numpy as np

    from watchpost.types import Detections

    width, height = np.ceil(boxes.xyxy[:, 2:].max(axis=0, initial=1)).astype(int).tolist()
    for frame in range(1, last + 1):
        seen = boxes.of_frame(frame)
        yield (
            frame,
            (frame - 1) / fps,
            Detections(
                xyxy=seen.xyxy.astype(np.float32),
                confidence=np.clip(seen.confidence, 0, 1).astype(np.float32),
                class_id=np.zeros(len(seen), np.int32),
                frame_size=(width, height),
            ),
        )


def _detected(video: str, model: str | None, confidence: float, class_name: str) -> Timed:
    """What the detector, run as low as the tracker wants it, finds in the frames of a video."""
    from watchpost.cli._frames import video_frames
    from watchpost.detectors import open_detector
    from watchpost.errors import WatchpostError
    from watchpost.plugins import DEFAULT_MODEL

    with closing(open_detector(model or DEFAULT_MODEL, confidence=confidence)) as detector:
        if class_name not in detector.class_names:
            known = ", ".join(detector.class_names)
            raise WatchpostError(f"{detector.name} knows no class {class_name!r}; it knows: {known}.")
        wanted = frozenset([class_name])
        for frame in video_frames(video):
            yield frame.index + 1, frame.camera_time_s, detector.detect([frame])[0].of_classes(wanted)


def _track(tracker: Tracker, timed: Timed, last: int) -> MotBoxes:
    """Run a tracker over frames 1 to `last`, with a progress bar."""
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from watchpost.datasets.mot_text import MotBoxes

    frames, found = [], []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("tracking", total=last)
        for frame, time_s, detections in timed:
            if frame > last:
                break
            tracked = tracker.update(detections, time_s)
            frames.append(np.full(len(tracked), frame))
            found.append(tracked)
            progress.update(task, completed=frame)
    return MotBoxes(
        frame=np.concatenate([np.empty(0, np.int64), *frames]),
        id=np.concatenate([np.empty(0, np.int64), *(each.track_id for each in found)]),
        xyxy=np.concatenate([np.empty((0, 4)), *(each.xyxy for each in found)]),
        confidence=np.concatenate([np.empty(0), *(each.confidence for each in found)]),
    )


def _table(scores: TrackingScores, title: str) -> Table:
    from rich.table import Table

    hota, clear, identity = scores.hota, scores.clear, scores.identity
    table = Table(title=title, title_justify="left")
    table.add_column("family")
    table.add_column("scores")
    table.add_row(
        "HOTA",
        f"HOTA {hota.hota:.3f}  DetA {hota.det_a:.3f}  AssA {hota.ass_a:.3f}  LocA {hota.loc_a:.3f}\n"
        f"DetRe {hota.det_re:.3f}  DetPr {hota.det_pr:.3f}  AssRe {hota.ass_re:.3f}  AssPr {hota.ass_pr:.3f}",
    )
    table.add_row(
        "CLEAR (IoU 0.5)",
        f"MOTA {clear.mota:.3f}  MOTP {clear.motp:.3f}  recall {clear.recall:.3f}  precision {clear.precision:.3f}\n"
        f"{clear.false_negatives} missed  {clear.false_positives} false  {clear.id_switches} id switches  "
        f"{clear.fragments} fragments\n"
        f"{clear.mostly_tracked} objects mostly tracked  {clear.partly_tracked} partly  "
        f"{clear.mostly_lost} mostly lost",
    )
    table.add_row("Identity (IoU 0.5)", f"IDF1 {identity.idf1:.3f}  IDP {identity.idp:.3f}  IDR {identity.idr:.3f}")
    table.add_row(
        "counted",
        f"{scores.frames} frames  {scores.objects} objects in {scores.boxes} boxes  "
        f"{scores.result_tracks} tracks in {scores.result_boxes} boxes",
    )
    return table


def _as_json(scores: TrackingScores, first: int, last: int) -> str:
    import json
    from dataclasses import asdict

    return json.dumps({"first_frame": first, "last_frame": last, **asdict(scores)}, indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    from watchpost.errors import WatchpostError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None
