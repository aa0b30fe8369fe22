"""Judging runs: limits, and events put together to reports."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from watchpost.fleet.cameras import activity, deal, truth
from watchpost.fleet.clips import Clip
from watchpost.fleet.job import Happening, Job, Measured
from watchpost.fleet.outcome import Limits, judge, reports
from watchpost.fleet.visits import Visit

GOOD = Measured(
    seconds=60, packets_due=9000, packets=8990, decoded=8990, asked=3000, analysed=2990, cpu_s=30, lags_s=[0.1] * 100
)
VISIT = Visit(20, 30, 21, 8)
CLIP = Clip(Path("one.mp4"), 60, 15, 2, (VISIT,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"packets": 8000}, "read 89 % of the packets"),
        ({"asked": 6, "analysed": 5}, None),  # one has not had its turn when the time ends
        ({"analysed": 2700}, "analysed 90 % of the wanted frames"),
        ({"lags_s": [0.1] * 90 + [3.0] * 10}, "p95 lag 3.0 s"),
        ({"lags_s": [0.1] * 97 + [3.0] * 3}, None),
        ({"lags_s": [], "late": 900}, "read 10 % of the packets late"),
        ({"asked": 0, "analysed": 0, "lags_s": []}, None),
        ({"error": "it hangs"}, "it hangs"),
    ],
)
def test_limits(change: dict[str, object], said: str | None) -> None:
    assert Limits().broken(dataclasses.replace(GOOD, **change)) == said  # type: ignore[arg-type]


def test_appeared_and_left_make_one_report() -> None:
    happenings = [
        Happening(0, "appeared", 1, 3.0, 3.6, 3.7),
        Happening(0, "appeared", 2, 5.0, 5.6, 5.7),
        Happening(0, "left", 1, 3.0, 9.0, 11.1),
        Happening(0, "appeared", 1, 30.0, 30.6, 30.7),  # the tracker began to count anew
    ]
    assert [(each.start_s, each.end_s, each.reported_s) for each in reports(happenings, 40.0)] == [
        (3.0, 9.0, 3.7),
        (5.0, 40.0, 5.7),
        (30.0, 40.0, 30.7),
    ]


def test_judges_each_camera_by_its_own_clock() -> None:
    cameras = deal([CLIP], 2)
    job = Job("plain", cameras, Path("model.onnx"), warm_s=10, seconds=50)
    visits = truth([CLIP], cameras, 60)
    assert visits is not None
    happenings = [
        Happening(number, "appeared", 1, visit.enter_s + 1.2, visit.enter_s + 1.8, visit.enter_s + 1.9)
        for number, (visit, *_) in enumerate(visits)
    ]
    outcome = judge(job, dataclasses.replace(GOOD, seconds=50, happenings=happenings), Limits(), visits)
    assert outcome.score is not None
    assert (outcome.score.found, outcome.score.false) == (2, 0)
    assert outcome.score.delays_s == pytest.approx((0.9, 0.9))
    assert outcome.activity == pytest.approx(0.2, abs=0.03)
    assert outcome.as_dict()["events"]["recall"] == 1.0


def test_without_truth_there_is_no_score() -> None:
    clip = dataclasses.replace(CLIP, visits=None)
    cameras = deal([clip], 2)
    assert truth([clip], cameras, 60) is None
    outcome = judge(Job("plain", cameras, Path("model.onnx")), GOOD, Limits(), None)
    assert outcome.score is None
    assert "events" not in outcome.as_dict()


def test_fewer_cameras_are_the_first_ones_of_more() -> None:
    clips = [CLIP, dataclasses.replace(CLIP, path=Path("two.mp4"))]
    assert deal(clips, 9)[:5] == deal(clips, 5)


def test_cameras_are_spread_over_their_clip_and_over_the_gop() -> None:
    cameras = deal([CLIP], 30)
    assert len({camera.offset_s for camera in cameras}) >= 25
    assert all(camera.offset_s % CLIP.gop_s == 0 for camera in cameras)
    phases = sorted(camera.phase_s for camera in cameras)
    assert max(b - a for a, b in itertools.pairwise(phases)) < 3 * CLIP.gop_s / 30


def test_activity_is_the_mean_over_cameras() -> None:
    assert activity([[VISIT], []], 0, 60) == pytest.approx(10 / 120)


def test_jobs_and_results_survive_their_files() -> None:
    job = Job("plain", deal([CLIP], 2), Path("model.onnx"))
    assert Job.of_json(job.to_json()) == job
    measured = dataclasses.replace(GOOD, happenings=[Happening(0, "left", 1, 1.0, 2.0, 3.0)])
    assert Measured.of_json(measured.to_json()) == measured
