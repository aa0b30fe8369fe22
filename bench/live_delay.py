"""Delay from camera to browser canvas, and how far boxes are off their picture, in a real browser.

    python bench/live_delay.py [--cameras 4] [--seconds 30] [--fps 15] [--processes 1] [--json FILE]

Cameras that film the clock (bench/live_view/clock_camera.py: 720p H.264 in MPEG-TS over HTTP, in their own process)
are watched by `watchpost run` with a detector that finds their square and takes 30 ms. Headless Chromium shows them all
in `<wp-player>`; for each picture that a player presents, the bar code is read back from a canvas and held against the
clock, and the square's place at that moment against the box that is drawn over it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.live_view.clock_camera import BITS, CELL, CELLS, SIDE, SPEED, WIDTH, square_left  # noqa: E402

WATCH = """async ({names, cell, cells, bits}) => {
  await import("/static/player.js");
  document.body.replaceChildren();
  document.body.style.cssText = "margin:0;display:grid;grid-template-columns:1fr 1fr;gap:2px";
  globalThis.samples = Object.fromEntries(names.map((name) => [name, []]));
  globalThis.states = {};
  const canvas = new OffscreenCanvas(cell * cells, 4);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  for (const name of names) {
    const player = document.createElement("wp-player");
    player.setAttribute("camera", name);
    player.addEventListener("state", ({detail}) => { states[name] = [detail.state, detail.mode, detail.detail]; });
    player.addEventListener("frame", ({detail}) => {
      const now = Date.now();
      const video = player.video;
      context.drawImage(video, 0, cell / 2 - 2, cell * cells, 4, 0, 0, cell * cells, 4);
      const row = context.getImageData(0, 2, cell * cells, 1).data;
      let value = 0, check = 0;
      for (let index = 0; index < cells; index += 1) {
        const bit = row[(index * cell + cell / 2) * 4] > 127 ? 1 : 0;
        if (index < bits) value = value * 2 + bit;
        else check = check * 2 + bit;
      }
      let sum = 0;
      for (let rest = value; rest > 0; rest = Math.floor(rest / 16)) sum += rest % 16;
      if ((sum & 15) !== check) return;
      samples[name].push([now, value, detail.objects.map(({box}) => box[0]), player.delay, player.wishedDelay]);
    });
    document.body.append(player);
  }
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--settle", type=float, default=10.0, help="seconds before the first sample counts")
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--processes", type=int, default=1, help="worker processes of the server")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    names = [f"camera {number}" for number in range(1, arguments.cameras + 1)]
    command = [sys.executable, "-m", "bench.live_view.clock_camera", str(arguments.fps)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as cameras,
    ):
        assert cameras.stdout is not None
        try:
            sources = f"http://127.0.0.1:{int(cameras.stdout.readline())}"
            samples = _watch(Path(folder), sources, names, arguments, environment)
        finally:
            cameras.kill()
    result = {name: _summary(each, arguments.fps) for name, each in samples.items()}
    _show(result, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": platform.machine(), "cameras": result}, indent=2))


def _watch(
    folder: Path, sources: str, names: list[str], arguments: argparse.Namespace, environment: dict[str, str]
) -> dict[str, list[Any]]:
    """What the browser noted of each camera."""
    port = 8973
    lines = [f"web: {{port: {port}}}", f"processes: {arguments.processes}", f"data: {folder / 'data'}"]
    lines += ["models: {square: {model: bench.live_view.square_detector}}", "cameras:"]
    lines += [f"  {name}: {{source: '{sources}/{number}'}}" for number, name in enumerate(names)]
    config = folder / "watchpost.yaml"
    config.write_text("\n".join(lines) + "\n")
    server = subprocess.Popen(
        [sys.executable, "-m", "watchpost", "run", str(config), "--unguarded"],
        env=environment,
        cwd=ROOT,
        stderr=(folder / "log").open("w"),
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(lambda: _live(address) == len(names))
        return _browse(address, names, arguments)
    except Exception:
        print((folder / "log").read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        server.terminate()
        server.wait(30)


def _browse(address: str, names: list[str], arguments: argparse.Namespace) -> dict[str, list[Any]]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1282, "height": 722})
        page.on("console", lambda message: print("browser:", message.text, file=sys.stderr))
        page.on("pageerror", lambda error: print("browser:", error, file=sys.stderr))
        page.goto(f"{address}/healthz")
        page.evaluate(WATCH, {"names": names, "cell": CELL, "cells": CELLS, "bits": BITS})
        time.sleep(arguments.settle)
        page.evaluate("() => { for (const each of Object.values(samples)) each.length = 0; }")
        time.sleep(arguments.seconds)
        found: dict[str, list[Any]] = page.evaluate("() => samples")
        print("states:", page.evaluate("() => states"), file=sys.stderr)
        browser.close()
    return found


def _summary(samples: list[Any], fps: int) -> dict[str, float]:
    """Delays in ms, box offsets in frames of the camera."""
    delays, offsets, without = [], [], 0
    for now_ms, value, lefts, _behind, _wished in samples:
        taken_ms = now_ms - (now_ms - value) % (1 << BITS)
        delays.append(now_ms - taken_ms)
        if lefts:
            off = abs(lefts[0] * WIDTH - square_left(taken_ms / 1000))
            offsets.append(off / (SPEED / fps))
        else:
            without += 1
    behind = [each[3] for each in samples if each[3] is not None]
    return {
        "pictures": len(samples),
        "delay_median_ms": statistics.median(delays),
        "delay_p95_ms": _quantile(delays, 0.95),
        "player_delay_ms": 1000 * statistics.median(behind),
        "wished_delay_ms": 1000 * statistics.median(each[4] for each in samples),
        "off_median_frames": statistics.median(offsets),
        "off_p95_frames": _quantile(offsets, 0.95),
        "within_one_frame": sum(each <= 1.0 for each in offsets) / len(offsets),
        "without_box": without / len(samples),
    }


def _show(result: dict[str, dict[str, float]], arguments: argparse.Namespace) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, {arguments.fps} fps, a square {SIDE} pixels wide\n")
    print(
        "| camera | pictures | delay: median, ms | p95 | in the player | boxes off, frames: median | p95 | within one |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, each in result.items():
        print(
            f"| {name} | {each['pictures']} | {each['delay_median_ms']:.0f} | {each['delay_p95_ms']:.0f} | "
            f"{each['player_delay_ms']:.0f} | {each['off_median_frames']:.2f} | {each['off_p95_frames']:.2f} | "
            f"{each['within_one_frame']:.0%} |"
        )


def _live(address: str) -> int:
    """How many cameras are live."""
    try:
        with urlopen(f"{address}/api/cameras", timeout=5) as answer:
            return sum(each["state"] == "live" for each in json.load(answer))
    except OSError:
        return 0


def _wait_for(condition: Any) -> None:
    end_s = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end_s:
            raise RuntimeError("the cameras did not come up")
        time.sleep(0.2)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
