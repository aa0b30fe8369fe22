"""Cameras played from files: offset, rounds, pace, order."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import pytest

from clips import encode_clip, moving_square
from watchpost.errors import WatchpostError
from watchpost.fleet.cameras import FleetCamera, deal
from watchpost.fleet.clips import Clip, FleetOptions, make_clips
from watchpost.fleet.feed import Feed, in_due_order
from watchpost.video.decoder import Decoder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    options = FleetOptions(clips=1, seconds=2, gop_s=1, width=128, height=96, fps=5, activity=0.0)
    return make_clips(options, tmp_path_factory.mktemp("clips"), lambda *_: None)[0]


def camera(clip: Clip, offset_s: float, phase_s: float = 0.0) -> FleetCamera:
    return FleetCamera("gate", clip.path, clip.seconds, clip.fps, clip.gop_s, offset_s, phase_s)


def test_time_starts_at_0_and_goes_on_from_round_to_round(clip: Clip) -> None:
    feed = Feed(camera(clip, 1.0))
    feed.begin(100.0)
    played = list(itertools.islice(feed.due_packets(), 25))
    assert [packet.camera_time_s for _, packet in played] == pytest.approx([number / 5 for number in range(25)])
    assert [due_s for due_s, _ in played] == pytest.approx([100 + number / 5 for number in range(25)])
    assert [number for number, (_, packet) in enumerate(played) if packet.is_key] == [0, 5, 10, 15, 20]
    assert played[0][1].stream is played[-1][1].stream  # so that decoders stay open


def test_b_frames_before_the_first_dts_are_played(tmp_path: Path) -> None:
    encode_clip(tmp_path / "b.mp4", moving_square(10), fps=5, gop=5, bframes=2)
    feed = Feed(FleetCamera("gate", tmp_path / "b.mp4", 2.0, 5.0, 1.0, 0.0, 0.0))
    decoder = Decoder("gate")
    frames = [frame for _, packet in itertools.islice(feed.due_packets(), 40) for frame in decoder.decode(packet)]
    assert [frame.camera_time_s for frame in frames] == pytest.approx([number / 5 for number in range(len(frames))])
    assert len(frames) >= 36


def test_what_is_late_is_counted_and_not_lost(clip: Clip) -> None:
    feed = Feed(camera(clip, 0.0))
    feed.begin(time.monotonic() - 2.9)
    stop = threading.Event()
    assert len(list(itertools.islice(feed.packets(stop), 10))) == 10
    assert feed.tally.packets == 10
    assert feed.tally.late == 10  # the last was due 1.1 s ago


def test_a_stop_ends_the_waiting(clip: Clip) -> None:
    feed = Feed(camera(clip, 0.0))
    feed.begin(time.monotonic() + 60)
    stop = threading.Event()
    stop.set()
    assert list(feed.packets(stop)) == []


def test_one_reader_gets_all_cameras_in_order(clip: Clip) -> None:
    feeds = [Feed(camera(clip, 0.0, phase_s)) for phase_s in (0.1, 0.0, 0.15)]
    begun_s = time.monotonic() - 10
    for feed in feeds:
        feed.begin(begun_s)
    played = list(itertools.islice(in_due_order(feeds, threading.Event()), 9))
    assert [feeds.index(feed) for feed, _ in played] == [1, 0, 2] * 3


def test_the_same_options_render_once(tmp_path: Path) -> None:
    options = FleetOptions(clips=2, seconds=2, gop_s=1, width=128, height=96, fps=5, activity=0.0)
    told: list[tuple[int, int]] = []
    first = make_clips(options, tmp_path, lambda *done: told.append(done))
    assert told == [(number, 20) for number in range(1, 21)]
    assert make_clips(options, tmp_path, lambda *done: told.append(done)) == first
    assert len(told) == 20
    assert len({camera.path for camera in deal(first, 4)}) == 2


def test_a_clip_ends_with_its_gop(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="no whole number of GOPs"):
        make_clips(FleetOptions(seconds=15), tmp_path, lambda *_: None)


def test_the_truth_is_of_the_stretch_that_is_played(tmp_path: Path) -> None:
    options = FleetOptions(clips=1, seconds=20, width=128, height=72, fps=2, activity=0.5)
    clip = make_clips(options, tmp_path, lambda *_: None)[0]
    assert clip.visits
    for visit in clip.visits:
        assert 1 <= visit.enter_s < visit.leave_s <= 16
        assert visit.seen_from_s is None or visit.enter_s <= visit.seen_from_s <= visit.leave_s
        assert visit.seen_s <= visit.leave_s - visit.enter_s + 0.01
