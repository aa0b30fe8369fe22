"""`watchpost bench cameras`: what it asks for, what it prints and writes; once for real."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from watchpost.cli import app
from watchpost.errors import WatchpostError
from watchpost.fleet import campaign, runner
from watchpost.fleet.clips import Clip, FleetOptions
from watchpost.fleet.job import Job, Measured
from watchpost.fleet.scoring import Score


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[FleetOptions | Job]:
    """What is rendered and run, by a machine that carries 12 cameras; nothing really is."""
    stream = tmp_path / "stream.mp4"
    stream.write_bytes(b"x" * 1000)
    noted: list[FleetOptions | Job] = []

    def make(options: FleetOptions, *_: object) -> list[Clip]:
        noted.append(options)
        (tmp_path / "cache" / "watchpost" / "bench-fleet").mkdir(parents=True, exist_ok=True)
        return [Clip(stream, 60, 15, 2, ())]

    def run(job: Job, _: Callable[[float], None]) -> Measured:
        noted.append(job)
        cameras = len(job.cameras)
        if cameras == 66:
            raise KeyboardInterrupt
        counts = {"packets_due": 100, "packets": 100, "asked": 10, "analysed": 10}
        lags_s = [0.1 if cameras <= 12 else 3.0] * 9
        return Measured(seconds=job.seconds, cores=2, cpu_s=0.1 * cameras, rss_mb=50.0, lags_s=lags_s, **counts)

    monkeypatch.setattr(campaign, "make_clips", make)
    monkeypatch.setattr(campaign, "with_reference", lambda clips, *_: (clips, Score()))
    monkeypatch.setattr(runner, "run", run)
    return noted


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["bench", "cameras", *map(str, arguments)])


def test_the_answer_is_printed_and_written(asked: list[FleetOptions | Job], tmp_path: Path) -> None:
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    result = run("--quick", "--json", out, "--html", page)
    assert result.exit_code == 0, result.output
    assert "cameras sustained" in result.stdout
    assert "p95 lag 3.0 s" in result.stdout
    document = json.loads(out.read_text())
    assert document["series"][0]["cameras_sustained"] in (10, 11, 12)
    assert len(document["model_sha256"]) == 64
    assert document["model"] == "watchpost-person"
    assert document["options"]["active"] == "10%"
    assert page.read_text().startswith("<!doctype html>")
    options, job, *_ = asked
    assert isinstance(options, FleetOptions)
    assert isinstance(job, Job)
    assert (options.variant, options.clips, options.seconds, options.activity) == ("clean", 6, 30, 0.1)
    assert (job.approach, job.warm_s, job.seconds, job.fps) == ("watchpost_adaptive", 5.0, 20.0, 5.0)


def test_idle_cameras_show_how_it_grows(asked: list[FleetOptions | Job]) -> None:
    result = run("--idle", "--variant", "noisy", "--cameras", "5,10,12", "--seconds", 5)
    assert result.exit_code == 0, result.output
    options = asked[0]
    assert isinstance(options, FleetOptions)
    assert (options.variant, options.activity) == ("noisy", 0.0)
    assert [len(each.cameras) for each in asked if isinstance(each, Job)] == [5, 10, 12]
    assert "CPU grows by" in result.stdout
    assert "12 or more" in result.stdout


def test_a_series_for_each_activity(asked: list[FleetOptions | Job]) -> None:
    result = run("--active", "1%,0.5", "--cameras", 5, "--steady")
    assert result.exit_code == 0, result.output
    assert {each.approach for each in asked if isinstance(each, Job)} == {"watchpost"}
    assert [each.activity for each in asked if isinstance(each, FleetOptions)] == [0.01, 0.5]
    assert "1 % active" in result.stdout
    assert "50 % active" in result.stdout


def test_ctrl_c_keeps_what_was_measured(asked: list[FleetOptions | Job], tmp_path: Path) -> None:
    result = run("--cameras", "5,66", "--json", tmp_path / "out.json")
    assert result.exit_code == 130
    assert "5 or more (not finished)" in result.stdout
    assert [each["cameras"] for each in json.loads((tmp_path / "out.json").read_text())["series"][0]["runs"]] == [5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--variant", "rain"], "there are clean, clock, night, noisy"),
        (["--active", "often"], "give a share such as 10%"),
        (["--active", "120%"], "give a share such as 10%"),
        (["--cameras", "4,-1"], "give numbers from 1 on"),
        (["--video", "none.mp4"], "none.mp4 is no file"),
        (["--model", "none.onnx"], "there is no model file none.onnx"),
        (["--json", "no/such/folder.json"], "is no folder"),
    ],
)
def test_what_can_not_be_is_said(asked: list[FleetOptions | Job], arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, WatchpostError)
    assert said in str(result.exception)
    assert not asked


@pytest.mark.slow
def test_for_real(make_video: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    video = make_video(40)
    result = run("--video", video, "--cameras", "2,4", "--warm", 2, "--seconds", 4, "--json", out)
    assert result.exit_code == 0, result.output
    (series,) = json.loads(out.read_text())["series"]
    two, four = series["runs"]
    assert (two["cameras"], four["cameras"]) == (2, 4)
    assert four["error"] is None
    assert four["packets"] == pytest.approx(160, abs=12)  # 4 cameras at 10 frames/s for 4 s
    assert four["decoded"] > 0
    assert 0 < four["cpu_s"] < 2 * four["seconds"] * four["cores"]
    assert four["rss_mb"] > four["rss_empty_mb"] > 20


@pytest.mark.slow
def test_for_real_with_synthetic_streams(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    options = ["--streams", 1, "--quick", "--active", "30%", "--cameras", 3, "--warm", 2, "--seconds", 28]
    result = run(*options, "--json", out)
    assert result.exit_code == 0, result.output
    (series,) = json.loads(out.read_text())["series"]
    assert series["streams"]["visits_to_find"] >= 1
    (measured,) = series["runs"]
    assert measured["error"] is None
    assert measured["events"]["expected"] >= 1
    assert len(list((tmp_path / "cache" / "watchpost" / "bench-fleet").glob("*.mp4"))) == 1
