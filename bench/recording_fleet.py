"""What a recording server takes: N cameras recorded without a pause and analysed behind their gates, with one viewer.

    python bench/recording_fleet.py --cameras 50 [--seconds 120] [--watched 9] [--model blind] [--json FILE]

Cameras of 720p15 H.264 (a key frame every 2 s, about 2 Mbit/s, somebody in view for a fifth of the time) are rendered
once, kept, and played over RTSP by a process of their own. `watchpost run`, with its page on, records them all
(`mode: continuous`) and watches them as a new user's configuration would have it: the model that comes along, five
analysed frames a second, asleep while nothing happens. `--model blind` puts a detector in its place that finds nothing
for nothing.; no setting turns analysis off as a whole.

The viewer is a wall without its browser: the page's stream of news, and the live video of `--watched` cameras over
their WebSockets. It and the cameras share the machine: what others took is told too. At the end the server is stopped,
index and files are held against each other, every byte read, and what is missing in the recordings is looked for.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from watchpost.fleet.cache import folder as cache_folder
from watchpost.fleet.render import Rendering, render_all
from watchpost.recordings.archive import Archive
from watchpost.runtime.usage import machine_cpu_s
from watchpost.scene.options import SceneOptions

ROOT = Path(__file__).parents[1]
FPS = 15
CRF = 21
"""x264's; the clips are printed with what comes of it."""
CLIPS, CLIP_S, GOP_S = 4, 40, 2
PORT = 8974
_STARTS_WITHIN_S = 120.0


@dataclass
class Viewer:
    """One connection for a camera's live video, read in a thread of its own."""

    camera: str
    pictures: int = 0
    bytes: int = 0
    boxes: int = 0
    lost: int = 0
    longest_s: float = 0.0
    """Between two pictures."""
    is_counting: bool = False
    _last_s: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Reads until the server closes."""
        try:
            with connect(f"ws://127.0.0.1:{PORT}/api/live/{self.camera}", max_size=None) as socket:
                is_header = False
                for message in socket:
                    if isinstance(message, str):
                        said = json.loads(message)
                        is_header = said["kind"] == "header"
                        self.boxes += self.is_counting and said["kind"] == "boxes"
                        self.lost = said.get("lost", self.lost)
                    elif not is_header:
                        self._picture(len(message))
        except (ConnectionClosed, OSError) as error:
            if self.is_counting:
                print(f"{self.camera}: the viewer was let go: {error}", file=sys.stderr)

    def _picture(self, size: int) -> None:
        now_s = time.monotonic()
        if self.is_counting:
            self.pictures += 1
            self.bytes += size
            self.longest_s = max(self.longest_s, now_s - self._last_s)
        self._last_s = now_s


@dataclass
class News:
    """The page's stream of news."""

    bytes: int = 0
    is_counting: bool = False

    def run(self) -> None:
        """Reads until the server closes."""
        try:
            with urlopen(f"http://127.0.0.1:{PORT}/api/events/stream", timeout=30) as answer:
                while line := answer.readline():
                    self.bytes += self.is_counting and len(line)
        except OSError as error:
            if self.is_counting:
                print(f"the news broke off: {error}", file=sys.stderr)


def clips(cache: Path) -> list[Path]:
    """The clips, rendered where they are not kept."""
    wanted = [
        Rendering(SceneOptions(camera=number, fps=FPS, people=2, activity=0.2), 0, CLIP_S, GOP_S, CRF, "veryfast")
        for number in range(CLIPS)
    ]
    missing = [each for each in wanted if not (cache / f"{each.name}.json").exists()]
    if missing:
        print(f"rendering {len(missing)} clips, once", file=sys.stderr)
        cache.mkdir(parents=True, exist_ok=True)
        render_all(missing, cache, os.cpu_count() or 1, lambda _: None)
    return [cache / f"{each.name}.mp4" for each in wanted]


def measure(arguments: argparse.Namespace, sources: str, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run the server, watch it, stop it, and look at what it has left."""
    names = [f"camera{number:02d}" for number in range(arguments.cameras)]
    lines = [f"web: {{port: {PORT}}}", f"data: {folder / 'data'}", "recordings: {free_gigabytes: 0.1}"]
    lines += ["defaults: {recording: {mode: continuous}}", "cameras:"]
    lines += [f"  {name}: {{source: '{sources}/{number}'}}" for number, name in enumerate(names)]
    if arguments.model == "blind":
        lines.append("models: {blind: {model: bench.live_view.blind_detector}}")
    config = folder / "watchpost.yaml"
    config.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "watchpost", "run", str(config), "--unguarded"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=log)
    try:
        wait_for(lambda: live() == len(names), _STARTS_WITHIN_S)
        found = watch(server.pid, names, folder / "data" / "recordings", arguments)
    except BaseException:
        print((folder / "log").read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        server.terminate()
        server.wait(60)
    check = subprocess.run(
        [sys.executable, "-m", "watchpost", "check", "--read", "--data", str(folder / "data"), "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if not check.stdout:
        raise RuntimeError(check.stderr)
    found["findings"] = len(json.loads(check.stdout)["findings"])
    return found | recorded(folder / "data", names)


def watch(pid: int, names: list[str], files: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """What the server takes and the viewer gets, once all cameras have settled."""
    viewers = [Viewer(name) for name in names[: arguments.watched]]
    news = News()
    for each in (*viewers, news):
        threading.Thread(target=each.run, daemon=True).start()
    time.sleep(arguments.settle)
    load, dropped_0, bytes_0 = psutil.getloadavg()[0], sum(each["dropped"] for each in status()), size_of(files)
    own_0, machine_0, start_s = cpu_s(pid), machine_cpu_s(), time.monotonic()
    for each in (*viewers, news):
        each.is_counting = True
    memory_mb, asleep, analysed_fps = [], [], []
    while (left_s := start_s + arguments.seconds - time.monotonic()) > 0:
        time.sleep(min(5.0, left_s))
        memory_mb.append(rss_mb(pid))
        now = status()
        asleep.append(sum(each["gate"] == "asleep" for each in now))
        analysed_fps.append(sum(each["fps"] for each in now))
    passed_s = time.monotonic() - start_s
    own_s, machine_s = cpu_s(pid) - own_0, machine_cpu_s() - machine_0
    for each in (*viewers, news):
        each.is_counting = False
    return {
        "seconds": passed_s,
        "load_before": load,
        "server_cores": own_s / passed_s,
        "other_cores": (machine_s - own_s) / passed_s,
        "memory_mb": max(memory_mb),
        "written_mbit": (size_of(files) - bytes_0) * 8e-6 / passed_s,
        "asleep": sum(asleep) / len(asleep),
        "analysed_fps": sum(analysed_fps) / len(analysed_fps),
        "dropped": sum(each["dropped"] for each in status()) - dropped_0,
        "watched": len(viewers),
        "viewer_fps": sum(each.pictures for each in viewers) / passed_s / max(1, len(viewers)),
        "viewer_mbit": sum(each.bytes for each in viewers) * 8e-6 / passed_s,
        "viewer_boxes": sum(each.boxes for each in viewers) / passed_s,
        "viewer_lost": sum(each.lost for each in viewers),
        "viewer_longest_s": max((each.longest_s for each in viewers), default=0.0),
        "news_bytes_s": news.bytes / passed_s,
    }


def recorded(data: Path, names: list[str]) -> dict[str, Any]:
    """What the index has of the cameras: files, and what is missing within and between them."""
    archive = Archive(data)
    rows = {name: archive.index.segments(name) for name in names}
    archive.close()
    between_s = [
        after.first_camera_time_s - before.last_camera_time_s
        for each in rows.values()
        for before, after in itertools.pairwise(each)
    ]
    return {
        "segments": sum(map(len, rows.values())),
        "cameras_recorded": sum(map(bool, rows.values())),
        "gaps": sum(row.gaps for each in rows.values() for row in each)
        + sum(abs(each) > 1.5 / FPS for each in between_s),
        "lost": sum(row.lost for each in rows.values() for row in each),
    }


def show(found: dict[str, Any], arguments: argparse.Namespace) -> None:
    """The table."""
    rows = {
        "cameras, Mbit/s of each as sent": f"{arguments.cameras}, {found['clip_mbit']:.2f}",
        "measured, s; load of the machine before": f"{found['seconds']:.0f}; {found['load_before']:.1f}",
        "server, cores (with its children)": f"{found['server_cores']:.2f}",
        "all else on the machine, cores": f"{found['other_cores']:.2f}",
        "server, resident MB at most": f"{found['memory_mb']:.0f}",
        "written, MB/s": f"{found['written_mbit'] / 8:.2f}",
        "files; cameras that have some": f"{found['segments']}; {found['cameras_recorded']}",
        "gaps; packets lost; what check --read finds": f"{found['gaps']}; {found['lost']}; {found['findings']}",
        "cameras asleep, on average": f"{found['asleep']:.1f}",
        "analysed frames a second; dropped in all": f"{found['analysed_fps']:.1f}; {found['dropped']}",
        f"viewer of {found['watched']}: pictures a second of each": f"{found['viewer_fps']:.2f} of {FPS}",
        "viewer: Mbit/s; boxes messages a second": f"{found['viewer_mbit']:.1f}; {found['viewer_boxes']:.1f}",
        "viewer: packets lost; longest wait for a picture, s": (
            f"{found['viewer_lost']}; {found['viewer_longest_s']:.2f}"
        ),
        "viewer: news of the page, kB/s": f"{found['news_bytes_s'] / 1000:.1f}",
    }
    print("| | |\n| --- | --- |")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


def status() -> list[dict[str, Any]]:
    """The cameras as the server tells them."""
    with urlopen(f"http://127.0.0.1:{PORT}/api/cameras", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def live() -> int:
    """How many cameras are live."""
    try:
        return sum(each["state"] == "live" for each in status())
    except OSError:
        return 0


def processes(pid: int) -> list[psutil.Process]:
    """A process and its descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and its living descendants."""
    times = [each.cpu_times() for each in processes(pid)]
    return sum(each.user + each.system for each in times)


def rss_mb(pid: int) -> float:
    """Their resident memory; what they share counts in each."""
    return sum(each.memory_info().rss for each in processes(pid)) / 1e6


def size_of(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def wait_for(condition: Callable[[], bool], within_s: float) -> None:
    """Until it holds."""
    end_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_s:
            raise RuntimeError("the cameras did not come up")
        time.sleep(0.5)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--settle", type=float, default=30.0, help="seconds before it counts")
    parser.add_argument("--watched", type=int, default=9, help="cameras on the viewer's wall; 0: nobody watches")
    parser.add_argument("--model", choices=("default", "blind"), default="default")
    parser.add_argument("--folder", type=Path, help="where to record; by default a temporary folder")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    films = clips(cache_folder())
    command = [sys.executable, "-m", "bench.live_view.file_cameras", str(arguments.cameras), str(CLIP_S)]
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
        subprocess.Popen(
            [*command, *map(str, films)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        ) as cameras,
    ):
        assert cameras.stdout is not None
        try:
            sources = f"rtsp://127.0.0.1:{int(cameras.stdout.readline())}"
            found = measure(arguments, sources, Path(folder), environment)
        finally:
            cameras.kill()
    found["clip_mbit"] = sum(each.stat().st_size for each in films) * 8e-6 / (CLIP_S * len(films))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    show(found, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
