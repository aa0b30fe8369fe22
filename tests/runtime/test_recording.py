"""Whatever else stops, hangs or dies in a server, not a second of a recording is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fake_rooms import moody
from filming import film
from waiting import until
from watchpost.clock import ManualClock, SystemClock
from watchpost.config import Configuration, loads
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import check
from watchpost.recordings.writer import CameraWriter
from watchpost.runtime import recording
from watchpost.runtime import supervisor as supervising
from watchpost.runtime.feed import Feed
from watchpost.runtime.live import LiveHub
from watchpost.runtime.recording import Keeper, limits, recorder_options, source_options
from watchpost.runtime.supervisor import Supervisor
from watchpost.stores import EventStore
from watchpost.types import Event, Packet

COUNT = 200


class Source:
    """A live camera that sends 20 s at once when somebody analyses it, and then goes on without a packet."""

    def __init__(self, camera: str, feeds: Sequence[Feed] = ()) -> None:
        self._camera = camera
        self._feeds = feeds
        self._closed = threading.Event()

    def packets(self) -> Iterator[Packet]:
        until(lambda: not self._feeds or self._closed.is_set() or any(feed._reader for feed in self._feeds))
        yield from film(COUNT, camera=self._camera)
        self._closed.wait(60)

    def close(self) -> None:
        self._closed.set()


class HangingSource(Source):
    """A camera that answers never."""

    def packets(self) -> Iterator[Packet]:
        self._closed.wait(60)
        yield from ()


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cameras that were connected to, in order."""
    opened: list[str] = []
    feeds: list[Feed] = []

    class NotedFeed(Feed):
        def start(self) -> None:
            feeds.append(self)
            super().start()

    monkeypatch.setattr(recording, "Feed", NotedFeed)

    def open_one(address: str, camera: str, *_: object) -> Source:
        opened.append(camera)
        return HangingSource(camera) if "dead" in address else Source(camera, feeds)

    monkeypatch.setattr(supervising, "open_source", open_one)
    return opened


def configuration(
    folder: Path, more: str = "", recording: str = "mode: continuous, segment: 5s", model: str = "moody"
) -> Configuration:
    text = f"""
data: {folder / "data"}
models: {{own: {{model: fake_rooms.{model}}}}}
cameras:
  gate: {{source: "rtsp://10.0.0.5/a", gate: {{enabled: false}}, recording: {{{recording}}}}}
{more}"""
    return loads(text, name="test.yaml", folder=folder)


def assert_all_is_recorded(folder: Path) -> None:
    archive = Archive(folder / "data")
    rows = archive.index.segments("gate")
    assert [round(row.first_camera_time_s) for row in rows] == [0, 5, 10, 15]
    assert rows[-1].last_camera_time_s == pytest.approx(COUNT / 10)
    assert {(row.gaps, row.lost, row.state) for row in rows} == {(0, 0, "closed")}
    assert check(archive, read_all=True).findings == ()
    archive.close()


def kept_s(supervisor: Supervisor) -> float:
    """Up to when the camera's recording is safe, in seconds."""
    figures = supervisor._recordings.figures("gate")
    return 0.0 if figures is None else figures.fragments * 2.0


class HangingOutlet:
    """A store and sinks that never return."""

    store: EventStore | None = None

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.hangs = threading.Event()

    def replace(self, config: Configuration) -> None: ...

    def events(self, events: Sequence[Event]) -> None:
        self.hangs.set()
        self.goes_on.wait(20)

    def close(self) -> None: ...


def test_a_detector_that_hangs(tmp_path: Path, sources: list[str]) -> None:
    hung, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        hung.set()
        goes_on.wait(20)

    moody.forget()
    moody.acts[0] = hang
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock(), detector_threads=1)
    supervisor.apply(configuration(tmp_path))
    assert hung.wait(20)
    assert until(lambda: kept_s(supervisor) >= 18)
    goes_on.set()
    supervisor.close()
    assert_all_is_recorded(tmp_path)
    assert sources == ["gate"]


def test_an_analysis_that_dies(tmp_path: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    supervisor = Supervisor(LiveHub(clock), clock, detector_threads=1)
    monkeypatch.setattr(supervisor, "_show", _fail)
    supervisor.apply(configuration(tmp_path))
    running = supervisor.running("gate")
    assert running is not None
    assert running.finished.wait(20)
    supervisor.tend()
    assert supervisor.running("gate") is None
    assert until(lambda: kept_s(supervisor) >= 18)  # while nobody analyses
    clock.advance(120)
    supervisor.tend()
    assert supervisor.running("gate") is not None
    supervisor.close()
    assert_all_is_recorded(tmp_path)
    assert sources == ["gate"]


def _fail(*_: object) -> None:
    raise RuntimeError("the page has a fault")


def test_a_store_that_hangs(tmp_path: Path, sources: list[str]) -> None:
    outlet = HangingOutlet()
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock(), outlet, detector_threads=1)
    supervisor.apply(configuration(tmp_path, model="always"))
    assert outlet.hangs.wait(20)
    assert until(lambda: kept_s(supervisor) >= 18)
    outlet.goes_on.set()
    supervisor.close()
    assert_all_is_recorded(tmp_path)


def test_another_camera_that_hangs(tmp_path: Path, sources: list[str]) -> None:
    other = '  yard: {source: "rtsp://dead/b", recording: {mode: continuous}}\n'
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock(), detector_threads=1)
    supervisor.apply(configuration(tmp_path, other))
    assert until(lambda: kept_s(supervisor) >= 18)
    supervisor.close()
    assert_all_is_recorded(tmp_path)


def test_a_change_of_the_analysis_leaves_the_recording_alone(tmp_path: Path, sources: list[str]) -> None:
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock(), detector_threads=1)
    before = configuration(tmp_path)
    supervisor.apply(before)
    assert until(lambda: kept_s(supervisor) >= 18)
    text = {"max_fps": 2.0}
    camera = before.cameras["gate"].model_copy(update=text)
    supervisor.apply(before.model_copy(update={"cameras": {"gate": camera}}))
    assert sources == ["gate"]
    supervisor.close()
    assert_all_is_recorded(tmp_path)


def test_what_is_switched_off_ends_and_is_not_connected_to_twice(tmp_path: Path, sources: list[str]) -> None:
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock(), detector_threads=1)
    supervisor.apply(configuration(tmp_path))
    assert until(lambda: kept_s(supervisor) >= 18)
    supervisor.apply(configuration(tmp_path, recording="mode: off"))
    assert_all_is_recorded(tmp_path)
    assert supervisor._recordings.figures("gate") is None
    supervisor.close()


def test_recordings_that_can_not_be_kept_do_not_stop_the_camera(tmp_path: Path, sources: list[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "recordings").write_text("a file where the folder should be")
    hub = LiveHub(ManualClock())
    supervisor = Supervisor(hub, ManualClock(), detector_threads=1)
    supervisor.apply(configuration(tmp_path))
    assert until(lambda: (hub.sequence("gate") or 0) > 0)
    supervisor.close()


def test_settings_are_what_they_mean(tmp_path: Path) -> None:
    text = "mode: events, before: 3s, after: 4s, keep: 2d, keep_events: 9d, gigabytes: 1.5, fragment: 1s"
    config = configuration(tmp_path, "recordings: {gigabytes: 20, free_gigabytes: 2}\n", text)
    camera = config.cameras["gate"]
    options = recorder_options(camera)
    assert (options.mode, options.before_s, options.after_s) == ("events", 3, 4)
    assert (options.lengths.segment_s, options.lengths.fragment_s) == (60, 1)
    found = limits(config)
    assert found.cameras["gate"].bytes == 1_500_000_000
    assert (found.cameras["gate"].age_s, found.cameras["gate"].event_age_s) == (2 * 86_400, 9 * 86_400)
    assert (found.bytes, found.free_bytes) == (20_000_000_000, 2_000_000_000)
    assert source_options(camera) == {"sound": True}
    quiet = camera.recording.model_copy(update={"sound": False})
    assert source_options(camera.model_copy(update={"recording": quiet})) == {}


def test_the_keeper_prunes_what_is_too_old(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "data")
    writer = CameraWriter("gate", archive, ManualClock())
    for packet in film(20):
        writer.add(packet)
    writer.finish()
    archive.close()
    keeper = Keeper(SystemClock())
    keeper.apply(configuration(tmp_path))
    assert keeper.archive is not None
    assert until(lambda: keeper.archive is not None and not keeper.archive.index.segments())
    keeper.close()


def test_a_camera_that_can_not_be_recorded_is_an_event(tmp_path: Path, sources: list[str]) -> None:
    (tmp_path / "data" / "recordings.db").mkdir(parents=True)
    hub = LiveHub(ManualClock())
    supervisor = Supervisor(hub, ManualClock(), detector_threads=1)
    supervisor.apply(configuration(tmp_path))
    told = [(each.camera, each.kind, each.attributes["camera"]) for each in hub.events() if each.rule == "system"]
    assert told == [("watchpost", "recording_failed", "gate")]
    assert until(lambda: (hub.sequence("gate") or 0) > 0)  # it is watched all the same
    supervisor.close()
