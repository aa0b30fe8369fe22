"""Real worker processes: killed, stopped, reloaded, left alone by their server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from clips import encode_clip, moving_square
from waiting import until
from watchpost.clock import SystemClock
from watchpost.config import Configuration, loads
from watchpost.runtime.boxes import Boxes, BoxReader
from watchpost.runtime.relay import RelayedHub
from watchpost.runtime.taps import Tap
from watchpost.runtime.workers import Workers
from watchpost.stores import EventFilter
from watchpost.types import Frame
from watchpost.video.decoder import Decoder

pytestmark = pytest.mark.slow


class Server:
    """A server of two workers, tended as `watchpost run` does it, without a page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        encode_clip(folder / "clip.mp4", moving_square(20, 160, 128), fps=10)
        self.hub = RelayedHub(SystemClock())
        self.workers = Workers(self.hub, SystemClock(), 2, 2)

    def configuration(self, *names: str) -> Configuration:
        source = "{source: clip.mp4, options: {realtime: true, loop: true}, tracker: sort}"
        cameras = "".join(f"  {name}: {source}\n" for name in names)
        text = f"data: data\nmodels: {{always: {{model: fake_rooms.always}}}}\ncameras:\n{cameras}"
        return loads(text, folder=self.folder)

    def live(self) -> set[str]:
        self.workers.tend()
        return {status.name for status in self.hub.cameras() if status.state == "live"}

    def analysed(self) -> dict[str, int]:
        self.workers.tend()
        return {camera.name: camera.analysed for camera in self.workers.figures().cameras}

    def worker(self, camera: str) -> psutil.Process:
        name = next(each.worker for each in self.workers.figures().cameras if each.name == camera)
        (found,) = (each for each in psutil.Process().children() if name in each.cmdline())
        return found


class Progress:
    """The longest time in which a camera's count of analysed frames did not grow."""

    def __init__(self, server: Server, camera: str) -> None:
        self._server, self._camera = server, camera
        self._count, self._grew_s = 0, time.monotonic()
        self.longest_s = 0.0

    def look(self) -> bool:
        count, now_s = self._server.analysed()[self._camera], time.monotonic()
        self.longest_s = max(self.longest_s, now_s - self._grew_s)
        if count > self._count:
            self._count, self._grew_s = count, now_s
        return True


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    made = Server(tmp_path)
    yield made
    made.workers.close()
    assert not [each for each in psutil.Process().children() if "watchpost.runtime.worker" in each.cmdline()]


def test_of_two_workers_one_is_killed_and_the_other_does_not_notice(server: Server) -> None:
    server.workers.apply(server.configuration("a", "b", "c"))
    assert until(lambda: server.live() == {"a", "b", "c"})
    assert until(lambda: all(count > 10 for count in server.analysed().values()))
    killed, spared = server.worker("a"), server.worker("b")
    killed.send_signal(signal.SIGKILL)
    progress = Progress(server, "b")
    assert until(lambda: progress.look() and server.live() == {"b"})
    assert not psutil.pid_exists(killed.pid)  # reaped
    died_s = time.monotonic()
    assert until(lambda: progress.look() and server.live() == {"a", "b", "c"})
    assert time.monotonic() - died_s < 12
    assert progress.longest_s < 3  # it is told once a second
    assert server.worker("b") == spared
    assert server.worker("a") != killed
    starts = {camera.name: camera.starts for camera in server.workers.figures().cameras}
    assert starts == {"a": 2, "b": 1, "c": 2}


def test_who_watches_at_the_server_sees_a_camera_of_a_worker_also_after_its_death(server: Server) -> None:
    server.workers.apply(server.configuration("a", "b"))
    assert until(lambda: server.live() == {"a", "b"})
    decoder = Decoder("b")
    shown: list[Frame] = []
    found: list[Boxes] = []

    def look(tap: Tap, reader: BoxReader) -> int:
        server.workers.tend()
        found.extend(reader.take())
        shown.extend(frame for packet in tap.take() for frame in decoder.decode(packet))
        return len(shown)

    with server.workers.taps.open("b") as tap, server.workers.boxes.open("b") as reader:
        assert until(lambda: look(tap, reader) >= 10 and len(found) > 0)
        assert shown[0].size == (160, 128)
        times_s = {round(frame.camera_time_s, 3) for frame in shown}
        assert any(round(boxes.moment.camera_time_s, 3) in times_s for boxes in found), "boxes belong to pictures"
        server.worker("b").send_signal(signal.SIGKILL)
        before = len(shown)
        assert until(lambda: look(tap, reader) >= before + 10)


def test_a_worker_that_is_stopped_in_order_loses_no_event(server: Server) -> None:
    server.workers.apply(server.configuration("a", "b"))
    assert until(lambda: {event.camera for event in server.hub.events()} == {"a", "b"})
    started_s = time.monotonic()
    server.workers.apply(server.configuration("b"))
    assert until(lambda: server.hub.events()[-1].kind == "left" or server.live() == set())
    server.workers.close()
    assert time.monotonic() - started_s < 10
    told = server.hub.events()
    for camera in "ab":
        kinds = [event.kind for event in told if event.camera == camera]
        assert kinds == ["appeared", "left"] * (len(kinds) // 2)
    assert not any("interrupted" in event.attributes for event in told)
    store = Workers(RelayedHub(SystemClock()), SystemClock(), 2, 2)
    store.apply(server.configuration())
    assert store.store is not None
    kept = {event.id for event in store.store.search(EventFilter(limit=1000))}
    store.close()
    assert kept == {event.id for event in told}


def test_a_reload_leaves_the_other_cameras_alone(server: Server) -> None:
    server.workers.apply(server.configuration("a", "b"))
    assert until(lambda: server.live() == {"a", "b"})
    before = server.worker("a"), server.worker("b")
    server.workers.apply(server.configuration("a", "b", "c"))
    assert until(lambda: server.live() == {"a", "b", "c"})
    assert (server.worker("a"), server.worker("b")) == before
    assert {camera.name: camera.starts for camera in server.workers.figures().cameras} == {"a": 1, "b": 1, "c": 1}
    number, jpeg = server.hub.jpeg("c", 320) or (0, b"")
    assert number > 0
    assert jpeg.startswith(b"\xff\xd8")


def test_a_worker_that_hangs_is_killed_and_its_cameras_return(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.workers.apply(server.configuration("a", "b"))
    assert until(lambda: server.live() == {"a", "b"})
    hung = server.worker("a")
    hung.send_signal(signal.SIGSTOP)  # it can not even report
    assert until(lambda: not server.workers.tend() and not psutil.pid_exists(hung.pid))
    assert "did not answer" in caplog.text
    assert until(lambda: server.live() == {"a", "b"})


def test_workers_die_with_a_server_that_is_killed(tmp_path: Path) -> None:
    encode_clip(tmp_path / "clip.mp4", moving_square(20, 160, 128), fps=10)
    camera = "{source: clip.mp4, options: {realtime: true, loop: true}}"
    config = tmp_path / "watchpost.yaml"
    config.write_text(
        "web: {port: 8997}\nprocesses: 2\nmodels: {always: {model: fake_rooms.always}}\n"
        f"cameras: {{a: {camera}, b: {camera}}}\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "watchpost", "run", str(config), "--unguarded"]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: len(psutil.Process(server.pid).children()) == 2)
        workers = psutil.Process(server.pid).children()
        assert until(lambda: all("watchpost.runtime.worker" in each.cmdline() for each in workers))
    finally:
        server.kill()
        server.wait()
    assert until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in workers))


def test_ctrl_c_stops_all_within_ten_seconds(tmp_path: Path) -> None:
    encode_clip(tmp_path / "clip.mp4", moving_square(20, 160, 128), fps=10)
    camera = "{source: clip.mp4, options: {realtime: true, loop: true}}"
    config = tmp_path / "watchpost.yaml"
    config.write_text(
        "web: {port: 8998}\nprocesses: 2\nmodels: {always: {model: fake_rooms.always}}\n"
        f"cameras: {{a: {camera}, b: {camera}}}\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "watchpost", "run", str(config)]
    log = tmp_path / "log"
    with log.open("w") as stderr:
        server = subprocess.Popen(command, env=environment, stderr=stderr, start_new_session=True)
    try:
        assert until(lambda: log.read_text().count("appeared") >= 2)
        workers = [each for each in psutil.Process(server.pid).children(recursive=True) if not each.children()]
        asked_s = time.monotonic()
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(20) == 0
        assert time.monotonic() - asked_s < 10
        assert len(workers) == 2
        assert not any(psutil.pid_exists(each.pid) for each in workers)
        assert "killed" not in log.read_text()
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
