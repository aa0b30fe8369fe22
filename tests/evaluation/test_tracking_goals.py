"""Trackers on real sequences: the figures that the documentation names, and TrackEval's opinion of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from watchpost.cli.evaluate_tracking import evaluate_tracking

app = typer.Typer()
app.command()(evaluate_tracking)

PETS = "PETS09-S2L1"
PUBLIC = {
    PETS: ("sort_det_768x576.txt", "gt_768x576_frames001-400.txt", 10, 400),
    "TUD-Stadtmitte": ("sort_det.txt", "gt.txt", 25, 179),
}


def run(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def run_public(folder: Path, tracker: str, out: Path) -> dict[str, dict[str, float]]:
    detections, truth, fps, last = PUBLIC[folder.name]
    run(
        *("--detections", folder / detections, "--ground-truth", folder / truth, "--frames", f"1-{last}"),
        *("--tracker", tracker, "--fps", fps, "--json", out / "scores.json", "--save", out / "tracks.txt"),
    )
    scores: dict[str, dict[str, float]] = json.loads((out / "scores.json").read_text())
    return scores


@pytest.mark.parametrize(
    ("name", "tracker", "mota", "idf1"),
    [
        (PETS, "sort", 0.53, 0.45),
        (PETS, "bytetrack", 0.55, 0.52),
        ("TUD-Stadtmitte", "sort", 0.70, 0.75),
        ("TUD-Stadtmitte", "bytetrack", 0.70, 0.75),
    ],
)
def test_public_detections(
    shared_data: Path, tmp_path: Path, name: str, tracker: str, mota: float, idf1: float
) -> None:
    scores = run_public(shared_data / "mot" / name, tracker, tmp_path)
    assert scores["clear"]["mota"] >= mota
    assert scores["identity"]["idf1"] >= idf1


@pytest.mark.peer
@pytest.mark.parametrize("name", list(PUBLIC))
def test_scores_of_sort_agree_with_trackevals_whole_pipeline(shared_data: Path, tmp_path: Path, name: str) -> None:
    """From the files on: TrackEval reads, pre-processes (MOT15) and scores them itself."""
    trackeval = pytest.importorskip("trackeval")
    folder = shared_data / "mot" / name
    ours = run_public(folder, "sort", tmp_path)
    last = PUBLIC[name][3]
    sequence = tmp_path / "gt" / name
    (sequence / "gt").mkdir(parents=True)
    (sequence / "gt" / "gt.txt").write_bytes((folder / PUBLIC[name][1]).read_bytes())
    results = tmp_path / "trackers" / "sort" / "data"
    results.mkdir(parents=True)
    (results / f"{name}.txt").write_bytes((tmp_path / "tracks.txt").read_bytes())
    dataset = trackeval.datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(tmp_path / "gt"),
            "TRACKERS_FOLDER": str(tmp_path / "trackers"),
            "BENCHMARK": "MOT15",
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": {name: last},
            "PRINT_CONFIG": False,
        }
    )
    raw = dataset.get_raw_seq_data("sort", name)
    data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
    quiet = {"PRINT_CONFIG": False}
    hota = trackeval.metrics.HOTA().eval_sequence(data)
    clear = trackeval.metrics.CLEAR(quiet).eval_sequence(data)
    identity = trackeval.metrics.Identity(quiet).eval_sequence(data)
    theirs = {
        "hota": np.mean(hota["HOTA"]),
        "det_a": np.mean(hota["DetA"]),
        "ass_a": np.mean(hota["AssA"]),
        "mota": clear["MOTA"],
        "motp": clear["MOTP"],
        "id_switches": clear["IDSW"],
        "fragments": clear["Frag"],
        "idf1": identity["IDF1"],
    }
    found = {**ours["hota"], **ours["clear"], **ours["identity"]}
    assert {key: found[key] for key in theirs} == pytest.approx(theirs, abs=5e-4)


@pytest.mark.slow
def test_pets_with_a_detector(shared_data: Path, tmp_path: Path) -> None:
    """Detector and tracker on the video itself."""
    folder = shared_data / "mot" / PETS
    run(
        *("--video", folder / "vtest.mp4", "--model", shared_data / "models" / "yolox_nano" / "yolox_nano.onnx"),
        *("--ground-truth", folder / "gt_480x360_frames001-400.txt", "--json", tmp_path / "scores.json"),
    )
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["clear"]["mota"] >= 0.75
    assert scores["identity"]["idf1"] >= 0.70
