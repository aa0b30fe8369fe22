"""Series of runs on a scripted machine: the answer, its limit, what is kept of an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from watchpost.errors import WatchpostError
from watchpost.fleet import campaign, report, summary
from watchpost.fleet.campaign import Campaign, Plan
from watchpost.fleet.clips import Clip, FleetOptions
from watchpost.fleet.job import Happening, Job, Measured
from watchpost.fleet.outcome import Outcome
from watchpost.fleet.scoring import Score
from watchpost.fleet.series import Series
from watchpost.fleet.visits import Visit

Execute = Callable[[Job, Callable[[float], None]], Measured]
CARRIES = 23
VISIT = Visit(20, 30, 21, 8, known_start_s=21.2, known_s=21.8)


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.began: list[str] = []

    def rendering(self, done: int, total: int) -> None: ...

    def looking(self, done_s: float, total_s: float) -> None: ...

    def streams(self, series: Series) -> None:
        self.began.append(series.name)

    def running(self, job: Job, past_s: float) -> None: ...

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def machine(job: Job, told: Callable[[float], None]) -> Measured:
    """Carries 23 cameras; each takes 40 ms/s of a core and 3 MB; reports the visit of the first camera alone."""
    told(1.0)
    cameras = len(job.cameras)
    return Measured(
        seconds=job.seconds,
        cores=2,
        packets_due=900 * cameras,
        packets=900 * cameras,
        decoded=90 * cameras,
        asked=30 * cameras,
        analysed=30 * cameras,
        cpu_s=job.seconds * 0.04 * cameras,
        others_cpu_s=job.seconds * 0.2,
        rss_empty_mb=80.0,
        rss_mb=200.0 + 3 * cameras,
        lags_s=[0.1 if cameras <= CARRIES else 5.0] * 100,
        happenings=[Happening(0, "appeared", 1, 21.2, 21.8, 22.1)],
    )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "one.mp4"
    path.write_bytes(b"x" * 3_000_000)
    return path


@pytest.fixture(autouse=True)
def known_streams(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    """A stream a series with one visit, without rendering or decoding anything."""

    def make(options: FleetOptions, *_: object) -> list[Clip]:
        return [Clip(video, 60, 15, 2, (VISIT,) if options.activity else ())]

    monkeypatch.setattr(campaign, "make_clips", make)
    monkeypatch.setattr(campaign, "with_reference", lambda clips, *_: (clips, Score(expected=1, found=1)))
    monkeypatch.setattr(campaign, "clip_of", lambda path: Clip(path, 60, 15, 2))


def measured(plan: Plan, folder: Path, execute: Execute = machine) -> Campaign:
    run = Campaign(plan, folder, Told(), execute)
    run.run()
    return run


def plan(**wishes: object) -> Plan:
    return Plan(Path("model.onnx"), FleetOptions(), warm_s=10.0, seconds=50.0, **wishes)  # type: ignore[arg-type]


def test_the_number_is_raised_until_a_limit_breaks(tmp_path: Path) -> None:
    (series,) = measured(plan(rounds=2, tolerance=0.01), tmp_path).series
    assert series.sustained == CARRIES
    assert series.limit == (24, "p95 lag 5.0 s")
    assert series.is_finished
    facts = summary.facts(series)
    assert facts["cameras sustained"] == "23"
    assert facts["limit"] == "at 24: p95 lag 5.0 s"
    assert facts["runs that held"] == "2 of 2"
    assert facts["frames/s decoded"] == f"{90 * CARRIES / 50:.1f}"
    assert "(2 of " in facts["recall"]  # the first camera's, in both runs
    assert facts["capture to event"] == "0.30 / 0.30 / 0.30"
    assert facts["first sight to event"] == "1.10 / 1.10 / 1.10"
    assert facts["start off the truth"] == "0.20 / 0.20 / 0.20"
    assert facts["CPU"].startswith("40.0 ms a camera and second, 46 %")
    assert facts["memory grows by"].startswith("3.00 MB a camera + 120 MB (r² 1.000")
    assert facts["CPU grows by"].startswith("40.00 ms/s a camera ")
    assert facts["others on the machine"] == "10.0 %, at most 10 %"


def test_given_numbers_are_run_and_none_breaks(tmp_path: Path) -> None:
    (series,) = measured(plan(numbers=(5, 10)), tmp_path).series
    assert [each.cameras for each in series.outcomes] == [5, 10]
    assert summary.facts(series)["cameras sustained"] == "10 or more"
    assert summary.facts(series)["limit"] == "none broke"


def test_each_activity_has_its_series_and_idle_cameras_no_scores(tmp_path: Path) -> None:
    run = measured(plan(activities=(0.0, 0.5), numbers=(5,)), tmp_path)
    assert [each.name for each in run.series] == ["0 % active", "50 % active"]
    idle, busy = (summary.facts(each) for each in run.series)
    assert "of those full decode finds" not in idle
    assert "of those full decode finds" in busy


def test_videos_of_the_user_are_not_scored(tmp_path: Path, video: Path) -> None:
    (series,) = measured(plan(videos=(video,), numbers=(5,)), tmp_path).series
    assert series.name == "your videos"
    assert "recall" not in summary.facts(series)
    assert series.as_dict()["streams"]["visits_to_find"] is None


def test_measuring_waits_until_all_cameras_have_begun(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Job] = []

    def note(job: Job, told: Callable[[float], None]) -> Measured:
        jobs.append(job)
        return machine(job, told)

    monkeypatch.setattr(campaign, "clip_of", lambda path: Clip(path, 60, 15, 60))  # a single key frame
    wanted = Plan(Path("model.onnx"), FleetOptions(), videos=(video,), numbers=(50,), warm_s=1.0)
    measured(wanted, tmp_path, note)
    assert max(camera.phase_s for camera in jobs[0].cameras) < jobs[0].warm_s < 10


def test_an_interruption_keeps_what_was_measured(tmp_path: Path) -> None:
    def interrupted(job: Job, told: Callable[[float], None]) -> Measured:
        if len(job.cameras) > 5:
            raise KeyboardInterrupt
        return machine(job, told)

    run = Campaign(plan(numbers=(5, 10)), tmp_path, Told(), interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    (series,) = run.series
    assert [each.cameras for each in series.outcomes] == [5]
    assert summary.facts(series)["cameras sustained"] == "5 or more (not finished)"


def test_a_run_that_can_not_even_begin_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match=r"the first run failed: there is no model file"):
        measured(plan(), tmp_path, lambda *_: Measured(error="there is no model file"))


def test_a_crash_with_more_cameras_is_a_limit(tmp_path: Path) -> None:
    def crashes(job: Job, told: Callable[[float], None]) -> Measured:
        return machine(job, told) if len(job.cameras) <= 5 else Measured(error="its process ended with -9")

    (series,) = measured(plan(numbers=(5, 10)), tmp_path, crashes).series
    assert series.sustained == 5
    assert series.limit == (10, "its process ended with -9")
    assert summary.line(series.outcomes[1]).endswith("its process ended with -9")


def test_lines_are_as_wide_as_their_heading(tmp_path: Path) -> None:
    (series,) = measured(plan(numbers=(5,)), tmp_path).series
    line = summary.line(series.outcomes[0])
    assert len(line.removesuffix("held").rstrip()) == len(summary.heading().rstrip())
    assert "10!" in line


def test_doubts_are_said(tmp_path: Path) -> None:
    others, few = summary.warnings(measured(plan(numbers=(5,)), tmp_path).series)
    assert "10 %" in others
    assert "few visits (1)" in few


def test_the_report_is_whole(tmp_path: Path) -> None:
    series = measured(plan(activities=(0.0, 0.5), numbers=(5, 10, 50)), tmp_path).series
    about = report.Subject("a <machine>", "1", None, "model", "abc" * 20, {"variant": "clean"}, "2026-01-01")
    document = json.loads(json.dumps(report.document(about, series)))
    assert document["series"][1]["cameras_sustained"] == 10
    assert document["series"][1]["limit"] == {"cameras": 50, "broke": "p95 lag 5.0 s"}
    assert document["series"][1]["growth"]["memory_mb"]["per_camera"] == pytest.approx(3.0)
    run = document["series"][1]["runs"][0]
    assert run["others_share"] == pytest.approx(0.1)
    assert run["capture_to_event_p50_p95_p99_s"] == pytest.approx([0.3, 0.3, 0.3])
    page = report.html(about, series)
    assert "a &lt;machine&gt;" in page
    assert "http" not in page
    plots = [ElementTree.fromstring(part.partition("</figure>")[0]) for part in page.split("<figure>")[1:]]
    titles = [each.attrib["aria-label"] for each in plots]
    assert titles[:2] == ["CPU", "Memory"]
    assert "Recall" in titles
    assert len(plots[0].findall("polyline")) == 2
    assert len(plots[0].findall("circle")) == 6
