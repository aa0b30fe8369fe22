"""Cameras that misbehave, and that the others do not notice."""

from __future__ import annotations

import dataclasses
import itertools
import time
from pathlib import Path

import pytest

from watchpost.errors import SourceError, WatchpostError
from watchpost.fleet import faults, runner
from watchpost.fleet.cameras import Fault, FleetCamera, deal
from watchpost.fleet.clips import Clip, FleetOptions, make_clips
from watchpost.fleet.faults import FeedSource, faulty, heavy_clip
from watchpost.fleet.feed import Feed
from watchpost.fleet.job import Job
from watchpost.fleet.outcome import Limits
from watchpost.fleet.trial import Trial
from watchpost.fleet.visits import Visit
from watchpost.plugins import model_file
from watchpost.types import Packet


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    options = FleetOptions(clips=1, seconds=2, gop_s=1, width=128, height=96, fps=5, activity=0.0)
    return make_clips(options, tmp_path_factory.mktemp("clips"), lambda *_: None)[0]


def feed(clip: Clip, fault: Fault | None, begun_s_ago: float) -> Feed:
    """A camera that has been sending for so long, so that what is due before now needs no waiting."""
    camera = FleetCamera("gate", clip.path, clip.seconds, clip.fps, clip.gop_s, 0.0, 0.0, fault)
    made = Feed(camera)
    made.begin(time.monotonic() - begun_s_ago)
    return made


def taken(source: FeedSource) -> list[Packet]:
    """What comes before it breaks off."""
    packets = []
    try:
        for packet in source.packets():
            packets.append(packet)  # noqa: PERF402 - what came before the error counts
    except SourceError:
        return packets
    raise AssertionError("it did not break off")


def test_faults_survive_the_way_to_the_child(clip: Clip) -> None:
    cameras = [*deal([clip], 2), *faulty(deal([clip], 4), clip)]
    job = Job("watchpost", cameras, Path("model.onnx"))
    assert Job.of_json(job.to_json()).cameras == cameras
    assert [camera.fault for camera in cameras] == [None, None, *Fault]


def test_a_healthy_camera_sends_on(clip: Clip) -> None:
    packets = itertools.islice(FeedSource(feed(clip, None, 100)).packets(), 50)
    assert [packet.pts is not None for packet in packets] == [True] * 50


def test_a_flapping_camera_sends_a_little_each_time(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    own = feed(clip, Fault.FLAPPING, 10.1)
    monkeypatch.setattr(own, "wait_until", lambda *_: True)
    first, second = taken(FeedSource(own)), taken(FeedSource(own))
    assert len(first) == len(second) == 5
    assert first[0].is_key
    assert first[0].camera_time_s == 11  # the first key frame from now on: nothing of before the connection


def test_a_stalled_camera_breaks_off_after_the_timeout(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_TIMEOUT_S", 0.0)
    own = feed(clip, Fault.STALLED, faults._STALLS_AFTER_S + 0.1)
    assert taken(FeedSource(own)) == []
    sending = FeedSource(feed(clip, Fault.STALLED, 1.0)).packets()
    assert len(list(itertools.islice(sending, 3))) == 3


def test_a_corrupt_camera_sends_everything(clip: Clip) -> None:
    packets = list(itertools.islice(FeedSource(feed(clip, Fault.CORRUPT, 100)).packets(), 100))
    healthy = list(itertools.islice(FeedSource(feed(clip, None, 100)).packets(), 100))
    assert [packet.pts for packet in packets] == [packet.pts for packet in healthy]
    assert sum(bytes(one.payload) != bytes(two.payload) for one, two in zip(packets, healthy, strict=True)) > 15


def test_the_heavy_clip_is_made_once_and_shows_somebody(clip: Clip, tmp_path: Path) -> None:
    seen = dataclasses.replace(clip, visits=(Visit(0.5, 2, 1, 1.0),))
    made = heavy_clip([seen], tmp_path, size=(320, 240), seconds=1.0)
    written = made.path.stat().st_mtime_ns
    assert heavy_clip([seen], tmp_path, size=(320, 240), seconds=1.0) == made
    assert made.path.stat().st_mtime_ns == written
    assert (made.seconds, made.fps) == (1.0, 5)
    with pytest.raises(WatchpostError, match="no clip shows anybody"):
        heavy_clip([clip], tmp_path)


@pytest.mark.slow
def test_healthy_cameras_do_not_notice_the_others(tmp_path: Path) -> None:
    options = FleetOptions(clips=2, seconds=20, width=640, height=360, activity=0.4)
    clips = make_clips(options, tmp_path, lambda *_: None, 2)
    heavy = heavy_clip(clips, tmp_path, size=(1920, 1080))
    model = model_file("watchpost-person")
    assert model is not None
    trial = Trial(clips, model, 5.0, "bytetrack", 5.0, 25.0, Limits(most_lag_s=2.0), runner.run)
    alone = trial.run("watchpost", 2)
    along = trial.run("watchpost", 2, faulty(deal(clips, 6)[2:], heavy))
    assert alone.broken is None
    assert along.broken is None
    assert along.measured.packets_due == pytest.approx(alone.measured.packets_due, rel=0.05)
    assert alone.score is not None
    assert along.score is not None
    assert alone.score.expected > 0
    assert along.score.found >= alone.score.found
