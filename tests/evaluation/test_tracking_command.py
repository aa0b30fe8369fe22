"""`watchpost evaluate tracking`, as its function: what it reads, refuses and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from watchpost.cli.evaluate_tracking import evaluate_tracking
from watchpost.errors import WatchpostError

app = typer.Typer()
app.command()(evaluate_tracking)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "gt.txt"
    path.write_text("".join(f"{k},{i},{100 * i + 2 * k},50,30,80,1,-1,-1,-1\n" for k in range(1, 21) for i in (1, 2)))
    return path


def test_results_are_scored_as_table_and_json(truth: Path, tmp_path: Path) -> None:
    output = run("--results", truth, "--ground-truth", truth, "--json", tmp_path / "scores.json")
    assert "HOTA 1.000" in output
    assert "IDF1 1.000" in output
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["clear"]["mota"] == 1
    assert (scores["first_frame"], scores["last_frame"], scores["boxes"]) == (1, 20, 40)


@pytest.mark.parametrize("tracker", ["bytetrack", "sort", "centroid"])
def test_a_tracker_is_run_over_detections(truth: Path, tmp_path: Path, tracker: str) -> None:
    detections, tracks, scores = (tmp_path / name for name in ("det.txt", "tracks.txt", "scores.json"))
    detections.write_text(truth.read_text().replace(",1,1", ",-1,1").replace(",2,2", ",-1,2"))
    run("--detections", detections, "--tracker", tracker, "--ground-truth", truth, "--json", scores)
    found = json.loads(scores.read_text())
    assert found["clear"]["false_negatives"] == 2  # each track is confirmed in the second frame
    assert found["clear"]["id_switches"] == 0
    run("--detections", detections, "--tracker", tracker, "--ground-truth", truth, "--save", tracks)
    run("--results", tracks, "--ground-truth", truth, "--json", scores)
    again = json.loads(scores.read_text())
    assert again["clear"] == pytest.approx(found["clear"], abs=1e-4)
    assert again["identity"] == found["identity"]


def test_options_of_the_tracker_are_passed_on(truth: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    run(
        *("--detections", truth, "--ground-truth", truth, "--json", scores),
        *("--option", "confirm_hits=5", "--option", "patience=500ms"),
    )
    assert json.loads(scores.read_text())["clear"]["false_negatives"] == 8


def test_frames_choose_what_is_scored(truth: Path, tmp_path: Path) -> None:
    output = run("--results", truth, "--ground-truth", truth, "--frames", "5-10")
    assert "6 frames" in output
    assert "28 boxes lie outside" in output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give one of --results, --detections and --video"),
        (["--results", "a.txt", "--video", "b.mp4"], "give one of"),
        (["--results", "none.txt"], "none.txt does not exist"),
        (["--results", "GT", "--frames", "9-3"], "such as 1-400"),
        (["--results", "GT", "--frames", "ten"], "such as 1-400"),
        (["--detections", "GT", "--tracker", "telepathy"], "trackers has no 'telepathy'"),
        (["--detections", "GT", "--option", "patient=2s"], "--option patient: .*; bytetrack has: "),
        (["--detections", "GT", "--option", "patience=soon"], "--option patience: .* is no duration"),
        (["--results", "GT", "--json", "/nowhere/scores.json"], "/nowhere/scores.json can not be written"),
    ],
)
def test_mistakes_are_named(truth: Path, arguments: list[str], complaint: str) -> None:
    with pytest.raises(WatchpostError, match=complaint):
        run("--ground-truth", truth, *(str(truth) if each == "GT" else each for each in arguments))


def test_empty_ground_truth_needs_frames(tmp_path: Path) -> None:
    empty = tmp_path / "gt.txt"
    empty.write_text("")
    with pytest.raises(WatchpostError, match="--frames"):
        run("--results", empty, "--ground-truth", empty)
